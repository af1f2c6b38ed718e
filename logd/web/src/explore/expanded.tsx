/** A line with everything that it has, and what can be done with it. */

import { useState } from 'preact/hooks';

import { jsonText } from '../api/json';
import { Button, IconButton } from '../parts/button';
import { timeText, zoneName } from '../state/time';
import { copy } from '../parts/copy';
import { curl } from './curl';
import { cut, escaped, type Spans } from '../parts/visible';
import { lineLink, searchOf, traceLink } from './links';
import { fieldsOf, plain, prettyJson, type Field, type Hit } from './record';
import { change, explore } from './state';
import { exists, filterFor, filterOut, hasValue } from './terms';
import { LongText, Text } from '../parts/text';

const FIRST_CHARACTERS = 10_000;
const FIRST_OF_VALUE = 1_000;
/** A query takes 32,768 characters at most. */
const MOST_TO_FILTER = 8_000;

interface ExpandedProps {
  hit: Hit;
  pinned: { from: string; to: string };
  onContext: () => void;
}

export function Expanded({ hit, pinned, onContext }: ExpandedProps) {
  const message = hit.message ?? '';
  const pretty = prettyJson(message);
  const trace = hit.trace_id;
  const id = hit.log_id ?? '';
  return (
    <div class="expanded">
      <div class="expanded-actions">
        <Button kind="plain" icon="tail" onClick={onContext}>
          Context
        </Button>
        {trace && (
          <a class="button plain" href={traceLink(trace)}>
            Trace
          </a>
        )}
        <Button kind="plain" icon="copy" onClick={() => void copy(jsonText(plain(hit), 2), 'the line as JSON')}>
          JSON
        </Button>
        <Button kind="plain" icon="link" onClick={() => void copy(location.origin + lineLink(hit), 'the line’s link')}>
          Link
        </Button>
        <Button kind="plain" icon="copy" onClick={() => void copy(curl(`/api/v1/logs/${encodeURIComponent(id)}`), 'a command for this line')}>
          curl, this line
        </Button>
        <Button kind="plain" icon="copy" onClick={() => void copy(curl('/api/v1/logs/search', searchOf(explore.value, pinned)), 'a command for this search')}>
          curl, this search
        </Button>
      </div>
      <Long of={message} name="Message" spans={hit.highlights?.message} />
      {pretty !== undefined && pretty !== message && <Long of={pretty} name="Message as JSON" />}
      <table class="expanded-fields">
        <caption class="unseen">Fields of the line</caption>
        <thead class="unseen">
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Value</th>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody>
          {fieldsOf(hit).map((field, number) => field.name !== 'message' && <FieldRow key={number} field={field} hit={hit} />)}
        </tbody>
      </table>
    </div>
  );
}

function FieldRow({ field, hit }: { field: Field; hit: Hit }) {
  const { name, place, value, type } = field;
  const [whole, setWhole] = useState(false);
  const label = escaped(name, { line: true });
  const shown = value === null ? 'null' : whole ? value : cut(value, FIRST_OF_VALUE);
  const columns = explore.value.columns;
  const isColumn = columns.includes(name);
  const isTime = name === 'timestamp' || name === 'ingested_at';
  const canFilter = value !== null && type !== 'object' && value.length <= MOST_TO_FILTER;
  return (
    <tr>
      <th scope="row" title={label}>
        <Text of={name} line />
      </th>
      <td class={`value ${type}`} dir="auto">
        <Text of={shown} spans={hit.highlights?.[place]} />
        {isTime && value !== null && zoneName() !== 'UTC' && <span class="soft"> {timeText(value)}</span>}
        {value !== null && shown.length < value.length && (
          <Button kind="plain" onClick={() => setWhole(true)}>
            Show all {value.length.toLocaleString('en')} characters
          </Button>
        )}
      </td>
      <td class="expanded-buttons">
        {canFilter && <IconButton icon="plus" label={`Filter for this ${label}`} onClick={() => filterFor(hasValue(name, value))} />}
        {canFilter && <IconButton icon="minus" label={`Filter this ${label} out`} onClick={() => filterOut(hasValue(name, value))} />}
        <IconButton icon="filter" label={`Only lines that have ${label}`} onClick={() => filterFor(exists(name))} />
        <IconButton
          icon="columns"
          label={isColumn ? `Remove the column ${label}` : `Show ${label} as a column`}
          aria-pressed={isColumn}
          onClick={() => change({ columns: isColumn ? columns.filter((one) => one !== name) : withColumn(columns, name) })}
        />
        <IconButton icon="copy" label={`Copy ${label}`} onClick={() => void copy(value ?? 'null', label)} />
      </td>
    </tr>
  );
}

/** New ones stand before the message, which takes what room is left. */
export function withColumn(columns: readonly string[], name: string): string[] {
  const last = columns.at(-1) === 'message' ? columns.length - 1 : columns.length;
  return columns.toSpliced(last, 0, name);
}

/** A long text: its beginning, then all of it. */
function Long({ of, name, spans }: { of: string; name: string; spans?: Spans | undefined }) {
  const [whole, setWhole] = useState(false);
  if (!of) return null;
  const shown = whole ? of : cut(of, FIRST_CHARACTERS);
  return (
    <div class="expanded-text">
      <pre tabIndex={0} aria-label={name} dir="auto">
        <LongText of={shown} spans={spans} />
      </pre>
      <IconButton class="expanded-copy" icon="copy" label={`Copy ${name.toLowerCase()}`} onClick={() => void copy(of, name.toLowerCase())} />
      {shown.length < of.length && (
        <Button kind="plain" onClick={() => setWhole(true)}>
          Show all {of.length.toLocaleString('en')} characters
        </Button>
      )}
    </div>
  );
}
