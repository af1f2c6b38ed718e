import { expect, test } from 'vitest';

import { firstCells, Records, withoutHead } from './export_stream';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (of: Uint8Array) => new TextDecoder().decode(of);
const NDJSON = '{"log_id":"a-1","timestamp":"T1"}\n{"log_id":"é-2","timestamp":"T2"}\n{"log_id":"a-3","timest';
const CSV = 'log_id,timestamp,message\r\na-1,T1,"x\n""y"", z"\r\n"a,2",T2,plain\r\na-3,T3,"cut \n of';

test.each([1, 2, 3, 7, 1_000])('records of NDJSON, in pieces of %d bytes', (size) => {
  const [records, out] = fed(new Records(false), NDJSON, size);
  expect(out).toBe(NDJSON.slice(0, NDJSON.lastIndexOf('\n') + 1));
  expect([records.count, records.place, records.broken]).toEqual([2, 'T2,é-2', true]);
});

test.each([1, 2, 3, 7, 1_000])('records of CSV, in pieces of %d bytes', (size) => {
  const [records, out] = fed(new Records(true), CSV, size);
  expect(out).toBe(CSV.slice(0, CSV.indexOf('a-3')));
  expect([records.count, records.place, records.broken]).toEqual([2, 'T2,a,2', true]);
});

test('going on forgets the part, and a head that comes again', () => {
  const [records] = fed(new Records(true), CSV, 9);
  records.begin();
  const again = records.take(bytes('log_id,timestamp,message\r\na-3,T3,"cut \n off"\r\n'));
  expect(text(withoutHead(again))).toBe('a-3,T3,"cut \n off"\r\n');
  expect([records.count, records.place, records.broken]).toEqual([3, 'T3,a-3', false]);
});

test('nothing yet is no place', () => {
  expect(new Records(false).place).toBeUndefined();
  expect(firstCells('"a""b",c,d')).toEqual(['a"b', 'c']);
});

function fed(records: Records, all: string, size: number): [Records, string] {
  const whole = bytes(all);
  let out = '';
  const decoder = new TextDecoder();
  for (let at = 0; at < whole.length; at += size) out += decoder.decode(records.take(whole.slice(at, at + size)), { stream: true });
  return [records, out];
}
