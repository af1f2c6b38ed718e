/** What is being changed and isn't saved yet. It outlives a look at another page; before the pages go, the browser asks. */

import { effect, signal } from '@preact/signals';

export interface Draft<T = unknown> {
  /** What people call it. */
  title: string;
  value: T;
}

/** By the path, with its parameters, at which one goes on with it. */
const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** What was changed there: whoever kept it knows what it is. */
export function draftAt<T>(path: string): T | undefined {
  return drafts.value.get(path)?.value as T | undefined;
}

export function keepDraft<T>(path: string, draft: Draft<T>): void {
  drafts.value = new Map(drafts.peek()).set(path, draft);
}

export function dropDraft(path: string): void {
  if (!drafts.peek().has(path)) return;
  const others = new Map(drafts.peek());
  others.delete(path);
  drafts.value = others;
}

/** With their paths, those of a page and of what is below it, in the order in which they were begun. */
export function draftsBelow(page: string): [string, Draft][] {
  return [...drafts.value].filter(([path]) => path === page || path.startsWith(`${page}/`) || path.startsWith(`${page}?`));
}

effect(() => {
  if (!drafts.value.size) return;
  const ask = (event: BeforeUnloadEvent) => event.preventDefault();
  addEventListener('beforeunload', ask);
  return () => removeEventListener('beforeunload', ask);
});
