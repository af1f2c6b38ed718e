/** Times: as the API takes them in a range, and as people read them in the zone that they chose. */

import { zone } from './settings';

/** As the API has it: `now`, `-15m`, `now-1d/d`, ISO 8601 or epoch seconds to nanoseconds. */
export interface Range {
  from: string;
  to: string;
}

export const RECENT: readonly (Range & { name: string })[] = [
  { from: '-5m', to: 'now', name: 'Last 5 minutes' },
  { from: '-15m', to: 'now', name: 'Last 15 minutes' },
  { from: '-1h', to: 'now', name: 'Last hour' },
  { from: '-6h', to: 'now', name: 'Last 6 hours' },
  { from: '-24h', to: 'now', name: 'Last 24 hours' },
  { from: '-7d', to: 'now', name: 'Last 7 days' },
  { from: '-30d', to: 'now', name: 'Last 30 days' },
  { from: 'now/d', to: 'now', name: 'Today' },
  { from: 'now-1d/d', to: 'now/d', name: 'Yesterday' },
];

const SECOND = 1_000;
const UNITS: Record<string, number> = {
  ms: 1,
  s: SECOND,
  m: 60 * SECOND,
  h: 3_600 * SECOND,
  d: 86_400 * SECOND,
  w: 7 * 86_400 * SECOND,
};
const RELATIVE = /^(?:now)?((?:[+-]\d{1,18}(?:ms|[smhdw]))*)(?:\/(ms|[smhdw]))?$/;
const STEP = /([+-]\d+)(ms|[smhdw])/g;
const UNIX = /^(\d{1,3}|\d{5,20})(?:\.(\d{1,18}))?$/;
const ISO = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,18}))?)?)?(?: ?(Z|[+-]\d\d(?::?\d\d)?))?)?)?)?$/i;

/** Unix milliseconds of a range's end, as the server takes it; undefined for what it takes for none. Without an offset a
 * time is UTC, as rounding is. */
export function instant(text: string, now = Date.now()): number | undefined {
  const plain = text.trim();
  const relative = plain ? RELATIVE.exec(plain) : null;
  if (relative) {
    let at = now;
    for (const [, count, unit] of relative[1]!.matchAll(STEP)) at += Number(count) * UNITS[unit!]!;
    const step = relative[2] && UNITS[relative[2]];
    // Weeks begin on Monday, and 1970 on a Thursday.
    const shift = relative[2] === 'w' ? 4 * UNITS.d! : 0;
    return known(step ? Math.floor((at - shift) / step) * step + shift : at);
  }
  const unix = UNIX.exec(plain);
  if (unix) {
    const digits = unix[1]!.length;
    const finer = digits <= 11 ? 0 : Math.min(Math.trunc((digits - 9) / 3), 3);
    return known(Number(plain) * [1e3, 1, 1e-3, 1e-6][finer]!);
  }
  const iso = ISO.exec(plain);
  if (!iso) return undefined;
  const at = fromParts(iso.slice(1, 7), iso[7]);
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)?$/.exec(iso[8] ?? '') ?? [];
  return at === undefined || !sign ? at : at - Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes ?? 0)) * UNITS.m!;
}

/** Of a year, month, day, hour, minute and second, those that are there, in UTC. undefined for a 30th of February. */
function fromParts(parts: readonly (string | undefined)[], fraction = '0'): number | undefined {
  const [year, month, day, hour, minute, second] = parts.map((part, at) => Number(part ?? (at === 1 || at === 2 ? 1 : 0)));
  const at = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!, Number(fraction.slice(0, 3).padEnd(3, '0')));
  const isThere = hour! < 24 && minute! < 60 && second! < 60 && new Date(at).getUTCMonth() === month! - 1 && new Date(at).getUTCDate() === day!;
  return isThere ? at : undefined;
}

/** A Date can't be of any number. */
function known(at: number): number | undefined {
  return Math.abs(at) <= 8.64e15 ? at : undefined;
}

const NAMES: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };

/** The range's name, or its two times. */
export function rangeText(range: Range): string {
  const named = RECENT.find(({ from, to }) => from === range.from && to === range.to);
  if (named) return named.name;
  const ago = /^(?:now)?-(\d+)([smhdw])$/.exec(range.from);
  if (ago && range.to === 'now') return ago[1] === '1' ? `Last ${NAMES[ago[2]!]}` : `Last ${ago[1]} ${NAMES[ago[2]!]}s`;
  const from = endText(range.from);
  const to = endText(range.to);
  const day = /^\d{4}-\d\d-\d\d /.exec(from)?.[0];
  return `${from} – ${day && to.startsWith(day) ? to.slice(day.length) : to}`;
}

function endText(text: string): string {
  const at = /^\s*(now|[+-])/.test(text) ? undefined : instant(text);
  return at === undefined ? text : timeText(at).replace(/(:\d\d)\.000$/, '$1');
}

/** ISO 8601 in UTC, to the millisecond: as the API takes it. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}

/** `2026-11-28 05:36:29.123` in the chosen zone. What isn't a time is given back as it is. */
export function timeText(time: string | number, { date = true, millis = true } = {}): string {
  const at = typeof time === 'number' ? time : Date.parse(time);
  if (Number.isNaN(at)) return String(time);
  const part = partsOf(at);
  const day = `${part.year}-${part.month}-${part.day}`;
  // Fractions that the browser can't tell apart are the text's own: microseconds stay.
  const fraction = typeof time === 'string' ? (/\.(\d+)/.exec(time)?.[1] ?? '000') : String(Math.floor(at - Math.floor(at / SECOND) * SECOND)).padStart(3, '0');
  const clock = `${part.hour}:${part.minute}:${part.second}${millis ? `.${fraction}` : ''}`;
  return date ? `${day} ${clock}` : clock;
}

/** Of the chosen zone, such as `UTC` or `GMT+1`. */
export function zoneName(at = Date.now()): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zoneOf(), timeZoneName: 'short' }).formatToParts(at);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
}

/** The IANA's name of the chosen zone. */
export function zoneOf(): string {
  return zone.value === 'local' ? (local ??= Intl.DateTimeFormat().resolvedOptions().timeZone) : zone.value;
}

// Asking for it takes longer than writing a time.
let local: string | undefined;

/** Unix milliseconds of a time without an offset, such as `2026-11-28 05:36:29.123456`, in the chosen zone; undefined for
 * what is none. */
export function inZone(text: string): number | undefined {
  const found = ISO.exec(text.trim());
  if (!found || found[8]) return undefined;
  const wanted = fromParts(found.slice(1, 7), found[7]);
  if (wanted === undefined) return undefined;
  // The zone's distance from UTC is asked for twice, as it may change between the two.
  let at = wanted - offset(wanted);
  at = wanted - offset(at);
  return at;
}

/** `350 ms`, `2.5 s`, `3 min`, `2 h`, `4 d`. */
export function durationText(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 60 * SECOND) return `${tidy(ms / SECOND)} s`;
  if (ms < 3_600 * SECOND) return `${tidy(ms / UNITS.m!)} min`;
  if (ms < 86_400 * SECOND) return `${tidy(ms / UNITS.h!)} h`;
  return `${tidy(ms / UNITS.d!)} d`;
}

/** How long ago that was: `12 s ago`. */
export function agoText(time: string | number, now = Date.now()): string {
  return `${durationText(Math.max(0, now - (typeof time === 'number' ? time : Date.parse(time))))} ago`;
}

function tidy(value: number): string {
  return value < 10 ? String(Math.round(value * 10) / 10) : String(Math.round(value));
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** By zone, and minute: neighbouring lines have many times in the same one, and formats are slow. */
const minutes = new Map<string, Record<string, string>>();
const MOST_MINUTES = 5_000;

function partsOf(at: number): Record<string, string> {
  const name = zoneOf();
  const minute = Math.floor(at / UNITS.m!);
  const key = `${minute} ${name}`;
  let found = minutes.get(key);
  if (!found) {
    if (minutes.size >= MOST_MINUTES) minutes.clear();
    found = formatted(name, at);
    minutes.set(key, found);
  }
  // Zones are whole minutes apart, since there are such.
  const second = Math.floor(at / SECOND) - minute * 60;
  return { ...found, second: String(second).padStart(2, '0') };
}

function formatted(name: string, at: number): Record<string, string> {
  let format = formats.get(name);
  if (!format) {
    const two = '2-digit';
    format = new Intl.DateTimeFormat('en-GB', { timeZone: name, year: 'numeric', month: two, day: two, hour: two, minute: two, second: two, hourCycle: 'h23' });
    formats.set(name, format);
  }
  return Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
}

function offset(at: number): number {
  const part = partsOf(at);
  const seconds = Math.floor(at / SECOND) * SECOND;
  return Date.UTC(Number(part.year), Number(part.month) - 1, Number(part.day), Number(part.hour), Number(part.minute), Number(part.second)) - seconds;
}
