/** The dashboards that are kept, and what people choose among them. */

import { api, body, type ApiError } from '../api/client';
import { asApiError } from '../api/load';
import { persisted } from '../state/settings';
import { contentOf, type Document, type Kept } from './document';

/** Whoever saves one under this name has it as the home page of all. */
export const HOME_NAME = 'home';
/** Ids of those that one likes, in this browser. */
export const favourites = persisted<readonly string[]>('dashboards.favourites', []);
/** The id of this browser's own home page; empty for that of all. */
export const ownHome = persisted('dashboards.home', '');

/** Where one goes on with what was changed of it; of the shipped one without it. */
export function draftPath(of: Kept | undefined): string {
  return `/dashboards/${of?.id ?? 'shipped'}`;
}

/** By name, those that one likes first. */
export async function all(signal?: AbortSignal): Promise<Kept[]> {
  const { dashboards } = await body(api.GET('/api/v1/dashboards', signal ? { signal } : {}));
  return dashboards as unknown as Kept[];
}

export function isHome({ name }: Document): boolean {
  return name.trim().toLowerCase() === HOME_NAME;
}

/** The home page of this browser, or of all; undefined for the one that is shipped. */
export function homeOf(kept: readonly Kept[]): Kept | undefined {
  return kept.find(({ id }) => id === ownHome.value) ?? kept.find(isHome);
}

export async function create(document: Document): Promise<Kept> {
  return (await body(api.POST('/api/v1/dashboards', { body: contentOf(document) as never }))) as unknown as Kept;
}

/** Puts the content in the place of that version. */
export async function replace({ id, version }: Kept, document: Document): Promise<Kept> {
  const changed = { ...contentOf(document), version };
  return (await body(api.PUT('/api/v1/dashboards/{id}', { params: { path: { id } }, body: changed as never }))) as unknown as Kept;
}

export async function remove({ id, version }: Kept): Promise<void> {
  await api.DELETE('/api/v1/dashboards/{id}', { params: { path: { id }, query: { version } as never } });
}

/** What the server has of it now; undefined when it is gone. */
export async function latest({ id }: Kept): Promise<Kept | undefined> {
  return (await all()).find((one) => one.id === id);
}

/** A name that none of these has: `Errors (copy)`, `Errors (copy 2)`. */
export function copyName(name: string, kept: readonly Document[]): string {
  const taken = new Set(kept.map((one) => one.name));
  const plain = name.replace(/ \(copy(?: \d+)?\)$/, '');
  for (let number = 1; ; number += 1) {
    const found = `${plain} (copy${number > 1 ? ` ${number}` : ''})`;
    if (!taken.has(found)) return found;
  }
}

/** Whether a save was refused because there is another version, or because the name is taken. */
export async function whyRefused(error: unknown, was: Kept | undefined): Promise<{ error: ApiError; theirs?: Kept | undefined; isGone?: boolean }> {
  const refusal = asApiError(error);
  if (!was || (refusal.status !== 409 && refusal.status !== 404)) return { error: refusal };
  const theirs = await latest(was);
  if (!theirs) return { error: refusal, isGone: true };
  return theirs.version === was.version ? { error: refusal } : { error: refusal, theirs };
}
