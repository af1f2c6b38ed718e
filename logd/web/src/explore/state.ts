/** What Explore shows: all of it is in the URL, so that a link shows the same, and the back button undoes a step. */

import { computed } from '@preact/signals';

import { go, href, leaveTo, place } from '../state/place';
import type { Range } from '../state/time';
import { valuesOf, written } from '../state/values';

/** What terms side by side mean; empty for what the server says. */
export type Operator = '' | 'or' | 'and';

/** A line whose neighbours are shown. */
export interface ContextOf {
  logId: string;
  /** Its time, by which it is found at once. */
  at: string;
  /** How many lines on each side. */
  before: number;
  after: number;
  order: 'auto' | 'position' | 'time';
  /** Only those that the search finds. */
  only: boolean;
}

export interface Explore {
  q: string;
  operator: Operator;
  service: readonly string[];
  level: readonly string[];
  host: readonly string[];
  range: Range;
  sort: 'newest' | 'oldest';
  /** Of the list, beside the time: `level`, `service`, `message`, `metadata.user_id` … */
  columns: readonly string[];
  view: 'lines' | 'patterns';
  /** Only patterns of which nothing was found so long before the range; empty for all. */
  newSince: '' | '1h' | '1d' | '1w';
  /** Asked again every so many seconds, of REFRESH_SECONDS; 0 for not. */
  refresh: number;
  /** The ids of the lines that are opened, the last one last. */
  open: readonly string[];
  context: ContextOf | undefined;
}

export const REFRESH_SECONDS: readonly number[] = [0, 5, 30, 60];
export const NEW_SINCE = ['', '1h', '1d', '1w'] as const;
/** The API gives no more lines on a side of one. */
export const MOST_AROUND = 1_000;
const FIRST_AROUND = 10;
/** Of the ids of opened lines in the URL: servers take 8,190 of all of it, and the query is what matters. */
const MOST_OPEN_CHARACTERS = 2_000;

/** What a run of Explore looks at: its range as it was when it was asked for, and which run it is. */
export interface Pinned extends Range {
  turn: number;
}

/** What nobody has chosen otherwise. */
export const INITIAL: Explore = {
  q: '',
  operator: '',
  service: [],
  level: [],
  host: [],
  range: { from: '-15m', to: 'now' },
  sort: 'newest',
  columns: ['level', 'service', 'message'],
  view: 'lines',
  newSince: '',
  refresh: 0,
  open: [],
  context: undefined,
};

export const explore = computed<Explore>(() => {
  const { params } = place.value;
  const columns = params.getAll('column');
  return {
    q: params.get('q') ?? '',
    operator: operatorOf(params.get('default_operator')),
    service: valuesOf(params.getAll('service')),
    level: valuesOf(params.getAll('level')),
    host: valuesOf(params.getAll('host')),
    range: { from: params.get('from') ?? INITIAL.range.from, to: params.get('to') ?? INITIAL.range.to },
    sort: params.get('sort') === 'oldest' ? 'oldest' : 'newest',
    columns: columns.length ? columns : INITIAL.columns,
    view: params.get('view') === 'patterns' ? 'patterns' : 'lines',
    newSince: NEW_SINCE.find((since) => since === params.get('new_since')) ?? '',
    refresh: REFRESH_SECONDS.find((seconds) => String(seconds) === params.get('refresh')) ?? 0,
    open: params.getAll('open'),
    context: contextIn(params),
  };
});

/** The URL that shows it. */
export function exploreLink(patch: Partial<Explore>, base: Explore = INITIAL): string {
  const { q, operator, service, level, host, range, sort, columns, view, newSince, refresh, open, context } = { ...base, ...patch };
  return href('/explore', {
    q,
    default_operator: operator,
    service: written(service),
    level: written(level),
    host: written(host),
    ...(range.from === INITIAL.range.from && range.to === INITIAL.range.to ? {} : { from: range.from, to: range.to }),
    sort: sort === INITIAL.sort ? undefined : sort,
    column: columns.join('\n') === INITIAL.columns.join('\n') ? undefined : columns,
    view: view === INITIAL.view ? undefined : view,
    new_since: newSince,
    refresh: refresh ? String(refresh) : undefined,
    open: lastOf(open),
    ...(context ? contextParameters(context) : {}),
  });
}

/** The URL that shows something else: what is opened of the lines stays open as long as the same is searched for. */
export function changedLink(patch: Partial<Explore>): string {
  const before = explore.value;
  const after = { ...before, context: undefined, ...patch };
  const isSame = JSON.stringify(asked(before)) === JSON.stringify(asked(after));
  return exploreLink(isSame ? after : { ...after, open: patch.open ?? [] });
}

/** Shows something else, by a step that the back button undoes. */
export function change(patch: Partial<Explore>, { replace = false } = {}): void {
  go(changedLink(patch), { replace });
}

export function openContext(context: ContextOf): void {
  // As a URL is written here: so that closing finds where it was opened.
  go(exploreLink({}, explore.value), { replace: true });
  change({ context });
}

/** Other lines around the same one, which is no step. */
export function changeContext(patch: Partial<ContextOf>): void {
  const { context } = explore.value;
  if (context) change({ context: { ...context, ...patch } }, { replace: true });
}

export function closeContext(): void {
  leaveTo(exploreLink({ context: undefined }, explore.value));
}

/** What the API calls it, without what only pages of hits have. */
export function asked({ q, operator, service, level, host, range }: Explore) {
  return {
    q,
    ...(operator ? { default_operator: operator } : {}),
    service: written(service),
    level: written(level),
    host: written(host),
    from: range.from,
    to: range.to,
  };
}

export function operatorOf(text: string | null | undefined): Operator {
  const found = text?.toLowerCase();
  return found === 'or' || found === 'and' ? found : '';
}

/** The nearest lines around that one. */
export function contextAt(logId: string, at: string): ContextOf {
  return { logId, at, before: FIRST_AROUND, after: FIRST_AROUND, order: 'auto', only: false };
}

function contextIn(params: URLSearchParams): ContextOf | undefined {
  const [at, logId] = (params.get('context') ?? '').split(/,(.*)/s);
  if (!at || !logId) return undefined;
  const lines = (name: string) => {
    const text = params.get(name) ?? '';
    return /^\d{1,4}$/.test(text) ? Math.min(MOST_AROUND, Number(text)) : FIRST_AROUND;
  };
  const order = params.get('order');
  return {
    logId,
    at,
    before: lines('before'),
    after: lines('after'),
    order: order === 'position' || order === 'time' ? order : 'auto',
    only: params.get('only') === 'true',
  };
}

/** By the API's names. */
function contextParameters({ logId, at, before, after, order, only }: ContextOf) {
  return {
    context: `${at},${logId}`,
    before: before === FIRST_AROUND ? undefined : String(before),
    after: after === FIRST_AROUND ? undefined : String(after),
    order: order === 'auto' ? undefined : order,
    only: only ? 'true' : undefined,
  };
}

/** The last of them that have room. */
function lastOf(open: readonly string[]): readonly string[] {
  let characters = 0;
  const first = open.findLastIndex((id) => (characters += encodeURIComponent(id).length) > MOST_OPEN_CHARACTERS);
  return open.slice(first + 1);
}
