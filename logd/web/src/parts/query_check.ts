/** Whether the server understands a query, asked while it is typed. */

import { useEffect, useState } from 'preact/hooks';

import { api, ApiError } from '../api/client';

const PAUSE_MS = 400;

interface Checked {
  error: ApiError | undefined;
  /** It is of what is typed, not of what was asked. */
  isTyped: boolean;
}

/** `asked` is what the server said of `value`. */
export function useChecked(text: string, value: string, asked: ApiError | undefined): Checked {
  const [said, setSaid] = useState<{ text: string; error: ApiError | undefined }>({ text: '', error: undefined });
  useEffect(() => {
    if (text === said.text || !text.trim() || (text === value && asked)) return;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      void wrongIn(text, controller.signal).then((error) => {
        if (!controller.signal.aborted) setSaid({ text, error });
      });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [text, value, asked]);
  if (text === value && asked) return { error: asked, isTyped: false };
  return { error: said.text === text ? said.error : undefined, isTyped: text !== value };
}

/** By what takes the least: the plan of a search in no time at all. That the server can't say is no error of the query. */
async function wrongIn(q: string, signal: AbortSignal): Promise<ApiError | undefined> {
  const at = new Date().toISOString();
  try {
    await api.GET('/api/v1/logs/explain', { params: { query: { q, from: at, to: at } }, signal });
  } catch (error) {
    if (error instanceof ApiError && error.column) return error;
  }
  return undefined;
}
