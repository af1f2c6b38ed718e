/** Saved searches over the API, and as Explore shows them. */

import { api, body, type Schemas } from '../api/client';
import { valuesOf } from '../state/values';
import { asked, change, INITIAL, operatorOf, type Explore } from './state';

export type Saved = Schemas['SavedSearch'];
type Parameters = Saved['search'];

export interface Named {
  name: string;
  description: string;
}

export async function allSaved(signal: AbortSignal): Promise<Saved[]> {
  return (await body(api.GET('/api/v1/searches', { signal }))).searches;
}

export const one = (id: string): Promise<Saved> => body(api.GET('/api/v1/searches/{id}', { params: { path: { id } } }));

export const create = (named: Named, search: Parameters): Promise<Saved> => body(api.POST('/api/v1/searches', { body: { ...named, search } }));

/** Rejects with 409 when it isn't that version any more, or the name is another's. */
export const replace = (id: string, named: Named, search: Parameters, version: number): Promise<Saved> =>
  body(api.PUT('/api/v1/searches/{id}', { params: { path: { id } }, body: { ...named, search, version } }));

export const remove = (id: string, version: number): Promise<Saved> => body(api.DELETE('/api/v1/searches/{id}', { params: { path: { id }, query: { version } } }));

export function run(saved: Saved): void {
  change(fromParameters(saved.search));
}

/** What the API keeps of what is shown. Times stay as they are written. */
export function toParameters(state: Explore): Parameters {
  const { sort, columns } = state;
  const { service, level, host, ...rest } = asked(state);
  const filters = Object.entries({ service, level, host }).filter(([, values]) => values.length);
  const own = columns.join('\n') === INITIAL.columns.join('\n') ? {} : { fields: ['timestamp', ...columns] };
  return { ...rest, ...Object.fromEntries(filters), sort, ...own };
}

/** What isn't in it is as at the beginning. */
export function fromParameters(search: Parameters): Partial<Explore> {
  const columns = listOf(search.fields).filter((name) => name !== 'timestamp' && name !== 'log_id' && name !== 'metadata');
  return {
    q: search.q ?? '',
    operator: operatorOf(search.default_operator),
    service: valuesOf(search.service),
    level: valuesOf(search.level),
    host: valuesOf(search.host),
    range: { from: search.from === undefined ? INITIAL.range.from : String(search.from), to: search.to === undefined ? INITIAL.range.to : String(search.to) },
    sort: search.sort === 'oldest' || search.sort === 'asc' ? 'oldest' : 'newest',
    columns: columns.length ? columns : INITIAL.columns,
    view: 'lines',
  };
}

/** A list, or text with commas between, of names. */
function listOf(value: string | string[] | undefined): string[] {
  const texts = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  return texts.flatMap((text) => text.split(',')).map((text) => text.trim()).filter(Boolean);
}
