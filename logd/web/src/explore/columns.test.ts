// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { layoutOf, moved, titleOf } from './columns';
import { withColumn } from './expanded';

test('columns are as wide as what is in them', () => {
  const hits = [{ service: 'payment-api', message: 'x'.repeat(500), metadata: { a: 'y'.repeat(100) } }];
  expect(layoutOf(['level', 'service', 'message', 'metadata.a'], hits, false).columns).toBe('3px 14ch 5ch 11ch minmax(30ch, 1fr) 36ch');
  expect(layoutOf(['service'], [], true).columns).toBe('3px 23ch minmax(30ch, 1fr)');
});

test('columns move, and new ones stand before the message', () => {
  expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
  expect(moved(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  expect(withColumn(['level', 'message'], 'host')).toEqual(['level', 'host', 'message']);
  expect(withColumn(['message', 'level'], 'host')).toEqual(['message', 'level', 'host']);
  expect(titleOf('metadata.\u202ex')).toBe('\\u202ex');
});
