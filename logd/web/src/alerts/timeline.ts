/** From what happened to when what fired: bars, row by row. */

import type { Schemas } from '../api/client';
import { groupText } from './words';

type Event = Pick<Schemas['AlertEvent'], 'time' | 'rule_id' | 'rule' | 'group' | 'what' | 'value'>;

export interface Bar {
  /** Unix milliseconds. */
  from: number;
  to: number;
  group: string;
  /** It fired already when the time that is shown began, or fires still when it ends. */
  began: boolean;
  ended: boolean;
  value: number | null;
}

export interface Row {
  key: string;
  name: string;
  bars: Bar[];
  /** How long something of it fired, in milliseconds; several at once count once. */
  fired: number;
}

/** `events` in any order, those of a time are in the order of their list, the newest first. Rows are rules, or with
 * `byGroup` groups; those that fired last come first. */
export function rowsOf(events: readonly Event[], from: number, to: number, byGroup = false): Row[] {
  const open = new Map<string, Bar>();
  const rows = new Map<string, Row>();
  const inOrder = events.toReversed().toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time));
  for (const event of inOrder) {
    if (event.what !== 'firing' && event.what !== 'resolved') continue;
    const at = Date.parse(event.time);
    const group = groupText(event.group);
    const key = `${event.rule_id} ${JSON.stringify(event.group)}`;
    const row = rowOf(rows, byGroup ? key : event.rule_id, byGroup ? group || 'all' : event.rule);
    const bar = open.get(key);
    if (event.what === 'firing') {
      // One whose end isn't known ended by then.
      if (bar) bar.to = Math.min(bar.to, at);
      const made = { from: at, to, group, began: true, ended: false, value: event.value };
      open.set(key, made);
      row.bars.push(made);
    } else if (bar) {
      bar.to = at;
      bar.ended = true;
      open.delete(key);
    } else if (at >= from) row.bars.push({ from, to: at, group, began: false, ended: true, value: null });
  }
  const found = [...rows.values()].map((row) => ({ ...row, bars: row.bars.filter((bar) => bar.to >= from && bar.from <= to) }));
  for (const row of found) {
    for (const bar of row.bars) {
      bar.began &&= bar.from >= from;
      bar.from = Math.max(bar.from, from);
      bar.to = Math.min(bar.to, to);
    }
    row.fired = union(row.bars);
  }
  const last = (row: Row) => Math.max(...row.bars.map((bar) => bar.to));
  return found.filter((row) => row.bars.length).sort((one, other) => last(other) - last(one) || one.name.localeCompare(other.name));
}

function rowOf(rows: Map<string, Row>, key: string, name: string): Row {
  const found = rows.get(key) ?? { key, name, bars: [], fired: 0 };
  rows.set(key, found);
  return found;
}

function union(bars: readonly Bar[]): number {
  let sum = 0;
  let upto = -Infinity;
  for (const { from, to } of bars.toSorted((one, other) => one.from - other.from)) {
    sum += Math.max(0, to - Math.max(from, upto));
    upto = Math.max(upto, to);
  }
  return sum;
}

/** Round times that part a range, up to so many. */
export function ticksOf(from: number, to: number, most = 6): number[] {
  const minute = 60_000;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 7_200, 10_080, 20_160].map((count) => count * minute);
  const step = steps.find((one) => (to - from) / one <= most) ?? steps.at(-1)!;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}
