/** The lines of a search, page by page. Of those that were seen long ago only the cursor is kept: memory has its bound. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { api, body, type ApiError, type Schemas } from '../api/client';
import { jsonText } from '../api/json';
import { asApiError } from '../api/load';
import type { Hit } from './record';

export const PAGE_LINES = 200;
/** Of the lines that are kept, as UTF-16 units of what is large in them. A server's page has 32 MB at most. */
export const MOST_UNITS = 64_000_000;

export type SearchAnswer = Omit<Schemas['SearchAnswer'], 'logs'> & { logs: readonly Hit[] };
export type Ask = { q?: string; default_operator?: 'or' | 'and'; service?: string[]; level?: string[]; host?: string[]; from?: string; to?: string; sort?: 'newest' | 'oldest' };

export interface Page {
  /** Empty: the first one. */
  cursor: string;
  count: number;
  /** Undefined where they were forgotten. */
  hits: readonly Hit[] | undefined;
  units: number;
}

export interface Pages {
  /** The first page's answer, without its lines. */
  first: Omit<SearchAnswer, 'logs'> | undefined;
  count: number;
  /** There are more to load. */
  more: boolean;
  loading: boolean;
  error: ApiError | undefined;
  /** Why pages ended early, or aren't whole. */
  warnings: { partial?: true; warnings?: string[] };
  tiers: readonly string[];
  began: number;
  hit: (index: number) => Hit | undefined;
  /** Loads the next page, unless one is being loaded. */
  next: () => void;
  /** Tells which lines are seen: what was forgotten of them is loaded again, and what is far may be forgotten. */
  seen: (first: number, last: number) => void;
  cancel: () => void;
  /** Asks once more for what was asked for last. */
  reload: () => void;
  /** The last page has none, and there are more: it ended early. Going on takes a decision. */
  stopped: boolean;
}

interface State {
  pages: readonly Page[];
  next: string | null;
  first: Omit<SearchAnswer, 'logs'> | undefined;
  partial: boolean;
  warnings: readonly string[];
  tiers: readonly string[];
}

const NOTHING: State = { pages: [], next: null, first: undefined, partial: false, warnings: [], tiers: [] };

/** Asks anew whenever `turn` or what is asked changes. */
export function usePages(ask: Ask, turn: unknown): Pages {
  const [state, setState] = useState<State>(NOTHING);
  const [busy, setBusy] = useState({ loading: true, error: undefined as ApiError | undefined, began: 0 });
  const now = useRef({ state: NOTHING, controller: undefined as AbortController | undefined, ask, range: [0, 0] as [number, number], wanted: ['', 0, true] as [string, number, boolean] });
  const key = JSON.stringify(ask);
  now.current.ask = ask;

  const put = (next: State) => {
    now.current.state = next;
    setState(next);
  };

  const load = useCallback(async (cursor: string, place: number, anew = false) => {
    const controller = new AbortController();
    now.current.controller?.abort();
    now.current.controller = controller;
    now.current.wanted = [cursor, place, anew];
    setBusy({ loading: true, error: undefined, began: performance.now() });
    try {
      const query = { ...now.current.ask, limit: PAGE_LINES, highlight: true, ...(anew ? {} : { cursor, track_total_hits: false }) };
      const answer = await body(api.GET('/api/v1/logs/search', { params: { query: query as never }, signal: controller.signal }));
      if (controller.signal.aborted) return;
      put(withPage(anew ? NOTHING : now.current.state, answer, cursor, place, now.current.range));
      setBusy((before) => ({ ...before, loading: false }));
      now.current.controller = undefined;
      // One may have scrolled to others meanwhile.
      seen(...now.current.range);
    } catch (error) {
      if (!controller.signal.aborted) setBusy((before) => ({ ...before, loading: false, error: asApiError(error) }));
    } finally {
      if (now.current.controller === controller) now.current.controller = undefined;
    }
  }, []);

  useEffect(() => {
    now.current.range = [0, 0];
    void load('', 0, true);
    return () => now.current.controller?.abort();
  }, [key, turn]);

  const next = useCallback(() => {
    const { state: held, controller } = now.current;
    if (!controller && held.next !== null) void load(held.next, held.pages.length);
  }, []);
  const seen = useCallback((first: number, last: number) => {
    now.current.range = [first, last];
    if (now.current.controller) return;
    const place = placeOf(now.current.state.pages, first, last);
    if (place >= 0) void load(now.current.state.pages[place]!.cursor, place);
  }, []);
  const cancel = useCallback(() => {
    now.current.controller?.abort();
    now.current.controller = undefined;
    setBusy((before) => ({ ...before, loading: false }));
  }, []);
  const reload = useCallback(() => void load(...now.current.wanted), []);

  return {
    first: state.first,
    count: state.pages.reduce((sum, page) => sum + page.count, 0),
    more: state.next !== null,
    stopped: state.next !== null && state.pages.at(-1)?.count === 0,
    ...busy,
    warnings: { ...(state.partial ? { partial: true as const } : {}), warnings: [...state.warnings] },
    tiers: state.tiers,
    hit: (index) => hitAt(state.pages, index),
    next,
    seen,
    cancel,
    reload,
  };
}

export function hitAt(pages: readonly Page[], index: number): Hit | undefined {
  let before = 0;
  for (const page of pages) {
    if (index < before + page.count) return page.hits?.[index - before];
    before += page.count;
  }
  return undefined;
}

/** The first page with lines among these that were forgotten, -1 for none. */
export function placeOf(pages: readonly Page[], first: number, last: number): number {
  let before = 0;
  for (const [place, page] of pages.entries()) {
    if (!page.hits && before <= last && before + page.count > first) return place;
    before += page.count;
  }
  return -1;
}

/** The state with one more page, or one again that was forgotten. */
function withPage(state: State, answer: SearchAnswer, cursor: string, place: number, seen: readonly [number, number]): State {
  const { logs, ...rest } = answer;
  const page: Page = { cursor, count: logs.length, hits: logs, units: logs.reduce((sum, hit) => sum + sizeOf(hit), 0) };
  const isNew = place === state.pages.length;
  const pages = isNew ? [...state.pages, page] : state.pages.with(place, page);
  return {
    pages: forget(pages, place, seen),
    next: isNew ? answer.next_cursor : state.next,
    first: place === 0 && isNew ? rest : state.first,
    partial: state.partial || answer.partial === true,
    warnings: [...new Set([...state.warnings, ...(answer.warnings ?? [])])],
    tiers: [...new Set([...state.tiers, ...(answer.tiers ?? [])])],
  };
}

/** Without the lines of the pages that are the farthest from what is seen, as many as are over the bound. */
export function forget(pages: readonly Page[], newest: number, seen: readonly [number, number], most = MOST_UNITS): readonly Page[] {
  let units = pages.reduce((sum, page) => sum + (page.hits ? page.units : 0), 0);
  if (units <= most) return pages;
  const middle = (seen[0] + seen[1]) / 2;
  let before = 0;
  const far = pages.map((page, place) => {
    const distance = Math.abs(before + page.count / 2 - middle);
    before += page.count;
    return { place, distance };
  });
  const kept = [...pages];
  for (const { place } of far.sort((one, other) => other.distance - one.distance)) {
    if (units <= most) break;
    const page = kept[place]!;
    if (place === newest || !page.hits) continue;
    units -= page.units;
    kept[place] = { ...page, hits: undefined };
  }
  return kept;
}

function sizeOf(hit: Hit): number {
  const metadata = hit.metadata && Object.keys(hit.metadata).length ? jsonText(hit.metadata).length : 0;
  return 300 + (hit.message?.length ?? 0) + metadata;
}
