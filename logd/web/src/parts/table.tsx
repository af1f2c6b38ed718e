import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  title: string;
  cell: (row: Row) => ComponentChildren;
  /** Numbers stand at the right. */
  number?: boolean;
}

interface TableProps<Row> {
  /** What it is a table of, for those who don't see it. */
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string | number;
}

/** A table of some hundreds of rows at most. On a phone a row's cells stand below each other, which takes a table's roles
 * away: so they are said. */
export function Table<Row>({ label, columns, rows, rowKey }: TableProps<Row>) {
  return (
    <div class="table-holder" role="region" aria-label={label} tabIndex={0}>
      <table class="table stacks" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ title, number }) => (
              <th key={title} scope="col" role="columnheader" class={number ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={rowKey(row)} role="row">
              {columns.map(({ title, cell, number }) => (
                <td key={title} role="cell" data-title={title} class={number ? 'number' : undefined}>
                  <div class="table-cell">{cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
