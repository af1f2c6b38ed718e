/** The list's columns: their names in its head, moved by dragging or by keys, and the choice among all fields. */

import { useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { Failed, Loading } from '../parts/states';
import { zoneName } from '../state/time';
import { withColumn } from './expanded';
import { escaped } from '../parts/visible';
import { valueAt, type Hit } from './record';
import { asked, change, explore, type Pinned } from './state';

const LEVEL_WIDTH = 5;
const LEAST_WIDTH = 4;
const MOST_WIDTH = 36;
const TIME_WIDTH = 14;
const DATE_WIDTH = 23;
const LEAST_MESSAGE = 30;

export interface Layout {
  /** Of a CSS grid: the level's bar, the time, and the columns. */
  columns: string;
  /** What all of it takes at least, in characters. */
  width: number;
}

/** As wide as what these lines have in them; the message, or else the last column, takes what is left. */
export function layoutOf(columns: readonly string[], hits: readonly Hit[], withDate: boolean): Layout {
  const wide = columns.includes('message') ? 'message' : columns.at(-1);
  const time = withDate ? DATE_WIDTH : TIME_WIDTH;
  let width = time + 2 * columns.length + 4;
  const parts = columns.map((name) => {
    if (name === wide) {
      width += LEAST_MESSAGE;
      return `minmax(${LEAST_MESSAGE}ch, 1fr)`;
    }
    const longest = name === 'level' ? LEVEL_WIDTH : hits.reduce((most, hit) => Math.max(most, valueAt(hit, name)?.length ?? 0), LEAST_WIDTH);
    const own = Math.min(MOST_WIDTH, Math.max(longest, titleOf(name).length));
    width += own;
    return `${own}ch`;
  });
  return { columns: ['3px', `${time}ch`, ...parts].join(' '), width };
}

/** As the head has it: metadata is what most columns are of. */
export function titleOf(name: string): string {
  return escaped(name.replace(/^metadata\./, ''), { line: true });
}

/** Moves one of them to the place of another one. */
export function moved(columns: readonly string[], from: number, to: number): string[] {
  const found = [...columns];
  const [one] = found.splice(from, 1);
  if (one !== undefined) found.splice(Math.max(0, to), 0, one);
  return found;
}

export function Head({ layout, day }: { layout: Layout; day: string }) {
  const { columns } = explore.value;
  const [dragged, setDragged] = useState<number | undefined>(undefined);
  const [over, setOver] = useState<number | undefined>(undefined);
  const move = (from: number, to: number) => {
    if (from !== to && to >= 0 && to < columns.length) change({ columns: moved(columns, from, to) });
  };
  return (
    <div class="line-head" role="rowgroup">
      <div class="line-names" role="row" aria-rowindex={1} style={{ gridTemplateColumns: layout.columns, minWidth: `${layout.width}ch` }}>
        <span role="presentation" />
        <span role="columnheader" class="line-time" title={day}>
          {day || 'Time'} <span class="soft">{zoneName()}</span>
        </span>
        {columns.map((name, number) => (
          <span
            key={name}
            role="columnheader"
            class={`line-name ${over === number && dragged !== undefined ? 'over' : ''}`}
            draggable
            onDragStart={(event) => {
              setDragged(number);
              event.dataTransfer?.setData('text/plain', name);
            }}
            onDragOver={(event) => {
              if (dragged === undefined) return;
              event.preventDefault();
              setOver(number);
            }}
            onDrop={(event) => {
              event.preventDefault();
              if (dragged !== undefined) move(dragged, number);
            }}
            onDragEnd={() => {
              setDragged(undefined);
              setOver(undefined);
            }}
          >
            <button
              type="button"
              class="line-name-button"
              title="Drag to move; or Alt with the arrow keys, Delete removes it"
              aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight Delete"
              onKeyDown={(event) => {
                if (event.altKey && event.key === 'ArrowLeft') move(number, number - 1);
                else if (event.altKey && event.key === 'ArrowRight') move(number, number + 1);
                else if (event.key === 'Delete') change({ columns: columns.filter((one) => one !== name) });
                else return;
                event.preventDefault();
                event.stopPropagation();
              }}
            >
              {titleOf(name)}
            </button>
            <IconButton class="line-name-remove" icon="close" label={`Remove the column ${titleOf(name)}`} onClick={() => change({ columns: columns.filter((one) => one !== name) })} />
          </span>
        ))}
      </div>
    </div>
  );
}

interface PickerProps {
  pinned: Pinned;
}

/** The button that opens the choice. */
export function ColumnPicker({ pinned }: PickerProps) {
  return (
    <Popover
      label="Columns"
      align="right"
      class="plain"
      button={
        <>
          <Icon name="columns" /> <span class="wide-only">Columns</span>
        </>
      }
    >
      {() => <Choice pinned={pinned} />}
    </Popover>
  );
}

function Choice({ pinned }: PickerProps) {
  const [text, setText] = useState('');
  const { columns } = explore.value;
  const { from, to, turn } = pinned;
  const fields = useLoad((signal) => body(api.GET('/api/v1/logs/fields', { params: { query: { ...asked(explore.value), from, to } as never }, signal })), [turn]);
  const others = (fields.data?.fields ?? []).map(({ name }) => name).filter((name) => name !== 'timestamp' && !columns.includes(name) && name.toLowerCase().includes(text.toLowerCase()));
  return (
    <div class="column-choice stack">
      <ol aria-label="Columns that are shown">
        {columns.map((name, number) => (
          <li key={name}>
            <span class="log">{titleOf(name)}</span>
            <IconButton icon="up" label={`Move ${titleOf(name)} to the left`} disabled={number === 0} onClick={() => change({ columns: moved(columns, number, number - 1) })} />
            <IconButton icon="down" label={`Move ${titleOf(name)} to the right`} disabled={number === columns.length - 1} onClick={() => change({ columns: moved(columns, number, number + 1) })} />
            <IconButton icon="close" label={`Remove ${titleOf(name)}`} disabled={columns.length === 1} onClick={() => change({ columns: columns.filter((one) => one !== name) })} />
          </li>
        ))}
      </ol>
      <input type="search" aria-label="Find a field" placeholder="Add a field" value={text} onInput={(event) => setText(event.currentTarget.value)} autofocus />
      {fields.loading && <Loading began={fields.began} what="Looking for fields" />}
      {fields.error && !fields.data && <Failed error={fields.error} retry={fields.reload} />}
      <ul aria-label="Other fields">
        {others.map((name) => (
          <li key={name}>
            <button type="button" class="button plain log" onClick={() => change({ columns: withColumn(columns, name) })}>
              <Icon name="plus" /> {escaped(name, { line: true })}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
