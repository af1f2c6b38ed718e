import { expect, test } from 'vitest';

import { emptyAction, emptyCondition, emptyRule, formOf, isComplete, missingText, ownPart, ruleOf, secondsOf, secondsText, watched, withoutAction, type AlertRule, type RuleBody } from './form';
import { KINDS } from './kinds';

const COMMON = { for: 0, cooldown_seconds: 600, severity: 'error', enabled: true, max_groups: 10_000 } as const;
const condition = (plain: object) => plain as RuleBody['condition'];

/** As the server gives them back. */
const RULES: Record<string, RuleBody> = {
  count: { name: 'a', ...COMMON, condition: condition({ aggregation: 'count', query: 'timeout', service: 'payment,cart', level: 'ERROR, FATAL', host: 'a', threshold: 100, compare: '>', window_seconds: 300 }) },
  rate: { name: 'a', ...COMMON, condition: condition({ aggregation: 'rate', threshold: 0.5, compare: '<=', window_seconds: 45 }) },
  ratio: { name: 'a', ...COMMON, condition: condition({ aggregation: 'ratio', level: 'ERROR', of: 'path:/pay', threshold: 0.05, compare: '>', window_seconds: 3_600 }) },
  spike: { name: 'a', ...COMMON, condition: condition({ aggregation: 'spike', against: 'last_week', at_least: 50, threshold: 3, compare: '>=', window_seconds: 86_400 }) },
  'spike as told': { name: 'a', ...COMMON, condition: condition({ aggregation: 'spike', against: 'previous', threshold: 3, compare: '>', window_seconds: 60 }) },
  distinct: { name: 'a', ...COMMON, condition: condition({ aggregation: 'distinct', field: 'user_id', threshold: 1_000, compare: '>', window_seconds: 600 }) },
  ...Object.fromEntries(
    (['avg', 'min', 'max', 'sum', 'p50', 'p90', 'p95', 'p99'] as const).map((aggregation) => [
      aggregation,
      { name: 'a', ...COMMON, condition: condition({ aggregation, field: 'metadata.latency_ms', threshold: -1.5, compare: '<', window_seconds: 90 }) },
    ]),
  ),
  absence: { name: 'a', ...COMMON, condition: condition({ aggregation: 'absence', service: 'payment', of: '*', window_seconds: 900 }), group_by: ['host', 'metadata.region'] },
  new_value: { name: 'a', ...COMMON, condition: condition({ aggregation: 'new_value', field: 'user_agent', window_seconds: 604_800 }) },
  new_pattern: { name: 'a', ...COMMON, condition: condition({ aggregation: 'new_pattern', service: 'search', window_seconds: 3_600 }) },
  composite: {
    name: 'a',
    ...COMMON,
    condition: condition({
      aggregation: 'composite',
      match: 'any',
      service: 'payment',
      window_seconds: 3_600,
      conditions: [
        { aggregation: 'p99', field: 'latency_ms', threshold: 5_000, compare: '>' },
        { aggregation: 'ratio', level: 'ERROR', threshold: 0.1, compare: '>' },
        { aggregation: 'absence', of: 'alive' },
      ],
    }),
  },
  'all that a rule can say': {
    name: 'a: <b>',
    for: 120,
    cooldown_seconds: 0,
    severity: 'critical',
    enabled: false,
    max_groups: 5,
    condition: condition({ aggregation: 'count', threshold: 0, compare: '>', window_seconds: 61 }),
    group_by: ['host'],
    labels: { team: 'payment', tier: '1' },
    runbook: 'https://runbooks.example.org/x',
    description: 'two\nlines',
    actions: [
      { type: 'webhook', url: 'https://hooks.example.org/…', headers: { Authorization: '…' }, secret: 'env:ALERT_A', body: '{"a": 1}' },
      { type: 'slack', url: 'env:ALERT_SLACK' },
      { type: 'pagerduty', routing_key: 'file:/etc/key' },
      { type: 'alertmanager', url: 'http://alertmanager:9093', headers: { 'X-Scope': 'a' } },
      { type: 'email', to: ['a@example.org', 'b@example.org'] },
    ] as unknown as RuleBody['actions'],
  },
  'one action stays one': { name: 'a', ...COMMON, condition: condition({ aggregation: 'count', threshold: 1, compare: '>', window_seconds: 60 }), action: { type: 'webhook', url: 'https://a.example.org/…' } as unknown as RuleBody['action'] },
};

test.each(Object.entries(RULES))('%s goes into the form and comes back as it was', (_, rule) => {
  expect(ruleOf(formOf(rule))).toEqual(rule);
});

test('every kind is among them', () => {
  const tried = new Set(Object.values(RULES).map((rule) => rule.condition.aggregation));
  expect(KINDS.map(({ aggregation }) => aggregation).filter((one) => !tried.has(one))).toEqual([]);
});

test('what a kind does not take is not sent, and is there again for another kind', () => {
  const form = formOf(RULES.spike!);
  const counted = { ...form, condition: { ...form.condition, aggregation: 'count' as const } };
  expect(ruleOf(counted).condition).toEqual({ aggregation: 'count', threshold: 3, compare: '>=', window_seconds: 86_400 });
  expect(ruleOf({ ...counted, condition: { ...counted.condition, aggregation: 'spike' } })).toEqual(RULES.spike);
});

test('with a second action, one becomes several', () => {
  const form = formOf(RULES['one action stays one']!);
  const two = ruleOf({ ...form, actions: [...form.actions, { ...form.actions[0]!, url: 'env:ALERT_B' }] });
  expect(two.action).toBeUndefined();
  expect(two.actions?.map(({ url }) => url)).toEqual(['https://a.example.org/…', 'env:ALERT_B']);
});

test('a backtest looks at neither the name nor who is told', () => {
  const rule = RULES['all that a rule can say']!;
  expect(watched(formOf(rule))).toEqual({ condition: rule.condition, for: 120, max_groups: 5, group_by: ['host'] });
});

test('what is not understood goes to the server, which says so', () => {
  const form = { ...emptyRule(), for: 'a while', condition: { ...emptyCondition(), threshold: 'many', window: '5x' } };
  const rule = ruleOf(form);
  expect(rule.for).toBe('a while');
  expect([rule.condition.threshold, rule.condition.window_seconds]).toEqual(['many', '5x']);
  expect(ruleOf(emptyRule()).condition).not.toHaveProperty('threshold');
});

test('what a rule has beside itself is not its own', () => {
  const kept: AlertRule = { ...RULES.count!, rule_id: 'x', read_only: false, created: '', created_by: null, updated: '', updated_by: 'me', version: 3 };
  expect(ownPart(kept)).toEqual(RULES.count);
});

test.each([
  ['90', 90],
  ['90s', 90],
  ['5m', 300],
  ['1h30m', 5_400],
  ['2d', 172_800],
  ['5 m', '5 m'],
  ['', ''],
])('%s as seconds', (text, seconds) => {
  expect(secondsOf(text)).toBe(seconds);
});

test.each([0, 1, 45, 60, 90, 300, 3_600, 5_400, 86_400, 604_800])('%d s are written so that they are read', (seconds) => {
  expect(secondsOf(secondsText(seconds))).toBe(seconds);
});

test('a condition is complete once it says what its kind needs', () => {
  expect(isComplete(emptyCondition('count'))).toBe(false);
  expect(isComplete({ ...emptyCondition('count'), threshold: '0' })).toBe(true);
  expect(missingText(emptyCondition('avg'))).toBe('a threshold and a field');
  expect(isComplete({ ...emptyCondition('avg'), threshold: '0' })).toBe(false);
  expect(isComplete(emptyCondition('absence'))).toBe(true);
  const one = { ...emptyCondition('count'), threshold: '1' };
  expect(isComplete({ ...emptyCondition('composite'), conditions: [one] })).toBe(false);
  expect(isComplete({ ...emptyCondition('composite'), conditions: [one, one] })).toBe(true);
  expect(isComplete({ ...emptyCondition('composite'), conditions: [one, emptyCondition('count')] })).toBe(false);
});

test('a target that moves up loses its hidden secrets, which the place would be asked for', () => {
  const slack = (url: string) => ({ ...emptyAction('slack'), url });
  const actions = [slack('https://hooks.slack.com/…'), slack('https://hooks.slack.com/…'), slack('env:ALERT_URL')];
  expect(withoutAction(actions, 0).map(({ url }) => url)).toEqual(['', 'env:ALERT_URL']);
  expect(withoutAction(actions, 1).map(({ url }) => url)).toEqual(['https://hooks.slack.com/…', 'env:ALERT_URL']);
});
