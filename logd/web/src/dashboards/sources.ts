/** Panels about what logd says of itself, and about patterns: what they ask, and what is shown of it. */

import { api, body } from '../api/client';
import { timeText } from '../state/time';
import { filters, notes, rangeIn, searchOf, type Asking } from './asking';
import type { Panel, Source, Threshold } from './document';
import { linkOf } from './links';
import type { Notes, Shown, StatusItem } from './shown';
import { colourAt, unitText } from './units';

type Ask = (panel: Panel, asking: Asking) => Promise<Shown>;

/** How a panel's source is asked; undefined for those that are records. */
export function ownSource({ source }: Panel): Ask | undefined {
  return ASKED[source ?? 'logs'];
}

const ASKED: { [name in Source]?: Ask } = { patterns, alerts, lag, slow_searches: slowSearches, usage };
const TOP = 10;

async function patterns(panel: Panel, asking: Asking): Promise<Shown> {
  const search = await searchOf(panel, asking.signal);
  const range = rangeIn(search, asking.range);
  const query = { ...filters(search, range, asking.maxAge), limit: panel.top ?? TOP };
  const answer = await asking.turn(() => body(api.GET('/api/v1/logs/patterns', { params: { query: query as never }, signal: asking.signal })));
  const count = answer.patterns.reduce((sum, one) => sum + one.count, 0) + answer.other;
  if (panel.type === 'number') return { kind: 'number', value: answer.patterns.length + answer.other_patterns, times: [], values: [], ...notes(answer) };
  const services = (one: (typeof answer.patterns)[number]) => one.services.map(({ value }) => value ?? '–').join(', ') + (one.other_services ? ` +${one.other_services}` : '');
  const link = linkOf(search, range, true, undefined);
  const shown = { kind: 'table' as const, links: answer.patterns.map(() => link), ...notes(answer), ...(answer.other ? { others: answer.other } : {}) };
  const counts = { name: 'count', unit: 'count' as const, number: true, bar: true };
  if (panel.type === 'top') return { ...shown, columns: [{ name: 'message' }, counts], rows: answer.patterns.map((one) => [one.template, one.count]) };
  return {
    ...shown,
    columns: [{ name: 'message' }, { name: 'services' }, { name: 'last seen', unit: 'time' }, { name: 'share', unit: 'percent', number: true }, counts],
    rows: answer.patterns.map((one) => [one.template, services(one), one.last_seen, count ? one.count / count : null, one.count]),
  };
}

const SEVERE: Record<string, StatusItem['state']> = { critical: 'danger', error: 'danger', warning: 'warning', info: 'none' };

async function alerts(panel: Panel, { signal, turn }: Asking): Promise<Shown> {
  const limit = panel.type === 'number' ? 0 : (panel.top ?? TOP);
  const answer = await turn(() => body(api.GET('/api/v1/alerts', { params: { query: { state: ['firing'], limit, samples: false } as never }, signal })));
  if (panel.type === 'number') return { kind: 'number', value: answer.counts.firing, times: [], values: [] };
  const group = (one: (typeof answer.alerts)[number]) => Object.values(one.group).map((value) => value ?? '–').join(' · ');
  const more = answer.total > answer.alerts.length ? { others: answer.total - answer.alerts.length } : {};
  if (panel.type === 'status') {
    const items = answer.alerts.map((one) => ({
      name: [one.rule, group(one)].filter(Boolean).join(' · '),
      state: SEVERE[one.severity] ?? ('danger' as const),
      text: one.severity,
      more: one.fired ? `since ${timeText(one.fired, { millis: false })}` : undefined,
      link: '/alerts',
    }));
    return { kind: 'status', items, ...more };
  }
  return {
    kind: 'table',
    columns: [{ name: 'severity' }, { name: 'rule' }, { name: 'group' }, { name: 'value', number: true }, { name: 'since', unit: 'time' }],
    rows: answer.alerts.map((one) => [one.severity, one.rule, group(one), one.value, one.fired]),
    links: answer.alerts.map(() => '/alerts'),
    ...more,
  };
}

const WAITED = '.oldest_seconds';
const WAITING = '.lag_messages';
/** Of the age of what waits, in milliseconds. */
const LATE: Threshold[] = [
  { value: 0, colour: 'good' },
  { value: 15_000, colour: 'warning' },
  { value: 60_000, colour: 'danger' },
];

/** How far the groups of the stream are behind: how long the first message waits, in milliseconds, or how many wait. */
async function lag(panel: Panel, { signal, turn }: Asking): Promise<Shown> {
  const { times, series } = await turn(() => body(api.GET('/api/v1/status/history', { signal })));
  const names = (end: string) => Object.keys(series).filter((name) => name.endsWith(end));
  const isWaited = names(WAITED).length > 0;
  const end = isWaited ? WAITED : WAITING;
  const lines = names(end).map((name) => ({ name: name.slice(0, -end.length), value: null, values: series[name]!.map((value) => (value === null || !isWaited ? value : 1_000 * value)) }));
  const unit = isWaited ? 'ms' : 'count';
  switch (panel.type) {
    case 'timeseries':
      return { kind: 'chart', times: times.map((time) => Date.parse(time)), series: lines };
    case 'number': {
      const worst = times.map((_, at) => most(lines.map(({ values }) => values[at] ?? null)));
      return { kind: 'number', value: worst.at(-1) ?? null, times: times.map((time) => Date.parse(time)), values: worst };
    }
    case 'status':
      return {
        kind: 'status',
        items: lines.map(({ name, values }) => {
          const [value, waiting] = [values.at(-1) ?? null, series[name + WAITING]?.at(-1)];
          const thresholds = panel.thresholds ?? LATE;
          const text = value === null ? '–' : isWaited && value === 0 ? 'up to date' : unitText(value, unit);
          return { name, state: colourAt(value, thresholds) ?? ('none' as const), text, more: waiting ? `${unitText(waiting, 'count')} waiting` : undefined, link: '/admin/pipeline' };
        }),
      };
    default:
      return { kind: 'table', columns: [{ name: 'group' }, { name: 'behind', unit, number: true, bar: true }], rows: lines.map(({ name, values }) => [name, values.at(-1) ?? null]) };
  }
}

function most(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length ? Math.max(...known) : null;
}

async function slowSearches(panel: Panel, { signal, turn }: Asking): Promise<Shown> {
  const { searches } = await turn(() => body(api.GET('/api/v1/slow_searches', { signal })));
  const found = searches.slice(0, panel.top ?? TOP);
  const said = (parameters: Record<string, string>) =>
    Object.entries(parameters)
      .filter(([name]) => name !== 'max_age')
      .map(([name, value]) => (name === 'q' ? value : `${name}=${value}`))
      .join(' ') || '*';
  if (panel.type === 'number') return { kind: 'number', value: found[0]?.took_ms ?? null, times: [], values: [] };
  const took = { name: 'took', unit: 'ms' as const, number: true, bar: true };
  if (panel.type === 'top') return { kind: 'table', columns: [{ name: 'search' }, took], rows: found.map((one) => [`${one.kind} ${said(one.parameters)}`, one.took_ms]) };
  return {
    kind: 'table',
    columns: [{ name: 'search' }, { name: 'parameters' }, { name: 'status' }, { name: 'at', unit: 'time' }, took],
    rows: found.map((one) => [one.kind, said(one.parameters), one.status === 'done' ? 'done' : one.status.replace('_', ' '), one.at, one.took_ms]),
  };
}

async function usage(panel: Panel, { signal, turn }: Asking): Promise<Shown> {
  const { services, rows, bytes, missing } = await turn(() => body(api.GET('/api/v1/retention/usage', { params: { query: { services: true } as never }, signal })));
  const found = (services ?? []).toSorted((a, b) => b.bytes - a.bytes);
  const said: Notes = missing.length ? { partial: true, warnings: missing } : {};
  if (panel.type === 'number') return { kind: 'number', value: bytes, times: [], values: [], ...said };
  const shown = found.slice(0, panel.top ?? TOP);
  const size = { name: 'bytes', unit: 'bytes' as const, number: true, bar: true };
  const name = (service: string | null) => service || (service === null ? 'not known' : '–');
  const rest = found.length > shown.length ? { others: rows - shown.reduce((sum, one) => sum + one.rows, 0) } : {};
  if (panel.type === 'top') return { kind: 'table', columns: [{ name: 'service' }, size], rows: shown.map((one) => [name(one.service), one.bytes]), ...said, ...rest };
  return {
    kind: 'table',
    columns: [{ name: 'service' }, { name: 'records', unit: 'count', number: true }, size],
    rows: shown.map((one) => [name(one.service), one.rows, one.bytes]),
    ...said,
    ...rest,
  };
}
