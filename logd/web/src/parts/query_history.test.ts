// @vitest-environment happy-dom
import { beforeEach, expect, test } from 'vitest';

import { forget, queries, remember, stepped } from './query_history';

beforeEach(() => {
  queries.value = [];
});

test('the newest is first, none is there twice, and a hundred are the most', () => {
  for (let number = 0; number < 120; number += 1) remember(`q${number}`);
  remember(' q50 ');
  remember('');
  expect(queries.value.length).toBe(100);
  expect(queries.value.slice(0, 2)).toEqual(['q50', 'q119']);
  expect(queries.value.filter((query) => query === 'q50').length).toBe(1);
  forget('q50');
  expect(queries.value[0]).toBe('q119');
  expect(JSON.parse(localStorage.getItem('logd.queries')!)[0]).toBe('q119');
});

test('steps go back and forth, and never over what is typed', () => {
  queries.value = ['new', 'old'];
  expect(stepped('', 'in force', -1)).toBe('new');
  expect(stepped('in force', 'in force', -1)).toBe('new');
  expect(stepped('new', 'in force', -1)).toBe('old');
  expect(stepped('old', 'in force', -1)).toBeUndefined();
  expect(stepped('typed', 'in force', -1)).toBeUndefined();
  expect(stepped('old', 'in force', 1)).toBe('new');
  expect(stepped('new', 'in force', 1)).toBe('');
  expect(stepped('', 'in force', 1)).toBeUndefined();
});
