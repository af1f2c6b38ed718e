/** Saving, renaming and deleting a search. */

import { useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { asApiError } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { toast } from '../parts/toast';
import { timeText } from '../state/time';
import { create, one, remove, replace, toParameters, type Saved } from './saved_calls';
import { explore } from './state';

interface SaveDialogProps {
  /** The one that is changed; a new one without. */
  saved?: Saved;
  /** What is shown takes the place of what it searches for. */
  replaces?: boolean;
  onDone: () => void;
}

export function SaveDialog({ saved, replaces = true, onDone }: SaveDialogProps) {
  const [name, setName] = useState(saved?.name ?? '');
  const [description, setDescription] = useState(saved?.description ?? '');
  const [version, setVersion] = useState(saved?.version ?? 0);
  const [error, setError] = useState<ApiError | undefined>();
  const [theirs, setTheirs] = useState<Saved | undefined>();
  const [busy, setBusy] = useState(false);
  const shown = toParameters(explore.value);
  const search = saved && !replaces ? (theirs ?? saved).search : shown;
  const save = async (event?: Event) => {
    event?.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    setTheirs(undefined);
    const named = { name: name.trim(), description: description.trim() };
    try {
      const kept = saved ? await replace(saved.id, named, search, version) : await create(named, search);
      toast(`“${kept.name}” is saved`);
      onDone();
      return;
    } catch (refused) {
      const said = asApiError(refused);
      const now = saved && said.status === 409 ? await one(saved.id).catch(() => undefined) : undefined;
      if (now && now.version !== version) {
        setTheirs(now);
        setVersion(now.version);
      } else setError(said);
    }
    setBusy(false);
  };
  const title = !saved ? 'Save this search' : replaces ? `Change “${saved.name}”` : `Rename “${saved.name}”`;
  return (
    <Dialog
      title={title}
      onClose={onDone}
      actions={
        <>
          <Button onClick={onDone}>Cancel</Button>
          <Button kind={theirs ? 'danger' : 'primary'} disabled={busy || !name.trim()} onClick={() => void save()}>
            {theirs ? 'Save mine all the same' : 'Save'}
          </Button>
        </>
      }
    >
      <form class="stack" onSubmit={(event) => void save(event)}>
        <label>
          Name
          <input type="text" value={name} maxLength={200} required autofocus onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        <label>
          Description
          <textarea rows={2} value={description} maxLength={2_000} onInput={(event) => setDescription(event.currentTarget.value)} />
        </label>
        {theirs && (
          <div class="conflict" role="alert">
            <p>
              {theirs.updated_by ? `“${theirs.updated_by}”` : 'Somebody'} has changed it meanwhile, at {timeText(theirs.updated, { millis: false })}. It is now:
            </p>
            <p>
              <strong>{theirs.name}</strong> {theirs.description}
            </p>
            <code>{theirs.search.q || '*'}</code>
          </div>
        )}
        {error && (
          <p class="wrong" role="alert">
            {error.message}
          </p>
        )}
        <p class="hint">
          It keeps the query <code>{search.q || '*'}</code>, filters, columns, order, and the time as {String(search.from ?? 'the beginning')} to {String(search.to ?? 'the end')}. All who may search see it.
        </p>
      </form>
    </Dialog>
  );
}

export function DeleteDialog({ saved, onDone }: { saved: Saved; onDone: () => void }) {
  const [error, setError] = useState<ApiError | undefined>();
  const gone = async () => {
    try {
      await remove(saved.id, saved.version);
      toast(`“${saved.name}” is deleted`);
      onDone();
    } catch (refused) {
      setError(asApiError(refused));
    }
  };
  return (
    <Dialog
      title={`Delete “${saved.name}”?`}
      onClose={onDone}
      actions={
        <>
          <Button onClick={onDone}>Cancel</Button>
          <Button kind="danger" icon="trash" onClick={() => void gone()}>
            Delete
          </Button>
        </>
      }
    >
      <div class="stack">
        <p>It goes away for all who use it, also for those who run it by its name.</p>
        <code>{saved.search.q || '*'}</code>
        {error && (
          <p class="wrong" role="alert">
            {error.message}
          </p>
        )}
      </div>
    </Dialog>
  );
}
