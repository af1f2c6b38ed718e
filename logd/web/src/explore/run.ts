/** When Explore asks: whatever is below the toolbar shows the same stretch of time, until something is asked anew. */

import { computed, signal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { instant, iso, type Range } from '../state/time';
import { asked, explore, type Pinned } from './state';

const asks = signal(0);
const awaited = signal(0);
/** Whether an answer to the last one is still awaited. */
export const running = computed(() => awaited.value > 0);

/** Tells that a part of the page waits for its answer. */
export function useRunning(loading: boolean): void {
  useEffect(() => {
    if (!loading) return;
    awaited.value = awaited.peek() + 1;
    return () => {
      awaited.value = awaited.peek() - 1;
    };
  }, [loading]);
}

/** What the server said of the query that is asked now, if it refused it. */
export const refusal = signal<ApiError | undefined>(undefined);

/** Asks the same again, up to this moment. */
export function reload(): void {
  asks.value += 1;
}

/** The range of what is asked now, as two times. */
export function usePinned(): Pinned {
  const turn = useRef(0);
  const what = JSON.stringify(asked(explore.value));
  return useMemo(() => ({ ...pinnedRange(explore.value.range), turn: ++turn.current }), [what, asks.value]);
}

/** A range that moves with the clock as it is now. What isn't understood here is the server's to refuse. */
export function pinnedRange(range: Range, now = Date.now()): Range {
  const fixed = (text: string) => {
    if (/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)$/.test(text)) return text;
    const at = instant(text, now);
    return at === undefined ? text : iso(at);
  };
  return { from: fixed(range.from), to: fixed(range.to) };
}
