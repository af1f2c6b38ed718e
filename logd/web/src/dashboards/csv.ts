/** What a panel shows, as CSV (RFC 4180). */

import type { Cell, Shown } from './shown';

/** Its header and its rows. A spreadsheet takes text that begins with one of `=+-@` for a formula: an apostrophe comes
 * before it, as in the API's `csv-safe`. */
export function csvOf(shown: Shown): string {
  return tableOf(shown)
    .map((row) => row.map(cellText).join(','))
    .join('\r\n')
    .concat('\r\n');
}

function tableOf(shown: Shown): Cell[][] {
  switch (shown.kind) {
    case 'chart':
      return [['time', ...shown.series.map(({ name }) => name)], ...shown.times.map((at, row) => [new Date(at).toISOString(), ...shown.series.map(({ values }) => values[row] ?? null)])];
    case 'table':
      return [shown.columns.map(({ name }) => name), ...shown.rows];
    case 'number':
      return [
        ['value', 'before'],
        [shown.value, shown.before ?? null],
      ];
    case 'status':
      return [['name', 'state', 'text', 'more'], ...shown.items.map(({ name, state, text, more }) => [name, state, text, more ?? null])];
  }
}

function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
