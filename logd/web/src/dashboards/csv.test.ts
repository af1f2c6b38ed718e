import { expect, test } from 'vitest';

import { csvOf } from './csv';
import { fileName } from './files';

test('a chart is a row a time', () => {
  const times = [Date.UTC(2026, 10, 28, 5), Date.UTC(2026, 10, 28, 6)];
  const series = [
    { name: 'ERROR', value: 'ERROR', values: [1, null] },
    { name: 'a,b', value: 'a,b', values: [2.5, 0] },
  ];
  expect(csvOf({ kind: 'chart', times, series })).toBe('time,ERROR,"a,b"\r\n2026-11-28T05:00:00.000Z,1,2.5\r\n2026-11-28T06:00:00.000Z,,0\r\n');
});

test('what holds quotes and line ends is quoted', () => {
  expect(csvOf({ kind: 'table', columns: [{ name: 'message' }], rows: [['say "hi"\nthere'], ['plain']] })).toBe('message\r\n"say ""hi""\nthere"\r\nplain\r\n');
});

test.each(['=1+1', '+1', '-1', '@x', '\tx'])('no spreadsheet takes %j for a formula', (text) => {
  expect(csvOf({ kind: 'table', columns: [{ name: 'a' }], rows: [[text]] })).toContain(`'${text}`);
});

test('negative numbers stay numbers', () => {
  expect(csvOf({ kind: 'number', value: -1, before: null, times: [], values: [] })).toBe('value,before\r\n-1,\r\n');
});

test('a title as a file’s name', () => {
  expect(fileName('Error rate / by <b>service</b>', 'csv')).toBe('error-rate-by-b-service-b.csv');
  expect(fileName('…', 'json')).toBe('panel.json');
});
