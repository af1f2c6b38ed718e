/** A dashboard as a document: what the API keeps, a file holds, and home.ts ships. */

import type { Range } from '../state/time';

export const TYPES = ['timeseries', 'table', 'top', 'number', 'status'] as const;
export const SOURCES = ['logs', 'patterns', 'alerts', 'lag', 'slow_searches', 'usage', 'bytes'] as const;
export const UNITS = ['count', 'bytes', 'ms', 'percent'] as const;
export const COLOURS = ['good', 'warning', 'danger'] as const;
export type PanelType = (typeof TYPES)[number];
export type Source = (typeof SOURCES)[number];
export type Unit = (typeof UNITS)[number];
export type Colour = (typeof COLOURS)[number];

/** Parameters of a search, as they are written. Its own times win over the dashboard's. */
export interface PanelSearch {
  q?: string;
  service?: string | string[];
  level?: string | string[];
  host?: string | string[];
  from?: string | number;
  to?: string | number;
  default_operator?: 'or' | 'and';
}

export interface Threshold {
  value: number;
  colour: Colour;
}

export interface Panel {
  id: string;
  title?: string;
  type: PanelType;
  /** Of a grid of 12 columns. */
  x: number;
  y: number;
  w: number;
  h: number;
  search?: PanelSearch;
  /** A saved search's name. */
  saved?: string;
  by?: string | string[];
  /** `count`, or one as of stats: `p95(latency_ms)`. */
  aggregate?: string;
  interval?: string;
  top?: number;
  source?: Source;
  /** A query: the share of the records that match it, too. */
  share?: string;
  draw?: 'lines' | 'bars';
  unit?: Unit;
  thresholds?: Threshold[];
}

export interface Document {
  name: string;
  description: string;
  /** 0 for never. */
  refresh_seconds: number;
  time: { from?: string | number; to?: string | number };
  panels: Panel[];
}

/** One that is kept. */
export interface Kept extends Document {
  id: string;
  version: number;
  created: string;
  created_by: string | null;
  updated: string;
  updated_by: string | null;
}

/** What a document has wrong, and where: `panels[2].type`. */
export class DocumentError extends Error {
  constructor(
    readonly where: string,
    message: string,
  ) {
    super(message);
  }
}

export const COLUMNS = 12;
export const MOST_PANELS = 50;
export const MOST_ROWS_OF_ONE = 20;

/** `a`, or `['a', 'b']`, or `a,b`, as a list. */
export function list(value: string | readonly string[] | undefined): string[] {
  const all = typeof value === 'string' ? value.split(',') : (value ?? []);
  return all.map((one) => one.trim()).filter(Boolean);
}

export function rangeOf({ time }: Document): Range {
  return { from: String(time.from ?? '-1h'), to: String(time.to ?? 'now') };
}

/** A new panel's id, which no other panel of these has. */
export function newId(panels: readonly Panel[]): string {
  const taken = new Set(panels.map(({ id }) => id));
  let number = panels.length + 1;
  while (taken.has(`panel-${number}`)) number += 1;
  return `panel-${number}`;
}

/** Only what people have made: no id, times or version of the server's. */
export function contentOf({ name, description, refresh_seconds, time, panels }: Document): Document {
  return { name, description, refresh_seconds, time, panels };
}

/** As a file, which `read` takes. */
export function exported(document: Document): string {
  return `${JSON.stringify(contentOf(document), null, 2)}\n`;
}

/** A file's text as a document. Throws DocumentError; what is finer, such as a query, the API checks. */
export function read(text: string): Document {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new DocumentError('', `this is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  return validated(found);
}

export function validated(found: unknown): Document {
  const whole = object(found, '', 'a dashboard');
  const name = text(whole.name, 'name');
  if (!name.trim()) throw new DocumentError('name', 'name is empty, expected what people call it');
  const panels = whole.panels ?? [];
  if (!Array.isArray(panels)) throw new DocumentError('panels', 'panels is no list');
  if (panels.length > MOST_PANELS) throw new DocumentError('panels', `there are ${panels.length} panels, at most ${MOST_PANELS}`);
  const refresh = whole.refresh_seconds ?? 30;
  if (typeof refresh !== 'number' || !Number.isInteger(refresh) || refresh < 0 || (refresh > 0 && refresh < 5) || refresh > 3_600) {
    throw new DocumentError('refresh_seconds', 'refresh_seconds has to be 0, or a whole number from 5 to 3600');
  }
  const seen = new Set<string>();
  return {
    name,
    description: text(whole.description ?? '', 'description'),
    refresh_seconds: refresh,
    time: object(whole.time ?? {}, 'time', 'from and to') as Document['time'],
    panels: panels.map((one: unknown, at) => {
      const panel = validPanel(one, `panels[${at}]`);
      if (seen.has(panel.id)) throw new DocumentError(`panels[${at}].id`, `another panel has the id ${panel.id}`);
      seen.add(panel.id);
      return panel;
    }),
  };
}

function validPanel(found: unknown, where: string): Panel {
  const panel = object(found, where, 'a panel');
  if (!text(panel.id, `${where}.id`)) throw new DocumentError(`${where}.id`, `${where}.id is empty`);
  oneOf(panel.type, TYPES, `${where}.type`);
  if (panel.source !== undefined) oneOf(panel.source, SOURCES, `${where}.source`);
  if (panel.unit !== undefined) oneOf(panel.unit, UNITS, `${where}.unit`);
  const x = whole(panel.x, 0, COLUMNS - 1, `${where}.x`);
  whole(panel.y, 0, MOST_PANELS * MOST_ROWS_OF_ONE, `${where}.y`);
  whole(panel.w, 1, COLUMNS - x, `${where}.w`);
  whole(panel.h, 1, MOST_ROWS_OF_ONE, `${where}.h`);
  if (panel.search !== undefined) object(panel.search, `${where}.search`, 'parameters of a search');
  if (panel.search !== undefined && panel.saved !== undefined) throw new DocumentError(`${where}.saved`, `${where} has search and saved, expected one of them`);
  return panel as unknown as Panel;
}

function object(found: unknown, where: string, what: string): Record<string, unknown> {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw new DocumentError(where, `${where || 'this'} is no object, expected ${what}`);
  return found as Record<string, unknown>;
}

function text(found: unknown, where: string): string {
  if (typeof found !== 'string') throw new DocumentError(where, `${where} is no text`);
  return found;
}

function oneOf(found: unknown, known: readonly string[], where: string): void {
  if (!known.includes(found as string)) throw new DocumentError(where, `${where} is ${JSON.stringify(found) ?? 'missing'}, expected one of ${known.join(', ')}`);
}

function whole(found: unknown, least: number, most: number, where: string): number {
  if (typeof found !== 'number' || !Number.isInteger(found) || found < least || found > most) {
    throw new DocumentError(where, `${where} is ${JSON.stringify(found) ?? 'missing'}, expected a whole number from ${least} to ${most}`);
  }
  return found;
}
