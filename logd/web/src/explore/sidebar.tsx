/** The fields that the found lines have, and the most frequent values of each. */

import { useEffect, useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { Failed, Loading, Warnings } from '../parts/states';
import { countText, shareText } from '../state/numbers';
import { persisted } from '../state/settings';
import { titleOf } from './columns';
import { withColumn } from './expanded';
import { FieldValues } from './field_values';
import { escaped } from '../parts/visible';
import { reconnects } from '../state/connection';
import { asked, change, explore, type Pinned } from './state';

type Field = Schemas['FieldOfRecords'];

const shown = persisted('explore.fields', true);
const narrow = matchMedia('(max-width: 800px)');
/** Of these one looks at lines, not at values. */
const WITHOUT_VALUES = new Set(['timestamp', 'ingested_at', 'message', 'log_id']);
const TYPE_SIGNS: Record<string, string> = { string: 'a', number: '#', boolean: '?', text: '¶', time: '◷' };

export function Sidebar({ pinned }: { pinned: Pinned }) {
  const [isNarrow, setNarrow] = useState(narrow.matches);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const update = () => setNarrow(narrow.matches);
    narrow.addEventListener('change', update);
    return () => narrow.removeEventListener('change', update);
  }, []);
  if (isNarrow) {
    return (
      <div class="fields-drawer">
        <Button kind="plain" icon="filter" aria-expanded={open} onClick={() => setOpen(true)}>
          Fields
        </Button>
        {open && (
          <Dialog title="Fields" onClose={() => setOpen(false)}>
            <Fields pinned={pinned} />
          </Dialog>
        )}
      </div>
    );
  }
  if (!shown.value) {
    return (
      <aside class="fields-closed" aria-label="Fields">
        <IconButton icon="right" label="Show the fields" onClick={() => (shown.value = true)} />
      </aside>
    );
  }
  return (
    <aside class="fields" aria-label="Fields">
      <header>
        <h2>Fields</h2>
        <IconButton icon="left" label="Hide the fields" onClick={() => (shown.value = false)} />
      </header>
      <Fields pinned={pinned} />
    </aside>
  );
}

function Fields({ pinned }: { pinned: Pinned }) {
  const [text, setText] = useState('');
  const query = { ...asked(explore.value), from: pinned.from, to: pinned.to };
  const found = useLoad((signal) => body(api.GET('/api/v1/logs/fields', { params: { query: query as never }, signal })), [pinned.turn, JSON.stringify(query), reconnects.value]);
  const { data } = found;
  const fields = (data?.fields ?? []).filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <div class="fields-body">
      <input type="search" aria-label="Find a field" placeholder="Find a field" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      <div class="results-progress">{found.loading && <Loading began={found.began} cancel={found.cancel} what="Looking for fields" />}</div>
      <Warnings of={data} />
      {found.error && <Failed error={found.error} retry={found.reload} />}
      {data && data.sampled_rows < data.total_hits && (
        <p class="hint">
          In {countText(data.sampled_rows)} of {countText(data.total_hits)} lines
        </p>
      )}
      <ul class="fields-list">
        {fields.map((field) => (
          <FieldItem key={field.name} field={field} query={query} turn={pinned.turn} />
        ))}
      </ul>
      {data && !fields.length && !found.loading && <p class="hint">{text ? 'No field is called so.' : 'There are no lines, and so no fields.'}</p>}
      {data && data.more > 0 && <p class="hint">and {countText(data.more)} fields that fewer lines have</p>}
    </div>
  );
}

function FieldItem({ field: { name, types, share, count }, query, turn }: { field: Field; query: ReturnType<typeof asked>; turn: number }) {
  const [open, setOpen] = useState(false);
  const title = escaped(name, { line: true });
  const { columns } = explore.value;
  const isColumn = columns.includes(name);
  const hasValues = !WITHOUT_VALUES.has(name);
  const content = (
    <>
      <span class="field-type" title={types.join(', ')}>
        {types.map((type) => TYPE_SIGNS[type]).join('')}
      </span>
      <span class="field-name" dir="auto">
        {titleOf(name)}
      </span>
      <span class="field-share" title={`${countText(count)} of the lines`}>
        {shareText(share)}
      </span>
    </>
  );
  return (
    <li class={isColumn ? 'field column' : 'field'}>
      <div class="field-head">
        {hasValues ? (
          <button type="button" class="field-button" aria-expanded={open} title={title} onClick={() => setOpen(!open)}>
            <Icon name={open ? 'down' : 'right'} />
            {content}
          </button>
        ) : (
          <span class="field-button" title={title}>
            <span class="field-gap" />
            {content}
          </span>
        )}
        {name === 'timestamp' ? (
          <span class="field-button-gap" />
        ) : (
          <IconButton
            icon="columns"
            label={isColumn ? `Remove the column ${title}` : `Show ${title} as a column`}
            aria-pressed={isColumn}
            onClick={() => change({ columns: isColumn ? columns.filter((one) => one !== name) : withColumn(columns, name) })}
          />
        )}
      </div>
      {open && <FieldValues name={name} query={query} turn={turn} />}
    </li>
  );
}
