/** All dashboards: the shipped one, and those that people have made. */

import { useState } from 'preact/hooks';

import { Button, IconButton } from '../parts/button';
import { Empty, Failed, Loading } from '../parts/states';
import { Drafts } from '../parts/drafts';
import { Text } from '../parts/text';
import { toast, toastError } from '../parts/toast';
import { dropDraft } from '../state/drafts';
import { go } from '../state/place';
import { agoText, timeText } from '../state/time';
import { contentOf, exported, type Document, type Kept } from './document';
import { DetailsDialog, Question } from './dialogs';
import { download, fileName } from './files';
import { HOME } from './home';
import { ImportDialog } from './import';
import { copyName, create, draftPath, favourites, homeOf, isHome, ownHome, remove } from './kept';
import type { Loaded } from '../api/load';

const NEW: Document = { name: '', description: '', refresh_seconds: 30, time: { from: '-1h', to: 'now' }, panels: [] };

export function DashboardList({ kept }: { kept: Loaded<Kept[]> }) {
  const [open, setOpen] = useState<'new' | 'import' | Kept>();
  const all = kept.data ?? [];
  const sorted = all.toSorted((a, b) => Number(favourites.value.includes(b.id)) - Number(favourites.value.includes(a.id)));
  const home = homeOf(all);
  const made = (one: Kept, text: string) => {
    setOpen(undefined);
    kept.reload();
    toast(text);
    go(`/dashboards/${one.id}${one.panels.length ? '' : '?edit=1'}`);
  };
  const copy = async (document: Document) => {
    try {
      const one = await create({ ...contentOf(document), name: copyName(document.name, all) });
      made(one, `“${one.name}” is saved.`);
    } catch (error) {
      toastError(error);
    }
  };
  const actions = (document: Document) => (
    <>
      <IconButton label={`Duplicate ${document.name}`} icon="copy" onClick={() => void copy(document)} />
      <IconButton label={`Export ${document.name} as JSON`} icon="download" onClick={() => download(exported(document), fileName(document.name, 'json'), 'application/json')} />
    </>
  );
  return (
    <div class="document dashboards">
      <header>
        <h1>Dashboards</h1>
        <span class="spring" />
        <Button icon="upload" onClick={() => setOpen('import')}>
          Import
        </Button>
        <Button icon="plus" kind="primary" onClick={() => setOpen('new')}>
          New dashboard
        </Button>
      </header>
      <Drafts below="/dashboards" />
      {kept.loading && <Loading began={kept.began} cancel={kept.cancel} />}
      {kept.error && <Failed error={kept.error} retry={kept.reload} />}
      <div class="table-holder">
        <table class="table dashboard-table" aria-label="Dashboards">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Panels</th>
              <th scope="col">Changed</th>
              <th scope="col">
                <span class="unseen">What to do</span>
              </th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <td>
                <a href={home ? '/dashboards/shipped' : '/dashboards'}>{HOME.name}</a> <span class="chip">shipped</span>
                {!home && <span class="chip good">home</span>}
                <p class="soft">{HOME.description}</p>
              </td>
              <td>{HOME.panels.length}</td>
              <td class="soft">comes with logd</td>
              <td class="row-actions">{actions(HOME)}</td>
            </tr>
            {sorted.map((one) => (
              <tr key={one.id}>
                <td>
                  <a href={`/dashboards/${one.id}`}>
                    <Text of={one.name} line />
                  </a>
                  {one.id === home?.id && <span class="chip good">{one.id === ownHome.value ? 'your home' : 'home'}</span>}
                  {one.description && <p class="soft">
                      <Text of={one.description} />
                    </p>}
                </td>
                <td>{one.panels.length}</td>
                <td class="soft" title={timeText(one.updated)}>
                  {agoText(one.updated)}
                  {one.updated_by && ` by ${one.updated_by}`}
                </td>
                <td class="row-actions">
                  <IconButton
                    label={favourites.value.includes(one.id) ? `${one.name} is a favourite: no longer` : `Make ${one.name} a favourite`}
                    icon="star"
                    aria-pressed={favourites.value.includes(one.id)}
                    onClick={() => (favourites.value = favourites.value.includes(one.id) ? favourites.value.filter((id) => id !== one.id) : [...favourites.value, one.id])}
                  />
                  {actions(one)}
                  <IconButton label={`Delete ${one.name}`} icon="trash" onClick={() => setOpen(one)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {kept.data && !all.length && <Empty title="Nobody has made one yet">Make a new one, or duplicate the shipped one and change it.</Empty>}
      {open === 'new' && (
        <DetailsDialog title="New dashboard" document={NEW} action="Create" onClose={() => setOpen(undefined)} onDone={async (document) => made(await create(document), `“${document.name}” is saved.`)} />
      )}
      {open === 'import' && <ImportDialog kept={all} onClose={() => setOpen(undefined)} onDone={(one) => made(one, `“${one.name}” is imported.`)} />}
      {open && typeof open === 'object' && <DeleteQuestion one={open} onClose={() => setOpen(undefined)} onGone={kept.reload} />}
    </div>
  );
}

export function DeleteQuestion({ one, onClose, onGone }: { one: Kept; onClose: () => void; onGone: () => void }) {
  return (
    <Question
      title={`Delete “${one.name}”?`}
      action="Delete"
      onClose={onClose}
      onYes={async () => {
        onClose();
        try {
          await remove(one);
          dropDraft(draftPath(one));
          toast(`“${one.name}” is deleted.`);
        } catch (error) {
          toastError(error);
        }
        onGone();
      }}
    >
      {isHome(one) ? 'It is everyone’s home page: the shipped one comes back. It can’t be undone.' : 'It is gone for everyone, and that can’t be undone. Export it first if you may want it again.'}
    </Question>
  );
}
