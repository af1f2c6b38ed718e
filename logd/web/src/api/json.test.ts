import { expect, test } from 'vitest';

import { jsonText, parsedJson } from './json';

test('whole numbers that a double can’t hold stay what they are', () => {
  const text = '{"id":9007199254740993,"list":[1,-12345678901234567890],"small":9007199254740991,"real":12345678901234567.5,"power":12345678901234567e3}';
  const found = parsedJson(text) as Record<string, unknown>;
  expect(found.id).toBe(9007199254740993n);
  expect(found.list).toEqual([1, -12345678901234567890n]);
  expect(found.small).toBe(9007199254740991);
  expect(found.real).toBe(12345678901234567.5);
  expect(jsonText({ id: found.id, list: found.list })).toBe('{"id":9007199254740993,"list":[1,-12345678901234567890]}');
});

test('digits in texts are none', () => {
  const text = String.raw`{"message":"a: 9007199254740993, \"b\":9007199254740993","k:9007199254740993":[9007199254740993]}`;
  expect(parsedJson(text)).toEqual({ message: 'a: 9007199254740993, "b":9007199254740993', 'k:9007199254740993': [9007199254740993n] });
  expect(jsonText(parsedJson(text))).toBe(text);
});
