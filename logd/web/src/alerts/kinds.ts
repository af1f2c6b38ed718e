/** What a condition can be, in words, and which settings each kind takes: as logd/alerts/rules.py has it. */

import type { Schemas } from '../api/client';

export type Aggregation = Schemas['Condition']['aggregation'];
export type Compared = Schemas['Condition']['compare'];
export type Severity = 'critical' | 'error' | 'warning' | 'info';
export type Setting = 'threshold' | 'field' | 'of' | 'against' | 'at_least' | 'match' | 'conditions';

export interface Kind {
  aggregation: Aggregation;
  name: string;
  help: string;
  takes: readonly Setting[];
  needs: readonly Setting[];
  /** What the threshold is, and its unit. */
  threshold?: string;
}

const OF_NUMBERS: readonly (readonly [Aggregation, string, string])[] = [
  ['avg', 'Average of a field', 'The mean of the numbers in a field.'],
  ['min', 'Lowest of a field', 'The lowest number in a field.'],
  ['max', 'Highest of a field', 'The highest number in a field.'],
  ['sum', 'Sum of a field', 'The sum of the numbers in a field.'],
  ['p50', 'Median (p50) of a field', 'Half of the numbers in a field are below it.'],
  ['p90', '90th percentile (p90) of a field', 'Nine of ten numbers in a field are below it; within 1 %.'],
  ['p95', '95th percentile (p95) of a field', '95 of 100 numbers in a field are below it; within 1 %.'],
  ['p99', '99th percentile (p99) of a field', '99 of 100 numbers in a field are below it; within 1 %.'],
];

export const KINDS: readonly Kind[] = [
  { aggregation: 'count', name: 'Number of lines', help: 'How many lines match within the window. Told as soon as they are counted.', takes: ['threshold'], needs: ['threshold'], threshold: 'lines' },
  { aggregation: 'rate', name: 'Lines a second', help: 'How many lines match each second, on average over the window.', takes: ['threshold'], needs: ['threshold'], threshold: 'lines/s' },
  {
    aggregation: 'ratio',
    name: 'Share of lines',
    help: 'Which share of the lines of these services and hosts matches the query and the levels, from 0 to 1. With “out of”, the share of those that match that.',
    takes: ['threshold', 'of'],
    needs: ['threshold'],
    threshold: 'from 0 to 1',
  },
  { aggregation: 'spike', name: 'Sudden rise', help: 'How many times as many lines as in an earlier window, where that one had enough to compare with.', takes: ['threshold', 'against', 'at_least'], needs: ['threshold'], threshold: 'times as many' },
  { aggregation: 'distinct', name: 'Distinct values', help: 'How many different values a field has within the window.', takes: ['threshold', 'field'], needs: ['threshold', 'field'], threshold: 'values' },
  ...OF_NUMBERS.map(([aggregation, name, help]): Kind => ({ aggregation, name, help, takes: ['threshold', 'field'], needs: ['threshold', 'field'] })),
  {
    aggregation: 'absence',
    name: 'Silence',
    help: 'A group that wrote lines has written none for a whole window. With “while there is”, only as long as it has some that match that: who is down isn’t told.',
    takes: ['of'],
    needs: [],
  },
  { aggregation: 'new_value', name: 'A new value', help: 'A field has a value that it didn’t have in the window before.', takes: ['field'], needs: ['field'] },
  { aggregation: 'new_pattern', name: 'A new kind of message', help: 'A message has a pattern that no message had in the window before.', takes: [], needs: [] },
  { aggregation: 'composite', name: 'Several conditions', help: 'All of several conditions, or any of them, are true in the same window, for the same group. What is said here of services and queries holds for each of them.', takes: ['match', 'conditions'], needs: ['conditions'] },
];

const BY_NAME = new Map(KINDS.map((kind) => [kind.aggregation, kind]));

export function kindOf(aggregation: Aggregation): Kind {
  return BY_NAME.get(aggregation) ?? KINDS[0]!;
}

/** Within a composite there are neither further ones, nor what is new. */
export const INNER_KINDS = KINDS.filter(({ aggregation }) => !['composite', 'new_value', 'new_pattern'].includes(aggregation));

/** Whether its field has to have numbers. */
export function isNumeric(aggregation: Aggregation): boolean {
  return OF_NUMBERS.some(([one]) => one === aggregation);
}

export const COMPARED: readonly (readonly [Compared, string])[] = [
  ['>', 'above'],
  ['>=', 'at least'],
  ['<', 'below'],
  ['<=', 'at most'],
];
export const SEVERITIES: readonly Severity[] = ['critical', 'error', 'warning', 'info'];

export type ActionType = Schemas['Action']['type'];
export type ActionSetting = 'url' | 'body' | 'headers' | 'secret' | 'routing_key' | 'to';

export const ACTIONS: Record<ActionType, { name: string; help: string; takes: readonly ActionSetting[] }> = {
  webhook: { name: 'Webhook', help: 'A POST of JSON, or of your own body. With a secret it is signed (Logd-Signature).', takes: ['url', 'headers', 'secret', 'body'] },
  slack: { name: 'Slack', help: 'To an incoming webhook of Slack, or of what is compatible with it.', takes: ['url'] },
  pagerduty: { name: 'PagerDuty', help: 'By the Events API v2: each group is an incident of its own.', takes: ['routing_key', 'url'] },
  alertmanager: { name: 'Alertmanager', help: 'To the API v2 of a Prometheus Alertmanager, with the rule’s labels.', takes: ['url', 'headers'] },
  email: { name: 'E-mail', help: 'By the mail server of alerts.notify.smtp.', takes: ['to'] },
};
