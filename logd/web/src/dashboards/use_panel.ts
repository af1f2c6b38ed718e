/** What a panel has to show: asked for while it is seen, and anew whenever the dashboard looks again. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { asApiError } from '../api/load';
import { reconnects } from '../state/connection';
import type { Range } from '../state/time';
import { ask } from './asking';
import type { Panel } from './document';
import { queue } from './queue';
import type { Shown } from './shown';

/** When the dashboard looked last: one more each time; how old an answer may be. */
export interface Look {
  turn: number;
  maxAge: number;
}

export interface PanelState {
  shown: Shown | undefined;
  error: ApiError | undefined;
  loading: boolean;
  /** Of performance.now(). */
  began: number;
  cancel: () => void;
  reload: () => void;
}

/** Nothing is asked for while it isn't `seen`, and what runs then is cancelled. */
export function usePanel(panel: Panel, range: Range, look: Look, seen: boolean): PanelState {
  const [state, setState] = useState<Pick<PanelState, 'shown' | 'error' | 'loading'>>({ shown: undefined, error: undefined, loading: true });
  const [again, setAgain] = useState(0);
  const began = useRef(0);
  const answered = useRef('');
  const running = useRef<AbortController>(undefined);
  /** Only what somebody asks for is asked past the server's memory. */
  const anew = useRef(false);
  const { id: _, title: __, x, y, w, h, ...asked } = panel;
  // A slow answer is waited for, and not given up for the next look.
  const [turn, setTurn] = useState(look.turn);
  useEffect(() => {
    if (!state.loading || !seen || !look.maxAge) setTurn(look.turn);
  }, [look.turn]);
  const key = JSON.stringify([asked, range, turn, again, reconnects.value]);

  useEffect(() => {
    if (!seen || answered.current === key) return;
    const controller = new AbortController();
    const { signal } = controller;
    running.current = controller;
    began.current = performance.now();
    setState((before) => ({ ...before, loading: true }));
    const queued = <T>(call: () => Promise<T>) => queue.run(y * 100 + x, signal, call);
    ask(panel, { range, signal, maxAge: anew.current ? 0 : look.maxAge, turn: queued })
      .then((shown) => ({ shown, error: undefined }))
      .catch((error: unknown) => ({ error: asApiError(error) }))
      .then((found) => {
        if (signal.aborted) return;
        answered.current = key;
        anew.current = false;
        setState((before) => ({ ...before, ...found, loading: false }));
      });
    return () => {
      controller.abort(new DOMException('not wanted any more', 'AbortError'));
      setState((before) => ({ ...before, loading: false }));
    };
  }, [key, seen]);

  const cancel = useCallback(() => {
    answered.current = key;
    running.current?.abort(new DOMException('cancelled', 'AbortError'));
    setState((before) => ({ ...before, loading: false }));
  }, [key]);
  const reload = useCallback(() => {
    anew.current = true;
    setAgain((before) => before + 1);
  }, []);
  return { ...state, began: began.current, cancel, reload };
}

/** Whether the element is in the view, or nearly. */
export function useSeen(element: { current: Element | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const root = element.current?.closest('main');
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), { rootMargin: '80px', root: root ?? null });
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return seen;
}

/** The element's height in pixels, as it is now. */
export function useHeight(element: { current: Element | null }): number {
  const [height, setHeight] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver((entries) => setHeight(Math.floor(entries.at(-1)?.contentRect.height ?? 0)));
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return height;
}
