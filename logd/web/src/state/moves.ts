/** Ranges that one comes to from another: a step aside, a wider one, one around a moment. */

import { instant, iso, type Range } from './time';

const LEAST_MS = 1_000;
const MOST_MS = 3_660 * 86_400_000;

/** As long, just before (-1) or just after it. undefined for what isn't understood here. */
export function stepped(range: Range, by: -1 | 1, now = Date.now()): Range | undefined {
  const ends = endsOf(range, now);
  if (!ends) return undefined;
  const [from, to] = ends;
  const shift = by * (to - from);
  return { from: iso(from + shift), to: iso(to + shift) };
}

/** Twice as long, around the same middle; one up to now still moves with the clock. */
export function widened(range: Range, now = Date.now()): Range | undefined {
  const ago = /^(?:now)?-(\d+)([smhdw])$/.exec(range.from);
  const ends = endsOf(range, now);
  if (!ends || ends[1] - ends[0] > MOST_MS) return undefined;
  if (ago && range.to === 'now') return { from: `-${2 * Number(ago[1])}${ago[2]}`, to: 'now' };
  const [from, to] = ends;
  const half = Math.max(to - from, LEAST_MS) / 2;
  // Nothing is in what is to come.
  const end = to <= now ? Math.min(to + half, now) : to + half;
  return { from: iso(Math.round(end - 4 * half)), to: iso(Math.round(end)) };
}

/** As long, with that moment in its middle. */
export function around(at: number, range: Range, now = Date.now()): Range | undefined {
  const ends = endsOf(range, now);
  if (!ends) return undefined;
  const half = Math.max(ends[1] - ends[0], LEAST_MS) / 2;
  return { from: iso(Math.round(at - half)), to: iso(Math.round(at + half)) };
}

/** Whether it moves with the clock. */
export function isRelative(text: string): boolean {
  return /^(now|[+-]|\/)/.test(text.trim());
}

function endsOf(range: Range, now: number): [number, number] | undefined {
  const [from, to] = [instant(range.from, now), instant(range.to, now)];
  return from === undefined || to === undefined || from >= to ? undefined : [from, to];
}
