// @vitest-environment happy-dom
import { expect, test, vi } from 'vitest';

import { projection, runExport } from './export_run';

const LINES = new TextEncoder().encode('{"timestamp":"T1","level":"INFO","message":"=1+1, \\"x\\"","metadata":{"a":{"b":2}}}\n{"timestamp":"T2","level":null,"message":"é","metadata":{}}\n');
const text = (of: Uint8Array) => new TextDecoder().decode(of);

test('only the columns that are shown', () => {
  expect(text(projection(['level', 'metadata.a.b'], 'ndjson')(LINES))).toBe('{"timestamp":"T1","level":"INFO","metadata.a.b":2}\n{"timestamp":"T2","level":null,"metadata.a.b":null}\n');
  const csv = projection(['message', 'metadata.a.b'], 'csv');
  expect(text(csv(LINES))).toBe('timestamp,message,metadata.a.b\r\nT1,"=1+1, ""x""",2\r\nT2,é,\r\n');
  expect(text(csv(LINES)).startsWith('T1,')).toBe(true);
  expect(text(projection(['message'], 'csv-safe')(LINES))).toContain('"\'=1+1, ""x"""');
});

test('ids beyond 2^53 and lists stay what they are', () => {
  const line = new TextEncoder().encode('{"timestamp":"T","metadata":{"id":9007199254740993,"list":[1,"a"]}}\n');
  expect(text(projection(['metadata.id', 'metadata.list'], 'ndjson')(line))).toBe('{"timestamp":"T","metadata.id":9007199254740993,"metadata.list":[1,"a"]}\n');
  expect(text(projection(['metadata.id'], 'csv')(line))).toContain('T,9007199254740993');
});

test('a full disk ends the export, and isn’t taken for a lost connection', async () => {
  const fetched = vi.fn(async () => new Response('{"timestamp":"T","log_id":"a"}\n'));
  const file = { write: () => Promise.reject(new DOMException('no room', 'QuotaExceededError')), close: () => Promise.reject(new Error('broken')), abort: () => Promise.resolve() };
  vi.stubGlobal('fetch', fetched);
  vi.stubGlobal('showSaveFilePicker', async () => ({ createWritable: async () => file }));
  vi.stubGlobal(
    'Request',
    class {
      headers = new Headers();
      signal = new AbortController().signal;
    },
  );
  const end = await runExport({ format: 'ndjson', limit: undefined, columns: undefined, query: {} }, new AbortController().signal, () => undefined);
  vi.unstubAllGlobals();
  expect(end).toMatchObject({ state: 'failed', reason: 'no room' });
  expect(fetched).toHaveBeenCalledOnce();
});
