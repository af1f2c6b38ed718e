/** A record as fields: what columns show, what an expanded line lists, and the terms that ask for them. */

import type { Schemas } from '../api/client';
import { jsonText, parsedJson } from '../api/json';

/** Ranges are pairs, which calls through openapi-fetch have as lists. */
export type Hit = Omit<Schemas['Hit'], 'highlights'> & { highlights?: Record<string, number[][]> };

export interface Field {
  /** As queries name it: `level`, `metadata.user.id`. */
  name: string;
  /** As `highlights` name it: an element of an array has its number behind it. */
  place: string;
  /** As it is filtered for; null for a JSON null. */
  value: string | null;
  type: 'string' | 'number' | 'boolean' | 'null' | 'object';
}

const COLUMNS = ['timestamp', 'level', 'service', 'host', 'source', 'message', 'trace_id', 'tags', 'log_id', 'ingested_at'] as const;
/** Deeper values are shown as JSON: a table of 600 levels helps nobody. */
const DEEPEST = 20;
const MOST_FIELDS = 2_000;

/** All fields that it has, metadata by path, in the order of the columns and then by name. */
export function fieldsOf(hit: Hit): Field[] {
  const found: Field[] = [];
  for (const name of COLUMNS) {
    const value = hit[name];
    if (value !== undefined && value !== null) flatten(name, name, value, found, 0);
  }
  const members: Field[] = [];
  for (const [name, value] of Object.entries(hit.metadata ?? {})) flatten(`metadata.${name}`, `metadata.${name}`, value, members, 1);
  members.sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0));
  return [...found, ...members];
}

function flatten(name: string, place: string, value: unknown, found: Field[], depth: number): void {
  if (found.length >= MOST_FIELDS) return;
  if (value !== null && typeof value === 'object' && depth < DEEPEST) {
    // An array's name finds its plain elements; what is within others only their number does.
    const members = Array.isArray(value)
      ? value.map((one: unknown, number) => [typeof one === 'object' && one !== null ? `${name}.${number}` : name, `${place}.${number}`, one] as const)
      : Object.entries(value).map(([key, one]) => [`${name}.${key}`, `${place}.${key}`, one] as const);
    // What holds nothing would be nowhere.
    if (!members.length && name !== 'tags') found.push({ name, place, value: jsonText(value), type: 'object' });
    for (const [inner, innerPlace, one] of members) flatten(inner, innerPlace, one, found, depth + 1);
    return;
  }
  if (value === null) found.push({ name, place, value: null, type: 'null' });
  else if (typeof value === 'object') found.push({ name, place, value: jsonText(value), type: 'object' });
  else found.push({ name, place, value: String(value), type: typeof value === 'bigint' ? 'number' : (typeof value as Field['type']) });
}

/** A field's value as it is, `undefined` where the record hasn't the field. Names as queries have them. */
export function rawAt(hit: Hit, name: string): unknown {
  const own = (COLUMNS as readonly string[]).includes(name);
  return own ? (hit as Record<string, unknown>)[name] : member(hit.metadata, name.replace(/^metadata\./, ''));
}

/** What a column shows: text, `undefined` where the record hasn't the field. */
export function valueAt(hit: Hit, name: string): string | undefined {
  const value = rawAt(hit, name);
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((one) => one === null || typeof one !== 'object')) return value.join(', ');
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** By path; keys may have dots themselves. */
function member(object: unknown, path: string): unknown {
  if (object === null || typeof object !== 'object') return undefined;
  if (Array.isArray(object)) {
    const [, number, rest] = /^(\d+)(?:\.(.+))?$/s.exec(path) ?? [];
    if (number !== undefined) return rest === undefined ? object[Number(number)] : member(object[Number(number)], rest);
    const found = object.map((one) => member(one, path)).filter((one) => one !== undefined);
    return found.length ? found : undefined;
  }
  const members = object as Record<string, unknown>;
  if (Object.hasOwn(members, path)) return members[path];
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    const found = Object.hasOwn(members, key) ? member(members[key], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The message, when it is a JSON object or array, as people read JSON. */
export function prettyJson(message: string): string | undefined {
  const text = message.trim();
  if (!/^[[{]/.test(text) || text.length > 2_000_000) return undefined;
  try {
    return jsonText(parsedJson(text), 2);
  } catch {
    return undefined;
  }
}

/** The record without what only this answer has. */
export function plain(hit: Hit): Omit<Hit, 'highlights'> {
  const { highlights: _, ...rest } = hit;
  return rest;
}
