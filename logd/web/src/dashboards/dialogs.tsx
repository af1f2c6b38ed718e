/** What is asked about a whole dashboard: how it is called, whether to delete it, and what to do when two save it. */

import { useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import { asApiError } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { timeText } from '../state/time';
import type { Document, Kept } from './document';

export const REFRESHES: readonly [number, string][] = [
  [0, 'Never'],
  [5, 'Every 5 s'],
  [10, 'Every 10 s'],
  [30, 'Every 30 s'],
  [60, 'Every minute'],
  [300, 'Every 5 min'],
  [3_600, 'Every hour'],
];

interface DetailsProps {
  title: string;
  document: Document;
  action: string;
  onClose: () => void;
  /** Rejects with ApiError, which is shown at its place. */
  onDone: (document: Document) => Promise<void> | void;
}

/** Name, description, times and how often it looks anew. */
export function DetailsDialog({ title, document, action, onClose, onDone }: DetailsProps) {
  const [found, setFound] = useState(document);
  const [error, setError] = useState<ApiError>();
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await onDone({ ...found, name: found.name.trim() });
    } catch (refusal) {
      setError(asApiError(refusal));
    }
  };
  const wrong = (where: string) => error && (error.where === where || (where === 'name' && error.status === 409)) && <span class="wrong" role="alert">{error.message}</span>;
  const isElsewhere = error && error.status !== 409 && !['name', 'description', 'refresh_seconds', 'time.from', 'time.to'].includes(error.where);
  return (
    <Dialog title={title} asks onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <label>
          Name
          <input value={found.name} maxLength={200} required autofocus onInput={(event) => setFound({ ...found, name: event.currentTarget.value })} />
          {wrong('name')}
        </label>
        <p class="hint">The one that is called “home” is everyone’s first page.</p>
        <label>
          Description
          <input value={found.description} onInput={(event) => setFound({ ...found, description: event.currentTarget.value })} />
          {wrong('description')}
        </label>
        <div class="fields">
          <label>
            From
            <input value={String(found.time.from ?? '-1h')} onInput={(event) => setFound({ ...found, time: { ...found.time, from: event.currentTarget.value } })} />
            {wrong('time.from')}
          </label>
          <label>
            To
            <input value={String(found.time.to ?? 'now')} onInput={(event) => setFound({ ...found, time: { ...found.time, to: event.currentTarget.value } })} />
            {wrong('time.to')}
          </label>
          <label>
            Looks again
            <select value={String(found.refresh_seconds)} onChange={(event) => setFound({ ...found, refresh_seconds: Number(event.currentTarget.value) })}>
              {withOwn(found.refresh_seconds).map(([seconds, text]) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
            {wrong('refresh_seconds')}
          </label>
        </div>
        {isElsewhere && (
          <p class="wrong" role="alert">
            {error.message} {error.where && <code>{error.where}</code>}
          </p>
        )}
        <div class="ends">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary">
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function withOwn(seconds: number): readonly [number, string][] {
  return REFRESHES.some(([one]) => one === seconds) ? REFRESHES : [...REFRESHES, [seconds, `Every ${seconds} s`]];
}

interface QuestionProps {
  title: string;
  children: string;
  action: string;
  onClose: () => void;
  onYes: () => void;
}

/** Asks before something that can't be undone. */
export function Question({ title, children, action, onClose, onYes }: QuestionProps) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" onClick={onYes}>
            {action}
          </Button>
        </>
      }
    >
      <p>{children}</p>
    </Dialog>
  );
}

interface ConflictProps {
  mine: Document;
  /** What the server has; undefined when somebody has deleted it. */
  theirs: Kept | undefined;
  onClose: () => void;
  onReload: () => void;
  onCopy: () => void;
}

export function Conflict({ mine, theirs, onClose, onReload, onCopy }: ConflictProps) {
  const differ = theirs ? difference(mine, theirs) : [];
  return (
    <Dialog
      title={theirs ? 'Somebody has changed it meanwhile' : 'Somebody has deleted it meanwhile'}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Go on editing</Button>
          <Button onClick={onReload}>{theirs ? 'Take theirs, drop mine' : 'Drop mine'}</Button>
          <Button kind="primary" onClick={onCopy}>
            Save mine as a copy
          </Button>
        </>
      }
    >
      <div class="stack">
        {theirs && (
          <p>
            “{theirs.name}” was saved {theirs.updated_by ? `by ${theirs.updated_by} ` : ''}at {timeText(theirs.updated, { millis: false })}, after you had opened it. Nothing of
            yours has been saved yet.
          </p>
        )}
        {!theirs && <p>“{mine.name}” isn’t there any more. Nothing of yours has been saved yet.</p>}
        {differ.length > 0 && (
          <ul class="differences">
            {differ.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        )}
      </div>
    </Dialog>
  );
}

/** In words, a line each. */
export function difference(mine: Document, theirs: Document): string[] {
  const name = (panel: { id: string; title?: string }) => panel.title || panel.id;
  const own = new Map(mine.panels.map((panel) => [panel.id, panel]));
  const other = new Map(theirs.panels.map((panel) => [panel.id, panel]));
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  return [
    ...(mine.name === theirs.name ? [] : [`They call it ${theirs.name}`]),
    ...theirs.panels.filter(({ id }) => !own.has(id)).map((panel) => `Only they have ${name(panel)}`),
    ...mine.panels.filter(({ id }) => !other.has(id)).map((panel) => `Only you have ${name(panel)}`),
    ...mine.panels.filter((panel) => other.has(panel.id) && !same(panel, other.get(panel.id))).map((panel) => `${name(panel)} differs`),
  ];
}
