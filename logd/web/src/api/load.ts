/** What a component shows of a call: loading, an answer, or an error; one at a time, and cancelled when it isn't wanted. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { ApiError } from './client';

export interface Loaded<T> {
  /** The last answer, also while the next one loads, and after that failed. */
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** When the call that runs began, of performance.now(). */
  began: number;
  reload: () => void;
  /** Ends the call, on the server too; `data` stays. */
  cancel: () => void;
}

interface State<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
}

/** Calls `ask` when it is mounted and whenever one of `inputs` changes; undefined for `ask` asks nothing. */
export function useLoad<T>(ask: ((signal: AbortSignal) => Promise<T>) | undefined, inputs: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<State<T>>({ data: undefined, error: undefined, loading: ask !== undefined });
  const [turn, setTurn] = useState(0);
  const running = useRef<AbortController>(undefined);
  const began = useRef(0);

  useEffect(() => {
    if (!ask) {
      setState({ data: undefined, error: undefined, loading: false });
      return;
    }
    const controller = new AbortController();
    running.current = controller;
    began.current = performance.now();
    setState((before) => ({ ...before, loading: true }));
    ask(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ data, error: undefined, loading: false });
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setState((before) => ({ ...before, error: asApiError(error), loading: false }));
      },
    );
    return () => controller.abort(new DOMException('not wanted any more', 'AbortError'));
  }, [...inputs, turn]);

  const reload = useCallback(() => setTurn((before) => before + 1), []);
  const cancel = useCallback(() => {
    running.current?.abort(new DOMException('cancelled', 'AbortError'));
    setState((before) => ({ ...before, loading: false }));
  }, []);
  return { ...state, began: began.current, reload, cancel };
}

/** The same, asked again so many milliseconds after each answer, so that a slow one is waited for; not while nobody sees
 * the page, but at once when somebody does. */
export function usePolled<T>(ask: (signal: AbortSignal) => Promise<T>, inputs: readonly unknown[], ms: number): Loaded<T> {
  const loaded = useLoad(ask, inputs);
  const { loading, reload } = loaded;
  useEffect(() => (loading ? undefined : whenSeen(reload, ms)), [loading, ms]);
  return loaded;
}

/** Does it once after so many milliseconds, or when the page is seen the next time. Gives what calls it off. */
function whenSeen(run: () => void, ms: number): () => void {
  const seen = () => {
    if (!document.hidden) run();
  };
  const timer = setTimeout(() => {
    if (document.hidden) document.addEventListener('visibilitychange', seen);
    else run();
  }, ms);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
  };
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, 'failed', error instanceof Error ? error.message : String(error));
}
