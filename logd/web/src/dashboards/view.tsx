/** A dashboard: its bar, its panels, and edit mode. */

import { useMemo, useRef, useState } from 'preact/hooks';

import type { Loaded } from '../api/load';
import { Button } from '../parts/button';
import { useShortcut } from '../parts/shortcuts';
import { Empty } from '../parts/states';
import { toast, toastError } from '../parts/toast';
import { draftAt, dropDraft, keepDraft } from '../state/drafts';
import { go, href, place } from '../state/place';
import { iso, type Range } from '../state/time';
import { Bar } from './bar';
import { contentOf, MOST_PANELS, newId, rangeOf, type Document, type Kept, type Panel } from './document';
import { Conflict } from './dialogs';
import { PanelEditor } from './editor';
import { PanelGrid } from './grid';
import { HOME } from './home';
import { copyName, create, draftPath, HOME_NAME, isHome, replace, whyRefused } from './kept';
import { added, tidy } from './layout';
import { PanelFrame, type PanelActions } from './panel';
import { useLook } from './use_look';

/** What it is changed to, and which version of it was: a later one is somebody else's. */
interface Changed {
  document: Document;
  version: number | undefined;
}

const NEW_PANEL: Omit<Panel, 'id'> = { title: '', type: 'timeseries', x: 0, y: 0, w: 6, h: 4 };

export function DashboardView({ document, kept }: { document: Document | Kept; kept: Loaded<Kept[]> }) {
  const own = 'id' in document ? document : undefined;
  const home = draftPath(own);
  const draft = draftAt<Changed>(home);
  const shown = draft?.document ?? document;
  const { params, path } = place.value;
  const isEditing = params.has('edit') || draft !== undefined;
  const isZoomed = params.has('from') || params.has('to');
  const range = useMemo<Range>(() => {
    const usual = rangeOf(shown);
    return { from: params.get('from') ?? usual.from, to: params.get('to') ?? usual.to };
  }, [params, shown]);
  const [paused, setPaused] = useState(false);
  const { look, again } = useLook(paused ? 0 : shown.refresh_seconds);
  const [edited, setEdited] = useState<{ panel: Panel; isNew: boolean }>();
  const [conflict, setConflict] = useState<{ theirs: Kept | undefined }>();
  const panels = useMemo(() => tidy(shown.panels), [shown]);

  const address = (patch: Record<string, string | undefined>) => {
    const now = { from: params.get('from') ?? undefined, to: params.get('to') ?? undefined, panel: params.get('panel') ?? undefined, edit: params.get('edit') ?? undefined };
    return href(path, { ...now, ...patch });
  };
  const setDraft = (changed: Document | undefined) => {
    if (changed) keepDraft<Changed>(home, { title: changed.name, value: { document: contentOf(changed), version: draft ? draft.version : own?.version } });
    else dropDraft(home);
  };
  const setPanels = (changed: Panel[]) => setDraft({ ...shown, panels: changed });
  const leave = () => {
    setDraft(undefined);
    go(address({ edit: undefined }), { replace: true });
  };
  useShortcut('r', 'Look again now', again);

  const saved = (one: Kept, text: string) => {
    setDraft(undefined);
    kept.reload();
    toast(text);
    go(isHome(one) ? '/dashboards' : `/dashboards/${one.id}`, { replace: true });
  };
  // A second save while the first one runs would be refused as somebody else's change.
  const saving = useRef(false);
  const save = async () => {
    if (saving.current) return;
    saving.current = true;
    // What is made of the shipped one takes its place, until it is deleted.
    const changed = own ? shown : { ...shown, name: shown.name === HOME.name ? HOME_NAME : shown.name };
    const was = own && { ...own, version: draft?.version ?? own.version };
    try {
      if (was) saved(await replace(was, { ...changed, panels }), `“${changed.name}” is saved.`);
      else saved(await create({ ...changed, panels }), isHome(changed) ? 'Saved as everyone’s home page.' : `“${changed.name}” is saved.`);
    } catch (error) {
      const why = await whyRefused(error, was);
      if (why.theirs || why.isGone) setConflict({ theirs: why.theirs });
      else toastError(why.error);
    } finally {
      saving.current = false;
    }
  };
  const copy = async (of: Document) => {
    try {
      const one = await create({ ...contentOf(of), name: copyName(of.name, kept.data ?? []) });
      saved(one, `“${one.name}” is saved.`);
    } catch (error) {
      toastError(error);
    }
  };

  const actions: PanelActions = {
    edit: (panel) => setEdited({ panel, isNew: false }),
    duplicate: (panel) => setPanels(added(panels, { ...panel, id: newId(panels), title: panel.title ? `${panel.title} (copy)` : '' })),
    remove: (panel) => setPanels(tidy(panels.filter(({ id }) => id !== panel.id))),
    alone: (panel) => go(address({ panel: panel?.id })),
  };
  const zoom = (from: number, to: number) => go(address({ from: iso(from), to: iso(to) }));
  const alone = panels.find(({ id }) => id === params.get('panel'));
  return (
    <div class="document dashboards">
      <Bar
        document={shown}
        own={own}
        kept={kept}
        range={range}
        isZoomed={isZoomed}
        onRange={(chosen) => go(address({ from: chosen.from, to: chosen.to }))}
        onUsual={() => go(address({ from: undefined, to: undefined }))}
        paused={paused}
        onPause={() => setPaused(!paused)}
        onAgain={again}
        isEditing={isEditing}
        isChanged={draft !== undefined}
        onEdit={() => go(address({ edit: '1', panel: undefined }))}
        onChange={setDraft}
        onAdd={() => (panels.length < MOST_PANELS ? setEdited({ panel: { ...NEW_PANEL, id: newId(panels) }, isNew: true }) : toast(`There are ${MOST_PANELS} panels, at most.`, 'bad'))}
        onCancel={leave}
        onSave={() => void save()}
        onCopy={() => void copy(shown)}
      />
      {alone ? (
        <div class="alone">
          <PanelFrame key={alone.id} panel={alone} range={range} look={look} actions={actions} onZoom={zoom} isAlone />
        </div>
      ) : panels.length ? (
        <PanelGrid panels={panels} range={range} look={look} actions={actions} onZoom={zoom} onLayout={isEditing ? setPanels : undefined} />
      ) : (
        <div class="state">
          <Empty title="Nothing is on it yet">A panel shows the figures of a search: as a chart, a table, a list or a number.</Empty>
          <Button icon="plus" kind="primary" onClick={() => setEdited({ panel: { ...NEW_PANEL, id: newId(panels) }, isNew: true })}>
            Add a panel
          </Button>
        </div>
      )}
      {edited && (
        <PanelEditor
          panel={edited.panel}
          range={range}
          isNew={edited.isNew}
          onClose={() => setEdited(undefined)}
          onDone={(panel) => {
            setPanels(edited.isNew ? added(panels, panel) : panels.map((one) => (one.id === panel.id ? panel : one)));
            setEdited(undefined);
          }}
        />
      )}
      {conflict && (
        <Conflict
          mine={shown}
          theirs={conflict.theirs}
          onClose={() => setConflict(undefined)}
          onReload={() => {
            setConflict(undefined);
            setDraft(undefined);
            kept.reload();
            go(conflict.theirs ? path : '/dashboards', { replace: true });
          }}
          onCopy={() => {
            setConflict(undefined);
            void copy(shown);
          }}
        />
      )}
    </div>
  );
}
