/** Where the browser is: the path and its parameters, which hold the whole state of a page. */

import { signal } from '@preact/signals';

export interface Place {
  path: string;
  params: URLSearchParams;
}

/** What the browser keeps with a step: where it was made. */
interface Step {
  from: string;
}

export const place = signal<Place>(placeOf(current()));
/** While the browser goes back: what waits until it is there. */
let waiting: (() => void)[] | undefined;

/** `/path?a=1&b=x&b=y`; what is undefined or empty is left out. */
export function href(path: string, params: Record<string, string | readonly string[] | undefined> = {}): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) if (one) found.append(name, one);
  }
  const text = found.toString();
  return text ? `${path}?${text}` : path;
}

/** What a part of a path stands for; what can't be read stands for itself. */
export function unescapedPart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes there. `replace` makes no step that the back button undoes. */
export function go(to: string, { replace = false } = {}): void {
  if (waiting) {
    waiting.push(() => go(to, { replace }));
    place.value = placeOf(to);
    return;
  }
  if (to === current()) return;
  if (replace) history.replaceState(history.state, '', to);
  else history.pushState({ from: current() } satisfies Step, '', to);
  place.value = placeOf(current());
}

/** Undoes the last step, if it was made there; else goes there without a step. So what is opened and closed, however
 * often, is nothing that the back button stops at. */
export function leaveTo(to: string): void {
  if (waiting || (history.state as Step | null)?.from !== to) {
    go(to, { replace: true });
    return;
  }
  // The browser takes a moment.
  waiting = [];
  place.value = placeOf(to);
  history.back();
}

const keepers = new Set<() => boolean>();

/** Asked before the back button leads away: who says true stays here. Returns what ends it. */
export function keepsHere(asked: () => boolean): () => void {
  keepers.add(asked);
  return () => keepers.delete(asked);
}

function isKept(): boolean {
  if (![...keepers].some((asked) => asked())) return false;
  const { path, params } = place.value;
  history.pushState(null, '', params.size ? `${path}?${params}` : path);
  return true;
}

addEventListener('popstate', () => {
  if (!waiting && isKept()) return;
  const then = waiting ?? [];
  waiting = undefined;
  place.value = placeOf(current());
  for (const one of then) one();
});

/** Links within these pages don't load them anew. */
addEventListener('click', (event) => {
  const link = (event.target as Element | null)?.closest?.('a');
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
  if (link.origin !== location.origin || link.pathname.startsWith('/api/')) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(link.pathname + link.search);
});

function current(): string {
  return location.pathname + location.search;
}

function placeOf(url: string): Place {
  const { pathname, searchParams } = new URL(url, location.origin);
  return { path: pathname, params: searchParams };
}
