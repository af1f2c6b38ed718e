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
  s: SECOND,
  m: 60 * SECOND,
  h: 3_600 * SECOND,
  d: 86_400 * SECOND,
  w: 7 * 86_400 * SECOND,
};

/** Unix milliseconds of a range's end, undefined for what isn't understood here. Rounding is in UTC, as the API's. */
export function instant(text: string, now = Date.now()): number | undefined {
  const relative = /^(?:now)?((?:[+-]\d+[smhdw])*)(?:\/([smhdw]))?$/.exec(text.trim());
  if (relative && text.trim()) {
    let at = now;
    for (const [, sign, count, unit] of relative[1]!.matchAll(/([+-])(\d+)([smhdw])/g)) {
      at += (sign === '-' ? -1 : 1) * Number(count) * UNITS[unit!]!;
    }
    const step = relative[2] && UNITS[relative[2]];
    // Weeks begin on Monday, and 1970 on a Thursday.
    const shift = relative[2] === 'w' ? 4 * UNITS.d! : 0;
    return step ? Math.floor((at - shift) / step) * step + shift : at;
  }
  if (/^\d{9,19}(\.\d+)?$/.test(text)) {
    const digits = text.split('.')[0]!.length;
    const divisor = digits >= 18 ? 1e6 : digits >= 15 ? 1e3 : digits >= 12 ? 1 : 1e-3;
    return Number(text) / divisor;
  }
  const plain = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/.test(text) ? `${text.replace(' ', 'T')}${text.length > 10 ? 'Z' : ''}` : text;
  const at = Date.parse(plain);
  return Number.isNaN(at) ? undefined : at;
}

/** The range's name among RECENT, or its two times. */
export function rangeText(range: Range): string {
  const known = RECENT.find(({ from, to }) => from === range.from && to === range.to);
  if (known) return known.name;
  const [from, to] = [instant(range.from), instant(range.to)];
  const end = (text: string, at: number | undefined) => (at === undefined || /now|^-/.test(text) ? text : timeText(at));
  return `${end(range.from, from)} – ${end(range.to, to)}`;
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
  const fraction = typeof time === 'string' ? (/\.(\d+)/.exec(time)?.[1] ?? '000') : String(at % SECOND | 0).padStart(3, '0');
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

/** Unix milliseconds of `2026-11-28 05:36[:29[.123]]` in the chosen zone, undefined for what is none. */
export function inZone(text: string): number | undefined {
  const found = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?$/.exec(text.trim());
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((digits) => Number(digits ?? 0));
  const wanted = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!, Number((found[7] ?? '0').padEnd(3, '0')));
  // The zone's distance from UTC is asked for twice, as it may change between the two.
  let at = wanted - offset(wanted);
  at = wanted - offset(at);
  return Number.isNaN(at) ? undefined : at;
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
