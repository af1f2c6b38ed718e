/** What a tail is doing, as a pure function of what has happened to it. */

import type { ApiError } from '../api/client';

export interface Tailing {
  /** `held`: paused with as much held as the page may, so the connection is closed until one goes on. `refused`: the
   * server's no is for good, until something is changed. */
  phase: 'connecting' | 'open' | 'waiting' | 'held' | 'refused';
  paused: boolean;
  /** The id after which it goes on; empty: from now on. */
  at: string;
  /** In a row. */
  failures: number;
  /** Until the next attempt. */
  waitMs: number;
  error: ApiError | undefined;
}

export type Happening =
  | { type: 'answered' }
  /** `more` than the beginning: lines, or a heartbeat. */
  | { type: 'took'; at: string; more: boolean }
  | { type: 'failed'; error: ApiError }
  | { type: 'ended' }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'full' }
  /** Now, instead of after `waitMs`. */
  | { type: 'retry' }
  /** Another rate, say: closes the connection and goes on. */
  | { type: 'again' }
  /** Another query: from now on. */
  | { type: 'restart' };

export const FRESH: Tailing = { phase: 'connecting', paused: false, at: '', failures: 0, waitMs: 0, error: undefined };

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;

export function after(state: Tailing, happening: Happening): Tailing {
  switch (happening.type) {
    case 'answered':
      return state.phase === 'connecting' ? { ...state, phase: 'open', error: undefined } : state;
    case 'took':
      // Only now is it well again: a query that fails whenever a line comes must not be asked without a pause.
      return { ...state, at: happening.at || state.at, failures: happening.more ? 0 : state.failures };
    case 'failed':
      return isConnected(state) ? failed(state, happening.error) : state;
    case 'ended':
      return isConnected(state) ? waiting(state, 0) : state;
    case 'pause':
      return { ...state, paused: true };
    case 'resume':
      return { ...state, paused: false, phase: state.phase === 'held' ? 'connecting' : state.phase };
    case 'full':
      return state.paused && (isConnected(state) || state.phase === 'waiting') ? { ...state, phase: 'held', failures: 0, waitMs: 0 } : state;
    case 'retry':
      return state.phase === 'waiting' || state.phase === 'refused' ? { ...state, phase: 'connecting' } : state;
    case 'again':
      return { ...state, phase: 'connecting' };
    case 'restart':
      return FRESH;
  }
}

export function isConnected({ phase }: Tailing): boolean {
  return phase === 'connecting' || phase === 'open';
}

function failed(state: Tailing, error: ApiError): Tailing {
  // The server doesn't know that place: it isn't the one that it was.
  if (error.status === 400 && error.where === 'last_event_id') return { ...waiting(state, 0), at: '', error };
  const isForGood = error.status >= 400 && error.status < 500 && error.status !== 408 && error.status !== 429;
  if (isForGood) return { ...state, phase: 'refused', error, waitMs: 0 };
  return { ...waiting(state, error.retryAfterSeconds * 1_000), error };
}

function waiting(state: Tailing, leastMs: number): Tailing {
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** state.failures, LONGEST_WAIT_MS);
  return { ...state, phase: 'waiting', failures: state.failures + 1, waitMs: Math.max(waitMs, leastMs) };
}
