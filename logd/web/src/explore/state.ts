/** What Explore shows: all of it is in the URL, so that a link shows the same, and the back button undoes a step. */

import { computed } from '@preact/signals';

import { go, href, place } from '../state/place';
import type { Range } from '../state/time';

export interface Explore {
  q: string;
  service: readonly string[];
  level: readonly string[];
  host: readonly string[];
  range: Range;
  sort: 'newest' | 'oldest';
  /** Of the list, beside the time: `level`, `service`, `message`, `metadata.user_id` … */
  columns: readonly string[];
  view: 'lines' | 'patterns';
  /** Asked again every so many seconds, of REFRESH_SECONDS; 0 for not. */
  refresh: number;
}

export const REFRESH_SECONDS: readonly number[] = [0, 5, 30, 60];

/** What a run of Explore looks at: its range as it was when it was asked for, and which run it is. */
export interface Pinned extends Range {
  turn: number;
}

/** What nobody has chosen otherwise. */
export const INITIAL: Explore = {
  q: '',
  service: [],
  level: [],
  host: [],
  range: { from: '-15m', to: 'now' },
  sort: 'newest',
  columns: ['level', 'service', 'message'],
  view: 'lines',
  refresh: 0,
};

export const explore = computed<Explore>(() => {
  const { params } = place.value;
  const columns = params.getAll('column');
  return {
    q: params.get('q') ?? '',
    service: params.getAll('service'),
    level: params.getAll('level'),
    host: params.getAll('host'),
    range: { from: params.get('from') ?? INITIAL.range.from, to: params.get('to') ?? INITIAL.range.to },
    sort: params.get('sort') === 'oldest' ? 'oldest' : 'newest',
    columns: columns.length ? columns : INITIAL.columns,
    view: params.get('view') === 'patterns' ? 'patterns' : 'lines',
    refresh: REFRESH_SECONDS.find((seconds) => String(seconds) === params.get('refresh')) ?? 0,
  };
});

/** The URL that shows it. */
export function exploreLink(patch: Partial<Explore>, base: Explore = INITIAL): string {
  const { q, service, level, host, range, sort, columns, view, refresh } = { ...base, ...patch };
  return href('/explore', {
    q,
    service,
    level,
    host,
    ...(range.from === INITIAL.range.from && range.to === INITIAL.range.to ? {} : { from: range.from, to: range.to }),
    sort: sort === INITIAL.sort ? undefined : sort,
    column: columns.join() === INITIAL.columns.join() ? undefined : columns,
    view: view === INITIAL.view ? undefined : view,
    refresh: refresh ? String(refresh) : undefined,
  });
}

/** Shows something else, by a step that the back button undoes. */
export function change(patch: Partial<Explore>, { replace = false } = {}): void {
  go(exploreLink(patch, explore.value), { replace });
}

/** What the API calls it, without what only pages of hits have. */
export function asked({ q, service, level, host, range }: Explore) {
  return { q, service: [...service], level: [...level], host: [...host], from: range.from, to: range.to };
}
