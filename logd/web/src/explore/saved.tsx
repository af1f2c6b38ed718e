/** Searches with a name: the list of them, and what one does with one. */

import { useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { Popover } from '../parts/popover';
import { Empty, Failed, Loading } from '../parts/states';
import { timeText } from '../state/time';
import { DeleteDialog, SaveDialog } from './saved_dialogs';
import { allSaved, run, type Saved } from './saved_calls';

type Doing = { kind: 'new' } | { kind: 'change'; saved: Saved; replaces: boolean } | { kind: 'delete'; saved: Saved };

export function SavedMenu() {
  const [doing, setDoing] = useState<Doing | undefined>();
  const done = () => setDoing(undefined);
  return (
    <>
      <Popover
        label="Saved searches"
        align="right"
        class="saved"
        button={
          <>
            <Icon name="star" />
            <span>Saved</span>
          </>
        }
      >
        {(close) => (
          <List
            onDo={(what) => {
              close();
              setDoing(what);
            }}
            close={close}
          />
        )}
      </Popover>
      {doing?.kind === 'new' && <SaveDialog onDone={done} />}
      {doing?.kind === 'change' && <SaveDialog saved={doing.saved} replaces={doing.replaces} onDone={done} />}
      {doing?.kind === 'delete' && <DeleteDialog saved={doing.saved} onDone={done} />}
    </>
  );
}

function List({ onDo, close }: { onDo: (what: Doing) => void; close: () => void }) {
  const { data, error, loading, began, cancel, reload } = useLoad(allSaved, []);
  const [wanted, setWanted] = useState('');
  const text = wanted.trim().toLowerCase();
  const found = (data ?? []).filter(({ name, description, search }) => [name, description, search.q ?? ''].some((part) => part.toLowerCase().includes(text)));
  return (
    <div class="saved-list">
      <div class="saved-head">
        <input type="text" autofocus aria-label="Search in saved searches" placeholder="Search in these" value={wanted} onInput={(event) => setWanted(event.currentTarget.value)} />
        <Button icon="plus" onClick={() => onDo({ kind: 'new' })}>
          Save this
        </Button>
      </div>
      {loading && <Loading began={began} cancel={cancel} />}
      {error && <Failed error={error as ApiError} retry={reload} />}
      <ul>
        {found.map((saved) => (
          <li key={saved.id}>
            <button
              type="button"
              class="button plain saved-one"
              title={saved.updated_by ? `By ${saved.updated_by}, ${timeText(saved.updated, { millis: false })}` : timeText(saved.updated, { millis: false })}
              onClick={() => {
                close();
                run(saved);
              }}
            >
              <span>{saved.name}</span>
              <small class="soft">{saved.description || saved.search.q || 'all lines'}</small>
            </button>
            <IconButton label={`Put what is shown into ${saved.name}`} icon="download" onClick={() => onDo({ kind: 'change', saved, replaces: true })} />
            <IconButton label={`Rename ${saved.name}`} icon="edit" onClick={() => onDo({ kind: 'change', saved, replaces: false })} />
            <IconButton label={`Delete ${saved.name}`} icon="trash" onClick={() => onDo({ kind: 'delete', saved })} />
          </li>
        ))}
      </ul>
      {data && !data.length && <Empty title="None yet">A saved search is seen by all who may search.</Empty>}
      {data && data.length > 0 && !found.length && <p class="hint">None has this in it.</p>}
    </div>
  );
}
