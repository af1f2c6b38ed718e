/** The list of the queries that were asked in this browser. */

import { useState } from 'preact/hooks';

import { IconButton } from './button';
import { Icon } from './icon';
import { Popover } from './popover';
import { forget, queries } from './query_history';
import { Text } from './text';

export function QueryHistory({ onChoose }: { onChoose: (query: string) => void }) {
  return (
    <Popover label="Queries asked before" align="right" class="plain square query-history" button={<Icon name="down" />}>
      {(close) => (
        <Past
          onChoose={(query) => {
            close();
            onChoose(query);
          }}
        />
      )}
    </Popover>
  );
}

function Past({ onChoose }: { onChoose: (query: string) => void }) {
  const [wanted, setWanted] = useState('');
  const found = queries.value.filter((query) => query.toLowerCase().includes(wanted.toLowerCase()));
  if (!queries.value.length) return <p class="hint">Queries that you ask are kept here, in this browser.</p>;
  return (
    <div class="query-past">
      <input type="text" aria-label="Search in these" placeholder="Search in these" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
      <ul>
        {found.map((query) => (
          <li key={query}>
            <button type="button" class="button plain" onClick={() => onChoose(query)}>
              <code>
                <Text of={query} line />
              </code>
            </button>
            <IconButton label={`Forget ${query}`} icon="close" onClick={() => forget(query)} />
          </li>
        ))}
      </ul>
      {!found.length && <p class="hint">None has this in it.</p>}
    </div>
  );
}
