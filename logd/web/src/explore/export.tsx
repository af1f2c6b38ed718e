/** Exports what is found into a file: how it is written, how much of it, and how far it is. */

import { useEffect, useRef, useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { toast } from '../parts/toast';
import { bytesText, countText } from '../state/numbers';
import { durationText } from '../state/time';
import type { Format } from './export_stream';
import { runExport, type Progress } from './export_run';
import { searchOf } from './links';
import { explore, type Pinned } from './state';

const FORMATS: readonly { format: Format; name: string; hint: string }[] = [
  { format: 'ndjson', name: 'NDJSON', hint: 'A JSON object a line, with everything.' },
  { format: 'csv', name: 'CSV', hint: 'Values as they are.' },
  { format: 'csv-safe', name: 'CSV for spreadsheets', hint: 'What a spreadsheet would take for a formula begins with an apostrophe.' },
  { format: 'parquet', name: 'Parquet', hint: 'Columns, compressed: for DuckDB, pandas and others.' },
];

export function ExportButton({ pinned }: { pinned: Pinned }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon="download" aria-label="Export" onClick={() => setOpen(true)}>
        <span class="wide-only">Export</span>
      </Button>
      {open && <ExportDialog pinned={pinned} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ pinned, onClose }: { pinned: Pinned; onClose: () => void }) {
  const [format, setFormat] = useState<Format>('ndjson');
  const [most, setMost] = useState('');
  const [fields, setFields] = useState<'all' | 'columns'>('all');
  const [progress, setProgress] = useState<Progress | undefined>(undefined);
  const [began, setBegan] = useState(0);
  const running = useRef<AbortController>(undefined);
  const query = searchOf(explore.value, pinned);
  const counted = useLoad((signal) => body(api.GET('/api/v1/logs/search', { params: { query: { ...query, limit: 0, track_total_hits: true } as never }, signal })), [pinned.turn]);
  useEffect(() => () => running.current?.abort(new DOMException('closed', 'AbortError')), []);

  const limit = most.trim() ? Number(most) : undefined;
  const wrong = limit !== undefined && !(Number.isInteger(limit) && limit > 0);
  const busy = progress?.state === 'running' || progress?.state === 'lost';
  const total = counted.data?.total_hits;
  const expected = total === undefined ? undefined : Math.min(total, limit ?? Infinity);

  const start = async () => {
    const controller = new AbortController();
    running.current = controller;
    setBegan(performance.now());
    const columns = fields === 'columns' && format !== 'parquet' ? explore.value.columns : undefined;
    try {
      const end = await runExport({ format, limit, columns, query }, controller.signal, (now) => !controller.signal.aborted && setProgress(now));
      setProgress(end);
      if (end.state === 'done') toast(end.lines === undefined ? `Exported ${bytesText(end.bytes)}.` : `Exported ${countText(end.lines)} lines.`);
    } catch (error) {
      // Nobody named a file.
      if (!(error instanceof DOMException && error.name === 'AbortError')) setProgress({ lines: 0, bytes: 0, state: 'failed', reason: String(error) });
    }
  };

  return (
    <Dialog
      title="Export"
      onClose={() => {
        if (!busy) onClose();
      }}
      actions={
        busy ? (
          <Button icon="close" onClick={() => running.current?.abort(new DOMException('cancelled', 'AbortError'))}>
            Cancel the export
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Close</Button>
            <Button kind="primary" icon="download" disabled={wrong} onClick={() => void start()}>
              Export
            </Button>
          </>
        )
      }
    >
      <form
        class="stack export"
        onSubmit={(event) => {
          event.preventDefault();
          if (!wrong && !busy) void start();
        }}
      >
        <fieldset disabled={busy}>
          <legend>Format</legend>
          {FORMATS.map((one) => (
            <label key={one.format} class="inline export-format">
              <input type="radio" name="format" checked={format === one.format} onChange={() => setFormat(one.format)} />
              <span>
                {one.name} <span class="hint">{one.hint}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <label>
          Lines
          <input type="text" inputMode="numeric" placeholder={total === undefined ? 'All' : `All ${countText(total)}`} value={most} disabled={busy} aria-invalid={wrong} onInput={(event) => setMost(event.currentTarget.value)} />
        </label>
        {wrong && <p class="wrong">Give a whole number, or nothing for all.</p>}
        <label>
          Fields
          <select value={format === 'parquet' ? 'all' : fields} disabled={busy || format === 'parquet'} onChange={(event) => setFields(event.currentTarget.value as 'all' | 'columns')}>
            <option value="all">All fields</option>
            <option value="columns">The time and the columns that are shown</option>
          </select>
        </label>
        {progress && <ProgressOf progress={progress} expected={expected} began={began} />}
      </form>
    </Dialog>
  );
}

function ProgressOf({ progress: { lines, bytes, state, reason }, expected, began }: { progress: Progress; expected: number | undefined; began: number }) {
  const amount = lines === undefined ? bytesText(bytes) : `${countText(lines)}${expected === undefined ? '' : ` of ${countText(expected)}`} lines, ${bytesText(bytes)}`;
  const share = lines !== undefined && expected ? Math.min(1, lines / expected) : undefined;
  const [ms, setMs] = useState(0);
  useEffect(() => setMs(performance.now() - began), [bytes, state]);
  return (
    <div class={`export-progress ${state}`} role="status">
      <progress aria-label="How far the export is" value={state === 'done' ? 1 : share} max={1} />
      <p>
        {state === 'running' && `${amount} in ${durationText(ms)}`}
        {state === 'lost' && `${amount}. The connection was lost: going on behind the last line…`}
        {state === 'done' && `Done: ${amount}.`}
        {state === 'cancelled' && `Cancelled. ${lines ? `The file has the first ${countText(lines)} lines.` : 'There is no file.'}`}
        {state === 'cut' && `Cut off after ${amount}: ${reason}. The file isn’t whole.`}
        {state === 'failed' && `It failed: ${reason}. There is no file.`}
      </p>
    </div>
  );
}
