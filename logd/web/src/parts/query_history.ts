/** The queries that were asked in this browser. */

import { persisted } from '../state/settings';

const MOST = 100;

/** The newest first. */
export const queries = persisted<readonly string[]>('queries', []);

export function remember(text: string): void {
  const query = text.trim();
  if (query && queries.value[0] !== query) queries.value = [query, ...queries.value.filter((one) => one !== query)].slice(0, MOST);
}

export function forget(query: string): void {
  queries.value = queries.value.filter((one) => one !== query);
}

/** The query to show instead of `text` for a step back (-1) or forth; undefined when there is none, or `text` isn't one
 * that was stepped to: what is typed stays. */
export function stepped(text: string, current: string, by: -1 | 1): string | undefined {
  const known = queries.value;
  const at = known.indexOf(text.trim());
  if (by === -1) {
    if (at >= 0) return known[at + 1];
    return text.trim() === '' || text === current ? known[0] : undefined;
  }
  if (at < 0) return undefined;
  return at === 0 ? '' : known[at - 1];
}
