/** What a panel asks the API, and what is shown of the answers. */

import { api, body, type Schemas } from '../api/client';
import type { Range } from '../state/time';
import { valuesOf, written } from '../state/values';
import { list, type Panel, type PanelSearch } from './document';
import { anyOf, before, ends, figure, groupName, intervalOf, linesOf, share, shareLines, shareRows, timesOf, type Group } from './figures';
import { groupLink } from './links';
import type { Figure, Notes, Rows, Shown, Statuses } from './shown';
import { ownSource } from './sources';
import { colourAt, unitText } from './units';

export interface Asking {
  /** The dashboard's. */
  range: Range;
  signal: AbortSignal;
  /** How old an answer may be, in seconds. */
  maxAge: number;
  /** Each call waits for its turn. */
  turn: <T>(call: () => Promise<T>) => Promise<T>;
}

/** The name that stats have for it. */
export const BYTES = 'bytes(message)';
const PIECES = 90;
const MOST_GROUPS = 1_000;
const TOP = 10;

type Stats = Schemas['StatsAnswer'];

/** Asks, and rejects as the API does. */
export async function ask(panel: Panel, asking: Asking): Promise<Shown> {
  const own = ownSource(panel);
  if (own) return own(panel, asking);
  const question = await questionOf(panel, asking);
  switch (panel.type) {
    case 'timeseries':
      return chart(panel, question);
    case 'number':
      return number(panel, question);
    case 'status':
      return status(panel, question);
    case 'table':
    case 'top':
      return rows(panel, question);
  }
}

/** A panel's search with all that it says itself, or that a saved one says. */
export async function searchOf(panel: Panel, signal: AbortSignal): Promise<PanelSearch> {
  if (!panel.saved) return panel.search ?? {};
  const { searches } = await body(api.GET('/api/v1/searches', { signal }));
  const found = searches.find(({ name }) => name === panel.saved)?.search;
  if (!found) throw new Error(`there is no saved search ${panel.saved}`);
  const { q, service, level, host, default_operator } = found as PanelSearch;
  return { ...(q ? { q } : {}), ...(service ? { service } : {}), ...(level ? { level } : {}), ...(host ? { host } : {}), ...(default_operator ? { default_operator } : {}) };
}

/** A panel's own times win. */
export function rangeIn(search: PanelSearch, range: Range): Range {
  return { from: search.from === undefined ? range.from : String(search.from), to: search.to === undefined ? range.to : String(search.to) };
}

interface Question {
  search: PanelSearch;
  range: Range;
  by: string[];
  aggregate: string;
  asking: Asking;
}

async function questionOf(panel: Panel, asking: Asking): Promise<Question> {
  const search = await searchOf(panel, asking.signal);
  const aggregate = panel.source === 'bytes' ? BYTES : (panel.aggregate ?? 'count').trim() || 'count';
  return { search, range: rangeIn(search, asking.range), by: list(panel.by), aggregate, asking };
}

/** The parameters of every call. Lists are sent as parameters that repeat. */
export function filters(search: PanelSearch, range: Range, maxAge: number) {
  return {
    q: search.q,
    service: written(valuesOf(search.service)),
    level: written(valuesOf(search.level)),
    host: written(valuesOf(search.host)),
    default_operator: search.default_operator,
    from: range.from,
    to: range.to,
    max_age: maxAge,
  };
}

interface Wanted {
  top?: number;
  interval?: string;
  /** Only those that match that, too. */
  share?: string | undefined;
  /** Only those that match that. */
  only?: string | undefined;
  range?: Range;
}

function stats({ search, range, by, aggregate, asking }: Question, { top, interval, share, only, range: other }: Wanted): Promise<Stats> {
  const more = share ?? only;
  const isCount = aggregate === 'count' || share !== undefined;
  const query = {
    ...filters(more === undefined ? search : { ...search, q: both(search.q, more) }, other ?? range, asking.maxAge),
    by,
    ...(isCount ? {} : { aggregate: [aggregate], order: aggregate }),
    top: by.length ? top : 1,
    interval,
  };
  return asking.turn(() => body(api.GET('/api/v1/logs/stats', { params: { query: query as never }, signal: asking.signal })) as Promise<Stats>);
}

/** Both queries. */
export function both(q: string | undefined, other: string): string {
  return q?.trim() ? `(${q}) AND (${other})` : other;
}

async function chart(panel: Panel, question: Question): Promise<Shown> {
  const interval = panel.interval && panel.interval !== 'auto' ? panel.interval : intervalOf(question.range, PIECES);
  const top = panel.top ?? TOP;
  const span = ends(question.range);
  if (panel.share !== undefined) {
    // Those with the most that match, in full: without any, those with the most records, whose share is 0.
    const matching = await stats(question, { top, interval, share: panel.share });
    const all = await stats(question, { top, interval, only: anyOf(matching.groups) });
    const times = timesOf(startsOf(all.groups), all.interval_ms ?? 0, span);
    return { kind: 'chart', times, series: shareLines(all.groups, matching.groups, times), span, hasZeros: true, ...notes(all, matching) };
  }
  const answer = await stats(question, { top, interval });
  const times = timesOf(startsOf(answer.groups), answer.interval_ms ?? 0, span);
  const name = question.aggregate === 'count' ? 'count' : question.aggregate;
  return { kind: 'chart', times, series: linesOf(answer.groups, name, times), span, ...notes(answer), ...others(answer.other) };
}

function* startsOf(groups: readonly Group[]): Generator<string> {
  for (const group of groups) for (const { start } of group.buckets ?? []) yield start;
}

async function number(panel: Panel, question: Question): Promise<Figure & Notes> {
  const alone = { ...question, by: [] };
  const interval = intervalOf(question.range, PIECES / 2);
  const was = before(question.range);
  const both = (range?: Range) => {
    const wanted = range ? { range } : { interval };
    return Promise.all([stats(alone, wanted), panel.share === undefined ? undefined : stats(alone, { ...wanted, share: panel.share })] as const);
  };
  const [now, then] = await Promise.all([both(), was ? both(was) : undefined]);
  const value = (pair: readonly [Stats, Stats | undefined]) =>
    pair[1] ? share(pair[1].total_hits, pair[0].total_hits) : pair[0].groups[0] ? figure(pair[0].groups[0], question.aggregate) : question.aggregate === 'count' ? 0 : null;
  const [all, matching] = now;
  const span = ends(question.range);
  const whole = all.interval_ms ?? 0;
  // The first interval and the last one are seldom whole: they would look like a fall.
  const times = timesOf(startsOf(all.groups), whole, span).filter((at) => !span || (at >= span[0] && at + whole <= span[1]));
  const lines = matching ? shareLines(all.groups, matching.groups, times) : linesOf(all.groups, question.aggregate, times);
  return { kind: 'number', value: value(now), before: then && value(then), times, values: lines[0]?.values ?? [], ...notes(...now) };
}

async function rows(panel: Panel, question: Question): Promise<Rows & Notes> {
  const { by, aggregate } = question;
  const top = panel.top ?? TOP;
  const fields = by.map((name) => ({ name }));
  const link = (group: Group) => groupLink(panel, question.search, question.range, group);
  if (panel.share !== undefined) {
    const [all, matching] = await Promise.all([stats(question, { top: MOST_GROUPS }), stats(question, { top: MOST_GROUPS, share: panel.share })]);
    const found = shareRows(all.groups, matching.groups).slice(0, top);
    const shares = { name: 'share', unit: 'percent' as const, number: true, bar: true };
    const counts = ['matching', 'records'].map((name) => ({ name, unit: 'count' as const, number: true }));
    return {
      kind: 'table',
      columns: panel.type === 'top' ? [{ name: by.join(' · ') || 'all' }, shares] : [...fields, ...counts, shares],
      rows: found.map(({ group, matching: part, share: of }) => (panel.type === 'top' ? [groupName(group), of] : [...Object.values(group.values), part, group.count, of])),
      links: found.map(({ group }) => link(group)),
      ...notes(all, matching),
    };
  }
  const answer = await stats(question, { top });
  const isCount = aggregate === 'count';
  const count = { name: 'count', unit: 'count' as const, number: true, bar: isCount };
  const value = { name: panel.source === 'bytes' ? 'bytes' : aggregate, unit: panel.unit ?? (panel.source === 'bytes' ? 'bytes' : undefined), number: true, bar: true };
  return {
    kind: 'table',
    columns: panel.type === 'top' ? [{ name: by.join(' · ') || 'all' }, isCount ? { ...count, unit: panel.unit ?? 'count' } : value] : [...fields, count, ...(isCount ? [] : [value])],
    rows: answer.groups.map((group) =>
      panel.type === 'top' ? [groupName(group), figure(group, aggregate)] : [...Object.values(group.values), group.count, ...(isCount ? [] : [figure(group, aggregate)])],
    ),
    links: answer.groups.map(link),
    ...notes(answer),
    ...others(answer.other),
  };
}

async function status(panel: Panel, question: Question): Promise<Statuses & Notes> {
  const found = await rows({ ...panel, type: 'top' }, question);
  const unit = panel.share === undefined ? panel.unit : 'percent';
  const items = found.rows.map(([name, value], at) => ({
    name: String(name),
    state: colourAt(value as number | null, panel.thresholds) ?? ('none' as const),
    text: unitText(value as number | null, unit),
    link: found.links?.[at],
  }));
  return { kind: 'status', items, partial: found.partial, warnings: found.warnings, approximate: found.approximate } as Statuses & Notes;
}

/** What the answers say of themselves, each thing once. */
export function notes(...answers: (Schemas['StatsAnswer'] | { partial?: true; warnings?: string[]; approximate?: string[] } | undefined)[]): Notes {
  const warnings = [...new Set(answers.flatMap((one) => one?.warnings ?? []))];
  const approximate = [...new Set(answers.flatMap((one) => one?.approximate ?? []))];
  return {
    ...(answers.some((one) => one?.partial) ? { partial: true as const } : {}),
    ...(warnings.length ? { warnings } : {}),
    ...(approximate.length ? { approximate } : {}),
  };
}

/** Groups that aren't among the top ones have that many records. */
function others(count: number): { others?: number } {
  return count ? { others: count } : {};
}
