/** Makes or changes a panel, which is shown as it will be. */

import { useEffect, useState } from 'preact/hooks';

import { api, body, type ApiError } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { QueryBar } from '../parts/query_bar';
import type { Range } from '../state/time';
import { valuesOf, written } from '../state/values';
import { AGGREGATES, fieldsOf, joined, parted, SOURCE_NAMES, TYPE_NAMES, UNIT_NAMES } from './choices';
import { COLOURS, list, SOURCES, TYPES, UNITS, type Colour, type Panel, type PanelSearch, type Source, type Threshold, type Unit } from './document';
import { Choice, Typed, TypedNumber } from './inputs';
import { PanelContent } from './panel';
import { usePanel, type Look } from './use_panel';

interface EditorProps {
  panel: Panel;
  range: Range;
  isNew: boolean;
  onClose: () => void;
  onDone: (panel: Panel) => void;
}

const PAUSE_MS = 400;
const INTERVALS = ['auto', '10s', '1m', '5m', '15m', '1h', '6h', '1d'];
const FILTER_NAMES = { service: 'Services', level: 'Levels', host: 'Hosts' };
const FRESH: Look = { turn: 0, maxAge: 30 };

export function PanelEditor({ panel, range, isNew, onClose, onDone }: EditorProps) {
  const [found, setFound] = useState(panel);
  const [preview, setPreview] = useState(panel);
  useEffect(() => {
    const timer = setTimeout(() => setPreview(found), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [found]);
  const state = usePanel(preview, range, FRESH, true);
  const change = (patch: Partial<Panel>) => setFound(without({ ...found, ...patch }));
  const title = found.title?.trim() || 'Without a title';
  const source = found.source ?? 'logs';
  const isOwn = !['logs', 'patterns', 'bytes'].includes(source);
  const isStats = source === 'logs' || source === 'bytes';
  return (
    <Dialog
      title={isNew ? 'New panel' : `Edit ${panel.title || 'panel'}`}
      wide
      asks
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" onClick={() => onDone({ ...found, title: found.title?.trim() ?? '' })}>
            {isNew ? 'Add' : 'Apply'}
          </Button>
        </>
      }
    >
      <div class="editor">
        <form class="stack" onSubmit={(event) => event.preventDefault()}>
          <label>
            Title
            <input value={found.title ?? ''} maxLength={200} autofocus onInput={(event) => change({ title: event.currentTarget.value })} />
          </label>
          <div class="fields">
            <Choice label="Source" value={source} options={SOURCES} names={SOURCE_NAMES} onChange={(value: Source) => change({ source: value })} />
            <Choice label="Shown as" value={found.type} options={TYPES} names={TYPE_NAMES} onChange={(type) => change({ type })} />
          </div>
          {!isOwn && <Records panel={found} range={range} error={state.error} change={change} />}
          {isStats && <Grouping panel={found} range={range} change={change} />}
          <Appearance panel={found} change={change} />
        </form>
        <section class="panel preview" aria-label="Preview" aria-busy={state.loading}>
          <header class="panel-head">
            <h3>{title}</h3>
          </header>
          <div class="panel-body">
            <PanelContent panel={preview} state={state} title={title} />
          </div>
        </section>
      </div>
    </Dialog>
  );
}

interface PartProps {
  panel: Panel;
  change: (patch: Partial<Panel>) => void;
}

/** Which records: a query, or a saved search. */
function Records({ panel, range, error, change }: PartProps & { range: Range; error: ApiError | undefined }) {
  const saved = useLoad((signal) => body(api.GET('/api/v1/searches', { signal })), []);
  const search = panel.search ?? {};
  const set = (patch: PanelSearch) => change({ search: { ...search, ...patch } });
  const isSaved = panel.saved !== undefined;
  const names = saved.data?.searches.map(({ name }) => name) ?? [];
  return (
    <fieldset class="stack">
      <legend>Records</legend>
      <div class="toolbar">
        <label class="inline">
          <input type="radio" name="records" checked={!isSaved} onChange={() => change({ saved: undefined as never })} /> Query
        </label>
        <label class="inline">
          <input type="radio" name="records" checked={isSaved} disabled={!names.length && !isSaved} onChange={() => change({ saved: names[0] ?? '', search: undefined as never })} /> Saved search
          {saved.data && !names.length && <span class="soft">(there are none)</span>}
        </label>
      </div>
      {isSaved ? (
        <label>
          Saved search
          <select value={panel.saved} onChange={(event) => change({ saved: event.currentTarget.value })}>
            {[...new Set([panel.saved!, ...names])].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      ) : (
        <>
          <QueryBar label="Query" value={search.q ?? ''} range={range} error={error} onSubmit={(q) => set({ q })} onChange={(q) => set({ q })} />
          <div class="fields">
            {(['service', 'level', 'host'] as const).map((name) => (
              <label key={name}>
                {FILTER_NAMES[name]}
                <Typed value={written(valuesOf(search[name])).join(', ')} placeholder="any" onType={(text) => set({ [name]: written(valuesOf(text)) })} />
              </label>
            ))}
          </div>
        </>
      )}
    </fieldset>
  );
}

/** What is counted of them, and by what. */
function Grouping({ panel, range, change }: PartProps & { range: Range }) {
  const fields = useLoad((signal) => fieldsOf(range, signal), []);
  const by = list(panel.by);
  const [name, field] = parted(panel.aggregate);
  // As they are typed, with gaps.
  const [fieldsBy, setFieldsBy] = useState([0, 1, 2].map((at) => by[at] ?? ''));
  const setBy = (at: number, value: string) => {
    const changed = fieldsBy.with(at, value);
    setFieldsBy(changed);
    change({ by: changed.map((one) => one.trim()).filter(Boolean) });
  };
  const shownBy = 1 + fieldsBy.findLastIndex((one) => one.trim());
  const isBytes = panel.source === 'bytes';
  const isShare = panel.share !== undefined;
  return (
    <fieldset class="stack">
      <legend>Figures</legend>
      <datalist id="fields">
        {fields.data?.map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      {!isBytes && (
        <div class="fields">
          <Choice
            label="Value"
            value={isShare ? 'share' : name}
            options={AGGREGATES.map(([one]) => one)}
            names={Object.fromEntries(AGGREGATES)}
            onChange={(value) =>
              value === 'share' ? change({ share: 'level:(ERROR OR FATAL)', aggregate: undefined as never }) : change({ share: undefined as never, aggregate: joined(value, field) })
            }
          />
          {isShare ? (
            <label>
              That match
              <input value={panel.share} onInput={(event) => change({ share: event.currentTarget.value })} />
            </label>
          ) : (
            name !== 'count' && (
              <label>
                Of the field
                <Typed list="fields" value={field} placeholder="latency_ms" onType={(text) => change({ aggregate: joined(name, text) })} />
              </label>
            )
          )}
        </div>
      )}
      {panel.type !== 'number' && (
        <div class="fields">
          {[0, 1, 2].slice(0, shownBy + 1).map((at) => (
            <label key={at}>
              {at ? 'and by' : 'By'}
              <input list="fields" value={fieldsBy[at]!} placeholder={at ? '' : 'nothing'} onInput={(event) => setBy(at, event.currentTarget.value)} />
            </label>
          ))}
        </div>
      )}
      <div class="fields">
        {panel.type === 'timeseries' && (
          <Choice label="Every" value={panel.interval ?? 'auto'} options={[...new Set([...INTERVALS, panel.interval ?? 'auto'])]} onChange={(interval) => change({ interval })} />
        )}
        {panel.type !== 'number' && (
          <label>
            How many
            <TypedNumber min={1} max={1_000} value={panel.top ?? 10} onType={(top) => change({ top: Math.max(1, Math.min(1_000, Math.round(top) || 10)) })} />
          </label>
        )}
      </div>
    </fieldset>
  );
}

/** Unit, lines or bars, and colours by size. */
function Appearance({ panel, change }: PartProps) {
  const thresholds = panel.thresholds ?? [];
  const set = (at: number, patch: Partial<Threshold>) => change({ thresholds: thresholds.map((one, index) => (index === at ? { ...one, ...patch } : one)) });
  return (
    <fieldset class="stack">
      <legend>Look</legend>
      <div class="fields">
        {panel.type === 'timeseries' && <Choice label="Drawn as" value={panel.draw ?? ''} options={['', 'lines', 'bars']} names={{ '': 'What fits', lines: 'Lines', bars: 'Stacked bars' }} onChange={(draw) => change({ draw: (draw || undefined) as never })} />}
        <Choice label="Unit" value={panel.unit ?? ''} options={['', ...UNITS]} names={UNIT_NAMES} onChange={(unit) => change({ unit: (unit || undefined) as Unit & undefined })} />
      </div>
      {thresholds.map((one, at) => (
        <div class="threshold" key={`${thresholds.length} ${at}`}>
          <label>
            From
            <TypedNumber step="any" value={one.value} onType={(value) => set(at, { value })} />
          </label>
          <Choice label="it is" value={one.colour} options={COLOURS} names={{ good: 'Good', warning: 'A warning', danger: 'Bad' }} onChange={(colour: Colour) => set(at, { colour })} />
          <IconButton label="Remove this limit" icon="trash" onClick={() => change({ thresholds: thresholds.filter((_, index) => index !== at) })} />
        </div>
      ))}
      {thresholds.length < 10 && (
        <Button kind="plain" icon="plus" onClick={() => change({ thresholds: [...thresholds, { value: 0, colour: 'warning' }] })}>
          A limit with a colour{panel.share !== undefined ? ' (0.05 is 5 %)' : ''}
        </Button>
      )}
    </fieldset>
  );
}

/** Without what isn't said: the API takes no null. */
function without(panel: Panel): Panel {
  const kept = Object.entries(panel).filter(([, value]) => value !== undefined && !(Array.isArray(value) && !value.length));
  return Object.fromEntries(kept) as unknown as Panel;
}
