/** A dashboard from a file, or from what was copied. */

import { useState } from 'preact/hooks';

import { ApiError } from '../api/client';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { DocumentError, read, type Document, type Kept } from './document';
import { copyName, create } from './kept';

interface ImportProps {
  kept: readonly Kept[];
  onClose: () => void;
  onDone: (made: Kept) => void;
}

export function ImportDialog({ kept, onClose, onDone }: ImportProps) {
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<{ where: string; message: string }>();
  const load = async (file: File | undefined) => {
    if (file) setText(await file.text());
    setWrong(undefined);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setWrong(undefined);
    try {
      const found = read(text);
      onDone(await create(named(found, kept)));
    } catch (error) {
      if (error instanceof DocumentError || error instanceof ApiError) setWrong({ where: error.where, message: error.message });
      else setWrong({ where: '', message: String(error) });
    }
  };
  return (
    <Dialog title="Import a dashboard" onClose={onClose} wide>
      <form class="stack" onSubmit={submit}>
        <label>
          File
          <input type="file" accept=".json,application/json" onChange={(event) => void load(event.currentTarget.files?.[0])} />
        </label>
        <label>
          Or paste it
          <textarea
            rows={12}
            spellcheck={false}
            value={text}
            placeholder={'{"name": "…", "panels": […]}'}
            onInput={(event) => {
              setText(event.currentTarget.value);
              setWrong(undefined);
            }}
          />
        </label>
        {wrong && (
          <div class="wrong" role="alert">
            <strong>{wrong.message}</strong>
            {wrong.where && (
              <p>
                At <code>{wrong.where}</code>
                {panelAt(text, wrong.where)}
              </p>
            )}
          </div>
        )}
        <div class="ends">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="primary" icon="upload" disabled={!text.trim()}>
            Import
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Under another name where there is one of that name: an import takes nothing away. */
function named(found: Document, kept: readonly Kept[]): Document {
  return kept.some(({ name }) => name === found.name.trim()) ? { ...found, name: copyName(found.name.trim(), kept) } : found;
}

/** Which panel `panels[2].type` is about. */
function panelAt(text: string, where: string): string {
  const at = /^panels\[(\d+)\]/.exec(where);
  if (!at) return '';
  try {
    const title = (JSON.parse(text) as { panels?: { title?: unknown }[] }).panels?.[Number(at[1])]?.title;
    return typeof title === 'string' && title ? `, of the panel “${title}”` : '';
  } catch {
    return '';
  }
}
