/** A row of the list: a line's time and columns. On a phone it has two lines, the second being the message. */

import { LevelBadge } from '../parts/levels';
import { timeText } from '../state/time';
import type { Layout } from './columns';
import { cut } from '../parts/visible';
import { valueAt, type Hit } from './record';
import { Text } from '../parts/text';

/** More of a message isn't in the list: the expanded line shows it. */
const MOST_IN_LINE = 1_000;
const MOST_WRAPPED = 5_000;

/** What all rows have in common: another one has all of them drawn again. */
export interface Look {
  columns: readonly string[];
  /** As the header has it. */
  layout: Layout;
  wrapped: boolean;
  /** Days differ in the list. */
  withDate: boolean;
  zone: string;
}

interface LineProps {
  id: string;
  hit: Hit;
  look: Look;
  /** Of all, from 1. */
  number: number;
  chosen: boolean;
  open: boolean;
  onToggle: () => void;
}

export function Line({ id, hit, look: { columns, layout, wrapped, withDate }, number, chosen, open, onToggle }: LineProps) {
  const level = (hit.level ?? 'none').toLowerCase();
  return (
    <div
      id={id}
      class={`line ${wrapped ? 'wrapped' : ''} ${chosen ? 'chosen' : ''} ${open ? 'open' : ''}`}
      role="row"
      aria-rowindex={number + 1}
      aria-selected={chosen}
      aria-expanded={open}
      style={{ gridTemplateColumns: layout.columns, minWidth: `${layout.width}ch` }}
      onClick={() => {
        // Who has marked text wants to copy it.
        if (!String(getSelection())) onToggle();
      }}
    >
      <span class={`line-level ${level}`} role="presentation" />
      <time role="gridcell" class="line-time" dateTime={hit.timestamp} title={hit.timestamp}>
        {hit.timestamp ? timeText(Date.parse(hit.timestamp), { date: withDate }) : '–'}
      </time>
      {columns.map((name) => (
        <Cell key={name} hit={hit} name={name} wrapped={wrapped} />
      ))}
    </div>
  );
}

function Cell({ hit, name, wrapped }: { hit: Hit; name: string; wrapped: boolean }) {
  if (name === 'level') {
    return (
      <span role="gridcell" class="line-cell line-badge">
        <LevelBadge level={hit.level} />
      </span>
    );
  }
  const value = valueAt(hit, name);
  if (value === undefined) {
    return (
      <span role="gridcell" class="line-cell soft">
        –
      </span>
    );
  }
  const isTime = name === 'timestamp' || name === 'ingested_at';
  const shown = isTime ? timeText(value) : cut(value, wrapped ? MOST_WRAPPED : MOST_IN_LINE);
  return (
    <span role="gridcell" class={name === 'message' ? 'line-cell line-message' : 'line-cell'} dir="auto">
      <Text of={shown} spans={hit.highlights?.[name]} line={!wrapped} />
      {!isTime && shown.length < value.length && <span class="line-more">… show all {value.length.toLocaleString('en')} characters</span>}
    </span>
  );
}
