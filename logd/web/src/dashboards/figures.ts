/** The sums behind the panels: groups and buckets of answers become lines, shares and rows. Pure. */

import type { Schemas } from '../api/client';
import { fieldIs, fieldName } from '../explore/filters';
import { LEVELS } from '../parts/levels';
import { instant, type Range } from '../state/time';
import type { Line } from './shown';

export type Group = Schemas['StatsGroup'];
type Bucket = Schemas['StatsBucket'];

const SECOND = 1_000;
/** What people have on clocks and calendars. */
const ROUND_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 7 * 86_400];
const MOST_TIMES = 2_000;

/** Unix milliseconds of a range that is understood here. */
export function ends(range: Range, now = Date.now()): [number, number] | undefined {
  const [from, to] = [instant(range.from, now), instant(range.to, now)];
  return from === undefined || to === undefined || from >= to ? undefined : [from, to];
}

/** A round interval that cuts the range into so many pieces at most; auto where the range isn't understood. */
export function intervalOf(range: Range, pieces: number): string {
  const both = ends(range);
  if (!both) return 'auto';
  const least = (both[1] - both[0]) / SECOND / pieces;
  const seconds = ROUND_SECONDS.find((one) => one >= least);
  return seconds ? `${seconds}s` : `${Math.ceil(least / 86_400)}d`;
}

/** As long a time, just before; to ten seconds, so that those who ask at the same time ask the same. */
export function before(range: Range, now = Date.now()): Range | undefined {
  const both = ends(range, now);
  if (!both) return undefined;
  const step = 10 * SECOND;
  const from = Math.floor(both[0] / step) * step;
  const length = Math.max(step, Math.round((both[1] - both[0]) / step) * step);
  return { from: new Date(from - length).toISOString(), to: new Date(from).toISOString() };
}

/** When intervals begin, those of the range and those that have something; without gaps unless these would be too many. */
export function timesOf(starts: Iterable<string>, intervalMs: number, span: [number, number] | undefined): number[] {
  const found = new Set([...starts].map((start) => Date.parse(start)));
  if (span && intervalMs > 0 && (span[1] - span[0]) / intervalMs <= MOST_TIMES) {
    for (let at = Math.floor(span[0] / intervalMs) * intervalMs; at < span[1]; at += intervalMs) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}

/** A group as people call it: its values, `–` for none. */
export function groupName(group: Group, all = 'all'): string {
  const values = Object.values(group.values);
  return values.length ? values.map((value) => value ?? '–').join(' · ') : all;
}

/** The figure of a group or a bucket: `count`, or an aggregate by its name. */
export function figure(of: Group | Bucket, aggregate: string): number | null {
  return aggregate === 'count' ? of.count : (of.stats?.[aggregate] ?? null);
}

/** The groups as lines. Where nothing was found there are none, or of a count 0. */
export function linesOf(groups: readonly Group[], aggregate: string, times: readonly number[]): Line[] {
  return inOrder(groups.map((group) => ({ name: groupName(group, aggregate), value: soleValue(group), values: valuesOf(group, aggregate, times) })));
}

function valuesOf(group: Group, aggregate: string, times: readonly number[]): (number | null)[] {
  const found = new Map((group.buckets ?? []).map((bucket) => [Date.parse(bucket.start), figure(bucket, aggregate)]));
  return times.map((at) => found.get(at) ?? (aggregate === 'count' ? 0 : null));
}

/** Of each group, and each time, the share of its records that are among the matching ones, too: 0 to 1, and null where
 * there are no records at all. Those with the most that match come first. */
export function shareLines(all: readonly Group[], matching: readonly Group[], times: readonly number[]): Line[] {
  const found = new Map(matching.map((group) => [groupKey(group), group]));
  const count = (group: Group) => found.get(groupKey(group))?.count ?? 0;
  return inOrder(
    all.toSorted((a, b) => count(b) - count(a)).map((group) => {
      const whole = valuesOf(group, 'count', times);
      const other = found.get(groupKey(group));
      const part = other ? valuesOf(other, 'count', times) : [];
      return { name: groupName(group, 'share'), value: soleValue(group), values: whole.map((count, at) => share(part[at] ?? 0, count)) };
    }),
  );
}

export interface ShareRow {
  group: Group;
  matching: number;
  share: number | null;
}

/** The groups with their shares, the largest share first, and of equal ones that with the most records. */
export function shareRows(all: readonly Group[], matching: readonly Group[]): ShareRow[] {
  const counts = new Map(matching.map((group) => [groupKey(group), group.count]));
  return all
    .map((group) => ({ group, matching: counts.get(groupKey(group)) ?? 0, share: share(counts.get(groupKey(group)) ?? 0, group.count) }))
    .sort((a, b) => (b.share ?? -1) - (a.share ?? -1) || b.group.count - a.group.count);
}

/** Two answers aren't of the same moment, so a part may be more than the whole. */
export function share(part: number, whole: number | null): number | null {
  return whole ? Math.min(1, part / whole) : null;
}

/** By how much it has changed, as a share of what it was; undefined where that says nothing. */
export function change(value: number | null, was: number | null | undefined): number | undefined {
  return value === null || was === null || was === undefined || was === 0 ? undefined : (value - was) / Math.abs(was);
}

/** A query for what is in one of the groups; undefined for none, and for what no query tells apart. */
export function anyOf(groups: readonly Group[]): string | undefined {
  const terms = groups.map(({ values }) => Object.entries(values).map(([field, value]) => fieldIs(fieldName(field), value)));
  if (!terms.length || terms.some((one) => !one.length)) return undefined;
  return terms.map((one) => `(${one.join(' AND ')})`).join(' OR ');
}

export function groupKey(group: Group): string {
  return JSON.stringify(Object.values(group.values));
}

function soleValue(group: Group): string | null {
  const values = Object.values(group.values);
  return values.length === 1 ? values[0]! : null;
}

/** Levels by how grave they are, all else as it came. */
export function inOrder(lines: Line[]): Line[] {
  const grave = (line: Line) => (LEVELS as readonly string[]).indexOf(line.value ?? '');
  return lines.every((line) => grave(line) >= 0 || line.value === null || line.name === 'other') ? lines.toSorted((a, b) => rank(grave(a)) - rank(grave(b))) : lines;
}

const rank = (at: number): number => (at < 0 ? LEVELS.length : at);
