/** Filters by service and host: a menu of those that there are, and a chip for each that is chosen. */

import { useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { Loading } from '../parts/states';
import { countText } from '../state/numbers';
import { asked, change, explore, type Pinned } from './state';

type Field = 'service' | 'host';

const NAMES: Record<Field, string> = { service: 'Service', host: 'Host' };
const MOST = 100;

export function FilterMenu({ field, pinned }: { field: Field; pinned: Pinned }) {
  const chosen = explore.value[field].length;
  return (
    <Popover
      label={`${NAMES[field]}${chosen ? ` ${chosen}` : ''}: filter`}
      class="filter-menu"
      button={
        <>
          {NAMES[field]}{' '}
          {chosen > 0 && <b class="filter-count">{chosen}</b>}
          <Icon name="down" />
        </>
      }
    >
      {() => <Choice field={field} pinned={pinned} />}
    </Popover>
  );
}

function Choice({ field, pinned: { from, to, turn } }: { field: Field; pinned: Pinned }) {
  const [wanted, setWanted] = useState('');
  const state = explore.value;
  const chosen = state[field];
  // Its own filter would leave nothing to add.
  const query = { ...asked({ ...state, [field]: [] }), from, to, top: MOST };
  const { data, error, loading, began, cancel, reload } = useLoad(
    (signal) => body(api.GET('/api/v1/logs/fields/{name}/values', { params: { path: { name: field }, query: query as never }, signal })),
    [JSON.stringify(query), turn],
  );
  const counts = new Map((data?.values ?? []).flatMap(({ value, count }) => (value === null ? [] : [[String(value), count] as const])));
  const names = [...chosen.filter((name) => !counts.has(name)), ...counts.keys()].filter((name) => name.toLowerCase().includes(wanted.trim().toLowerCase()));
  const toggle = (name: string) => change({ [field]: chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name] });
  const isNew = wanted.trim() && !names.includes(wanted.trim());
  return (
    <div class="filter-choice">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (wanted.trim()) toggle(names.length === 1 ? names[0]! : wanted.trim());
          setWanted('');
        }}
      >
        <input type="text" autofocus spellcheck={false} aria-label={`Search ${field}s`} placeholder={`Search ${field}s`} value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      </form>
      {loading && <Loading began={began} cancel={cancel} />}
      {error && (
        <p class="wrong" role="alert">
          {error.message}{' '}
          <Button kind="plain" onClick={reload}>
            Try again
          </Button>
        </p>
      )}
      <ul>
        {names.map((name) => (
          <li key={name}>
            <label class="inline">
              <input type="checkbox" checked={chosen.includes(name)} onChange={() => toggle(name)} />
              <span class="filter-name">{name}</span>
              <span class="soft">{counts.has(name) ? countText(counts.get(name)!) : '–'}</span>
            </label>
          </li>
        ))}
      </ul>
      {isNew && names.length !== 1 && <p class="hint">Enter takes “{wanted.trim()}”.</p>}
      {data && !names.length && !isNew && <p class="hint">There are none in this time.</p>}
      {data && data.other > 0 && <p class="hint">{countText(data.other)} more lines have others: search for them by name.</p>}
    </div>
  );
}

export function FilterChips() {
  const { service, host } = explore.value;
  const chips = [...service.map((value) => ['service', value] as const), ...host.map((value) => ['host', value] as const)];
  if (!chips.length) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {chips.map(([field, value]) => (
        <li key={`${field} ${value}`} class="chip">
          <span class="soft">{field}</span> <span class="chip-value">{value}</span>
          <button type="button" aria-label={`Remove the filter ${field} ${value}`} title="Remove" onClick={() => change({ [field]: explore.value[field].filter((one) => one !== value) })}>
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
