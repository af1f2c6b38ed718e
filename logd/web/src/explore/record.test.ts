import { expect, test } from 'vitest';

import { fieldsOf, prettyJson, valueAt, type Hit } from './record';

const HIT: Hit = {
  log_id: 'a-1',
  timestamp: '2026-11-28T06:00:00Z',
  level: null,
  service: 'pay',
  message: 'm',
  tags: ['x', 'y'],
  metadata: { 'a.b': 'dotted', a: { c: [1, { d: true }], n: null }, empty: {}, '<b>k</b>': '<i>v</i>', __proto__: 'p' },
};

test('a record as fields, metadata by path', () => {
  expect(fieldsOf(HIT).map(({ name, place, value, type }) => [name, place, value, type])).toEqual([
    ['timestamp', 'timestamp', '2026-11-28T06:00:00Z', 'string'],
    ['service', 'service', 'pay', 'string'],
    ['message', 'message', 'm', 'string'],
    ['tags', 'tags.0', 'x', 'string'],
    ['tags', 'tags.1', 'y', 'string'],
    ['log_id', 'log_id', 'a-1', 'string'],
    ['metadata.<b>k</b>', 'metadata.<b>k</b>', '<i>v</i>', 'string'],
    ['metadata.a.b', 'metadata.a.b', 'dotted', 'string'],
    ['metadata.a.c', 'metadata.a.c.0', '1', 'number'],
    ['metadata.a.c.1.d', 'metadata.a.c.1.d', 'true', 'boolean'],
    ['metadata.a.n', 'metadata.a.n', null, 'null'],
    ['metadata.empty', 'metadata.empty', '{}', 'object'],
  ]);
});

test('deep metadata ends as JSON', () => {
  let metadata: Record<string, unknown> = { x: 1 };
  for (let depth = 0; depth < 600; depth += 1) metadata = { x: metadata };
  const [field] = fieldsOf({ metadata });
  expect(field?.type).toBe('object');
  expect(field?.value).toMatch(/^\{"x":/);
});

test.each([
  ['service', 'pay'],
  ['level', undefined],
  ['tags', 'x, y'],
  ['metadata.a.b', 'dotted'],
  ['a.b', 'dotted'],
  ['metadata.a.c.d', 'true'],
  ['metadata.a.c.1.d', 'true'],
  ['metadata.a.c.0', '1'],
  ['metadata.a.c', '[1,{"d":true}]'],
  ['metadata.toString', undefined],
  ['metadata.nothing', undefined],
])('the column %s', (name, value) => {
  expect(valueAt(HIT, name)).toBe(value);
});

test('only objects and arrays are JSON to read', () => {
  expect(prettyJson(' {"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(prettyJson('"text"')).toBeUndefined();
  expect(prettyJson('[broken')).toBeUndefined();
  expect(prettyJson('12')).toBeUndefined();
});

test('an id beyond 2^53 is shown, filtered for and copied as it is', () => {
  const hit = { metadata: { id: 9007199254740993n, more: { id: 9007199254740993n } } } as unknown as Hit;
  expect(fieldsOf(hit)[0]).toMatchObject({ value: '9007199254740993', type: 'number' });
  expect(valueAt(hit, 'metadata.id')).toBe('9007199254740993');
  expect(valueAt(hit, 'metadata.more')).toBe('{"id":9007199254740993}');
  expect(prettyJson('{"id":9007199254740993}')).toBe('{\n  "id": 9007199254740993\n}');
});
