/** A rule as a form has it: texts, as they are typed, and back. What isn't understood goes to the server as it is, which
 * says what is wrong with it and where. */

import type { Schemas } from '../api/client';
import { ACTIONS, kindOf, type ActionType, type Aggregation, type Compared, type Severity } from './kinds';

export type AlertRule = Schemas['AlertRule'];
export type RuleBody = Schemas['RuleToMake'];
type Condition = Schemas['Condition'];
type Action = Schemas['Action'];

export interface Pair {
  name: string;
  value: string;
}

export interface ConditionForm {
  aggregation: Aggregation;
  query: string;
  service: string;
  level: string;
  host: string;
  compare: Compared;
  threshold: string;
  window: string;
  field: string;
  of: string;
  against: '' | 'previous' | 'last_week';
  at_least: string;
  match: '' | 'all' | 'any';
  conditions: readonly ConditionForm[];
}

export interface ActionForm {
  type: ActionType;
  url: string;
  body: string;
  headers: readonly Pair[];
  secret: string;
  routing_key: string;
  to: readonly string[];
}

export interface RuleForm {
  name: string;
  condition: ConditionForm;
  actions: readonly ActionForm[];
  /** It was written as `action`, as which its hidden secrets are known. */
  single: boolean;
  group_by: readonly string[];
  for: string;
  cooldown: string;
  severity: Severity;
  labels: readonly Pair[];
  runbook: string;
  description: string;
  enabled: boolean;
  max_groups: string;
}

export function emptyCondition(aggregation: Aggregation = 'count'): ConditionForm {
  return { aggregation, query: '', service: '', level: '', host: '', compare: '>', threshold: '', window: '5m', field: '', of: '', against: '', at_least: '', match: '', conditions: [] };
}

export function emptyAction(type: ActionType): ActionForm {
  return { type, url: '', body: '', headers: [], secret: '', routing_key: '', to: [] };
}

export function emptyRule(): RuleForm {
  return { name: '', condition: emptyCondition(), actions: [], single: false, group_by: [], for: '0', cooldown: '10m', severity: 'error', labels: [], runbook: '', description: '', enabled: true, max_groups: '10000' };
}

/** Of a rule as the API has it, or of what somebody wrote; what it doesn't say is as in an empty one. */
export function formOf(rule: Partial<RuleBody>): RuleForm {
  const empty = emptyRule();
  const actions = rule.action ? [rule.action] : (rule.actions ?? []);
  return {
    name: rule.name ?? '',
    condition: rule.condition ? conditionForm(rule.condition) : empty.condition,
    actions: actions.map(actionForm),
    single: rule.action !== undefined,
    group_by: rule.group_by ?? [],
    for: secondsText(rule.for ?? 0),
    cooldown: secondsText(rule.cooldown_seconds ?? 600),
    severity: rule.severity ?? empty.severity,
    labels: pairs(rule.labels),
    runbook: rule.runbook ?? '',
    description: rule.description ?? '',
    enabled: rule.enabled ?? true,
    max_groups: String(rule.max_groups ?? 10_000),
  };
}

function conditionForm(condition: Partial<Condition>): ConditionForm {
  const { aggregation = 'count', query = '', service = '', level = '', host = '', compare = '>', field = '', of, against, match } = condition;
  const number = (value: number | null | undefined) => (value === null || value === undefined ? '' : String(value));
  return {
    aggregation,
    query,
    service,
    level,
    host,
    compare,
    field,
    threshold: number(condition.threshold),
    window: secondsText(condition.window_seconds ?? 300),
    of: of ?? '',
    against: against ?? '',
    at_least: number(condition.at_least),
    match: match ?? '',
    conditions: (condition.conditions ?? []).map(conditionForm),
  };
}

function actionForm(action: Partial<Action>): ActionForm {
  const { type = 'webhook', url = '', body = '', headers, secret = '', routing_key = '', to = [] } = action;
  return { type, url, body, headers: pairs(headers), secret, routing_key, to };
}

/** What stands for a secret that the server doesn't show. */
export const HIDDEN = '…';

/** Without what is hidden: elsewhere than it was, nobody knows what it stands for. */
export function withoutHidden(action: ActionForm): ActionForm {
  return {
    ...action,
    url: action.url.includes(HIDDEN) ? '' : action.url,
    secret: action.secret === HIDDEN ? '' : action.secret,
    routing_key: action.routing_key === HIDDEN ? '' : action.routing_key,
    headers: action.headers.map(({ name, value }) => ({ name, value: value === HIDDEN ? '' : value })),
  };
}

/** The actions without one. Those behind it move up, where the server would take the hidden secrets of those that were
 * there before, and tell somebody else. */
export function withoutAction(actions: readonly ActionForm[], place: number): ActionForm[] {
  return actions.flatMap((action, at) => (at < place ? [action] : at > place ? [withoutHidden(action)] : []));
}

/** The body of a rule that is sent. */
export function ruleOf(form: RuleForm): RuleBody {
  const actions = form.actions.map(actionOf);
  const rule: Record<string, unknown> = { name: form.name, ...watched(form) };
  if (form.single && actions.length === 1) rule.action = actions[0];
  else if (actions.length) rule.actions = actions;
  rule.cooldown_seconds = secondsOf(form.cooldown);
  rule.severity = form.severity;
  rule.enabled = form.enabled;
  const labels = objectOf(form.labels);
  if (Object.keys(labels).length) rule.labels = labels;
  if (form.runbook) rule.runbook = form.runbook;
  if (form.description) rule.description = form.description;
  return rule as unknown as RuleBody;
}

/** What of it a backtest looks at. */
export function watched(form: RuleForm): Omit<RuleBody, 'name'> {
  const rule: Record<string, unknown> = { condition: conditionOf(form.condition), for: secondsOf(form.for), max_groups: numberOf(form.max_groups) };
  if (form.group_by.length) rule.group_by = [...form.group_by];
  return rule as unknown as RuleBody;
}

/** Only what its kind takes. */
function conditionOf(form: ConditionForm, isInner = false): Record<string, unknown> {
  const { takes } = kindOf(form.aggregation);
  const found: Record<string, unknown> = { aggregation: form.aggregation };
  for (const name of ['query', 'service', 'level', 'host'] as const) if (form[name]) found[name] = form[name];
  if (takes.includes('threshold')) {
    found.compare = form.compare;
    if (form.threshold.trim()) found.threshold = numberOf(form.threshold);
  }
  // A composite's window is for all of its conditions.
  if (!isInner) found.window_seconds = secondsOf(form.window);
  if (takes.includes('field') && form.field) found.field = form.field;
  if (takes.includes('of') && form.of) found.of = form.of;
  if (takes.includes('against') && form.against) found.against = form.against;
  if (takes.includes('at_least') && form.at_least.trim()) found.at_least = numberOf(form.at_least);
  if (takes.includes('match') && form.match) found.match = form.match;
  if (takes.includes('conditions')) found.conditions = form.conditions.map((inner) => conditionOf(inner, true));
  return found;
}

function actionOf(form: ActionForm): Record<string, unknown> {
  const found: Record<string, unknown> = { type: form.type };
  for (const name of ACTIONS[form.type].takes) {
    if (name === 'headers') {
      const headers = objectOf(form.headers);
      if (Object.keys(headers).length) found.headers = headers;
    } else if (name === 'to') {
      if (form.to.length) found.to = [...form.to];
    } else if (form[name]) found[name] = form[name];
  }
  return found;
}

/** Whether it says all that its kind can't do without: there is nothing to try before. */
export function isComplete(form: ConditionForm): boolean {
  return kindOf(form.aggregation).needs.every((name) =>
    name === 'conditions' ? form.conditions.length > 1 && form.conditions.every(isComplete) : Boolean(form[name].trim()),
  );
}

const MISSING: Record<string, string> = { threshold: 'a threshold', field: 'a field', conditions: 'what each of its conditions needs' };

/** What it doesn't say yet of what its kind can't do without: `a field and a threshold`. */
export function missingText(form: ConditionForm): string {
  const missing = kindOf(form.aggregation).needs.filter((name) => name === 'conditions' || !form[name].trim());
  return missing.map((name) => MISSING[name]!).join(' and ');
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `90`, `90s`, `5m`, `1h30m` as seconds; a text that is none as it is. */
export function secondsOf(text: string): number | string {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  if (!/^(\d+[smhd])+$/.test(trimmed)) return trimmed;
  return [...trimmed.matchAll(/(\d+)([smhd])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
}

/** The shortest of `45s`, `5m`, `1h`, `1d` that says it. */
export function secondsText(seconds: number | string): string {
  if (typeof seconds === 'string' || seconds === 0) return String(seconds);
  for (const unit of ['d', 'h', 'm']) if (seconds % UNITS[unit]! === 0) return `${seconds / UNITS[unit]!}${unit}`;
  return `${seconds}s`;
}

function numberOf(text: string): number | string {
  const number = Number(text.trim().replace(',', '.'));
  return text.trim() && Number.isFinite(number) ? number : text.trim();
}

function pairs(object: Record<string, string> | undefined): Pair[] {
  return Object.entries(object ?? {}).map(([name, value]) => ({ name, value }));
}

function objectOf(given: readonly Pair[]): Record<string, string> {
  return Object.fromEntries(given.filter(({ name, value }) => name || value).map(({ name, value }) => [name.trim(), value]));
}

/** What of a rule is its own, to be exported, copied or compared: without what the server says besides. */
export function ownPart(rule: AlertRule): RuleBody {
  const { rule_id: _id, read_only: _only, file: _file, created: _created, created_by: _by, updated: _updated, updated_by: _who, version: _version, ...own } = rule;
  return own;
}
