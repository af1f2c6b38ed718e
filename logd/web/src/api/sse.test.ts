import { expect, test } from 'vitest';

import { EventText, type ServerEvent } from './sse';

const STREAM = 'retry: 1000\nevent: open\nid: a\ndata: {"position": "a"}\n\nid: b\ndata: {"message":"ünï 🐟"}\n\n:\nid: c\n\nid: d\r\ndata: x\r\ndata:  y\r\n\r\n';
const WHOLE: ServerEvent[] = [
  { event: 'open', id: 'a', data: '{"position": "a"}' },
  { event: '', id: 'b', data: '{"message":"ünï 🐟"}' },
  { event: 'heartbeat', id: 'c', data: '' },
  { event: '', id: 'd', data: 'x\n y' },
];

test.each([1, 2, 3, 7, 1_000])('in pieces of %i bytes', (size) => {
  const bytes = new TextEncoder().encode(STREAM);
  const [text, decoder] = [new EventText(), new TextDecoder()];
  const found: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...text.push(decoder.decode(bytes.slice(at, at + size), { stream: true })));
  expect(found).toEqual(WHOLE);
});

test('lines may end in \\r, and in \\r\\n across two pieces', () => {
  const text = new EventText();
  expect(text.push('data: 1\r\rdata: 2\r')).toEqual([{ event: '', id: '', data: '1' }]);
  expect(text.push('\n\r\n')).toEqual([{ event: '', id: '', data: '2' }]);
});

test('half an event is none, and its id is not taken', () => {
  const text = new EventText();
  expect(text.push('id: a\ndata: 1\n\nid: b\ndata: 2\n')).toEqual([{ event: '', id: 'a', data: '1' }]);
});

test('ids stay, names do not; comments and unknown fields are nothing', () => {
  const text = new EventText();
  expect(text.push('\ufeffid: a\nevent: gap\ndata\n\n: hello\nfoo: bar\ndata: 2\n\n\n:\n\n')).toEqual([
    { event: 'gap', id: 'a', data: '' },
    { event: '', id: 'a', data: '2' },
  ]);
});
