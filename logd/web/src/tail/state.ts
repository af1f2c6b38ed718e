/** What a tail shows, as its URL has it; and what a person likes, which this browser keeps. */

import { computed } from '@preact/signals';

import { fieldIs } from '../explore/filters';
import { contextAt, exploreLink, operatorOf } from '../explore/state';
import { go, href, place } from '../state/place';
import { persisted } from '../state/settings';
import { valuesOf } from '../state/values';
import { filtersOf, type Asked } from './tailer';
import type { Hit } from './ring';

export const RATES: readonly number[] = [0, 10, 100, 1_000];
export const KEPT: readonly number[] = [1_000, 10_000, 50_000];
export const COLUMNS = ['time', 'level', 'service', 'host'] as const;
export type Column = (typeof COLUMNS)[number];

export const kept = persisted('tail.kept', 10_000);
export const columns = persisted<readonly Column[]>('tail.columns', ['time', 'level', 'service']);

export const asked = computed<Asked>(() => {
  const { params } = place.value;
  const rate = Number(params.get('rate') ?? 0);
  return {
    q: params.get('q') ?? '',
    operator: operatorOf(params.get('default_operator')),
    service: valuesOf(params.getAll('service')),
    level: valuesOf(params.getAll('level')),
    host: valuesOf(params.getAll('host')),
    rate: Number.isInteger(rate) && rate > 0 ? rate : 0,
  };
});

export function tailLink({ rate, ...filter }: Asked): string {
  return href('/tail', { ...filtersOf(filter), rate: rate ? String(rate) : undefined });
}

/** Shows something else, by a step that the back button undoes. */
export function change(patch: Partial<Asked>): void {
  go(tailLink({ ...asked.value, ...patch }));
}

/** The same in Explore. */
export function exploreOf({ rate: _, ...filter }: Asked): string {
  return exploreLink(filter);
}

/** The line in Explore, among those around it. */
export function contextOf(hit: Hit): string | undefined {
  if (!hit.timestamp || !hit.log_id) return undefined;
  const to = new Date(Date.parse(hit.timestamp) + 1).toISOString();
  return exploreLink({ q: fieldIs('log_id', hit.log_id), range: { from: hit.timestamp, to }, context: contextAt(hit.log_id, hit.timestamp) });
}
