/** What a panel shows, whatever it asked: to be drawn, and to be exported. */

import type { Partial as Whole } from '../api/client';
import type { Colour, Unit } from './document';

export type Cell = string | number | null;

export interface Line {
  name: string;
  /** The group's value, where it is one of one field: levels have colours of their own. */
  value: string | null;
  /** As many as there are times. */
  values: (number | null)[];
}

export interface ShownColumn {
  name: string;
  /** Of numbers; `time` are of ISO 8601. */
  unit?: Unit | 'time' | undefined;
  number?: boolean;
  /** A bar beside each number says how much it is of the most. */
  bar?: boolean;
}

export interface StatusItem {
  name: string;
  state: Colour | 'none';
  text: string;
  more?: string | undefined;
  /** Where one sees more of it. */
  link?: string | undefined;
}

export interface Chart {
  kind: 'chart';
  /** Unix milliseconds, rising. */
  times: number[];
  series: Line[];
  span?: [number, number] | undefined;
  /** Zeros say something, too. */
  hasZeros?: boolean;
}

export interface Rows {
  kind: 'table';
  columns: ShownColumn[];
  rows: Cell[][];
  /** Of each row, where one sees more of it. */
  links?: (string | undefined)[] | undefined;
}

export interface Figure {
  kind: 'number';
  value: number | null;
  /** Of as long a time before; undefined where that isn't known. */
  before?: number | null | undefined;
  times: number[];
  values: (number | null)[];
}

export interface Statuses {
  kind: 'status';
  items: StatusItem[];
}

export interface Notes extends Whole {
  /** What an engine has estimated. */
  approximate?: string[] | undefined;
  /** So many records, or alerts, are of what isn't among the top. */
  others?: number | undefined;
}

export type Shown = (Chart | Rows | Figure | Statuses) & Notes;

/** Whether there is nothing to be seen. */
export function isEmpty(shown: Shown): boolean {
  switch (shown.kind) {
    case 'chart':
      return shown.series.every(({ values }) => values.every((value) => value === null || (value === 0 && !shown.hasZeros)));
    case 'table':
      return !shown.rows.length;
    case 'status':
      return !shown.items.length;
    case 'number':
      return false;
  }
}
