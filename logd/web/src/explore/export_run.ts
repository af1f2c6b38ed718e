/** Runs an export: from the API into a file, with its progress. */

import { ApiError, queryString, send, type Query } from '../api/client';
import { jsonText, parsedJson } from '../api/json';
import { rawAt, valueAt, type Hit } from './record';
import { Records, withoutHead, type Format } from './export_stream';
import { openFile, type Sink } from './export_file';

export interface Wanted {
  format: Format;
  /** Undefined: all. */
  limit: number | undefined;
  /** Only these, beside the time; undefined: everything. Not of Parquet. */
  columns: readonly string[] | undefined;
  /** What is searched for, at absolute times. */
  query: Query;
}

export interface Progress {
  lines: number | undefined;
  bytes: number;
  state: 'running' | 'lost' | 'done' | 'cut' | 'cancelled' | 'failed';
  /** Why it isn't whole. */
  reason?: string;
}

const TRIES = 5;
const FIRST_PAUSE_MS = 500;
const NAMES: Record<Format, string> = { ndjson: 'logs.ndjson', csv: 'logs.csv', 'csv-safe': 'logs.csv', parquet: 'logs.parquet' };

/** Asks for a file first, which needs the click that it comes from. Resolves when all is written, or nothing more comes. */
export async function runExport(wanted: Wanted, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Progress> {
  const sink = await openFile(NAMES[wanted.format]);
  let progress: Progress = { lines: wanted.format === 'parquet' ? undefined : 0, bytes: 0, state: 'running' };
  const say = (change: Partial<Progress>) => {
    progress = { ...progress, ...change };
    onProgress(progress);
  };
  say({});
  try {
    if (wanted.format === 'parquet') await copyWhole(wanted, sink, signal, say);
    else await copyRecords(wanted, sink, signal, say);
    await sink.close();
    say({ state: 'done' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const cancelled = signal.aborted;
    // A table of Parquet without its end is none; of the others what is there is whole records.
    const useful = wanted.format !== 'parquet' && (progress.lines ?? 0) > 0;
    if (useful) await sink.close().catch(() => undefined);
    else await sink.abort();
    say({ state: cancelled ? 'cancelled' : useful ? 'cut' : 'failed', reason });
  }
  return progress;
}

type Say = (change: Partial<Progress>) => void;

async function copyWhole({ query, limit }: Wanted, sink: Sink, signal: AbortSignal, say: Say): Promise<void> {
  const response = await send(path(query, { format: 'parquet', limit }), { signal });
  let bytes = 0;
  for await (const part of partsOf(response)) {
    await sink.write(part);
    bytes += part.length;
    say({ bytes });
  }
}

async function copyRecords({ query, format, limit, columns }: Wanted, sink: Sink, signal: AbortSignal, say: Say): Promise<void> {
  const source = columns ? 'ndjson' : format;
  const records = new Records(source !== 'ndjson');
  const project = columns && projection(columns, format);
  let bytes = 0;
  for (let tries = 0; ; tries += 1) {
    const before = records.count;
    try {
      const after = records.place;
      records.begin();
      const response = await send(path(query, { format: source, limit: limit && limit - records.count, after }), { signal });
      say({ state: 'running' });
      // Whoever goes on has the head of CSV already.
      let head = after !== undefined && source !== 'ndjson';
      for await (const part of partsOf(response)) {
        let whole = records.take(part);
        if (head && whole.length) {
          whole = withoutHead(whole);
          head = false;
        }
        const out = project ? project(whole) : whole;
        if (out.length) await written(sink, out);
        bytes += out.length;
        say({ bytes, lines: records.count });
      }
      if (!records.broken) return;
      throw new TypeError('the stream ended within a line');
    } catch (error) {
      if (signal.aborted || error instanceof FileError || (error instanceof ApiError && error.status !== 0 && error.status !== 429 && error.status !== 503)) throw error;
      if (limit !== undefined && records.count >= limit) return;
      if (records.count > before) tries = 0;
      if (tries >= TRIES) throw new Error(`the connection was lost, ${TRIES} times without a line between`, { cause: error });
      say({ state: 'lost' });
      await pause(FIRST_PAUSE_MS * 2 ** tries, signal);
    }
  }
}

/** The file can't be written. To ask once more would leave out what was taken, and isn't in it. */
class FileError extends Error {}

async function written(sink: Sink, bytes: Uint8Array): Promise<void> {
  try {
    await sink.write(bytes);
  } catch (error) {
    throw new FileError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function path(query: Query, more: Query): string {
  return `/api/v1/logs/export?${queryString({ ...query, ...more })}`;
}

async function* partsOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body!.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}

/** Lines of NDJSON with no more than these columns, as the format has it. */
export function projection(columns: readonly string[], format: Format): (bytes: Uint8Array) => Uint8Array {
  const names = ['timestamp', ...columns.filter((name) => name !== 'timestamp')];
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let begun = false;
  return (bytes) => {
    const hits = decoder
      .decode(bytes)
      .split('\n')
      .filter((line) => line)
      .map((line) => parsedJson(line) as Hit);
    const head = format !== 'ndjson' && !begun ? [names.map((name) => cell(name, format)).join(',')] : [];
    begun = begun || bytes.length > 0;
    const lines = hits.map((hit) =>
      format === 'ndjson'
        ? jsonText(Object.fromEntries(names.map((name) => [name, rawAt(hit, name) ?? null])))
        : names.map((name) => cell(valueAt(hit, name) ?? '', format)).join(','),
    );
    return encoder.encode([...(bytes.length ? head : []), ...lines].map((line) => `${line}${format === 'ndjson' ? '\n' : '\r\n'}`).join(''));
  };
}

/** A cell of CSV. What a spreadsheet would take for a formula has an apostrophe before it, in csv-safe. */
function cell(value: string, format: Format): string {
  const safe = format === 'csv-safe' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
