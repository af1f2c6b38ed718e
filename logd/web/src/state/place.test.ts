// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { unescapedPart } from './place';

test('a path that is no UTF-8 is a name that nothing has, and no error', () => {
  expect(unescapedPart('a%2Fb')).toBe('a/b');
  expect(unescapedPart('%E0%A4%A')).toBe('%E0%A4%A');
});
