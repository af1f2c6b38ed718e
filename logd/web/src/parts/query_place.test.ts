import { describe, expect, test } from 'vitest';

import { placeAt } from './query_place';

/** At the bar. */
const at = (text: string) => placeAt(text.replace('|', ''), text.indexOf('|'));

describe('the cursor is', () => {
  test.each([
    ['|', 'name', '', ''],
    ['lev|', 'name', 'lev', ''],
    ['a AND lev|', 'name', 'lev', ''],
    ['(lev|', 'name', 'lev', ''],
    ['-lev|', 'name', 'lev', ''],
    ['le|v:ERROR', 'name', 'le', ''],
    ['level:|', 'value', '', 'level'],
    ['level:ER|', 'value', 'ER', 'level'],
    ['level: ER|', 'value', 'ER', 'level'],
    ['level: |', 'value', '', 'level'],
    ['level:"ER|', 'value', 'ER', 'level'],
    ['path:"a \\"b|"', 'value', 'a "b', 'path'],
    ['metadata.a\\ b:x|', 'value', 'x', 'metadata.a b'],
    ['service:(cart OR pa|', 'value', 'pa', 'service'],
    ['service:(|', 'value', '', 'service'],
    ['service:(cart |', 'value', '', 'service'],
    ['service:(cart) |', 'name', '', ''],
    ['_exists_:us|', 'name', 'us', ''],
  ])('%s at a %s', (text, kind, typed, field) => expect(at(text)).toMatchObject({ kind, typed, field }));

  test.each(['message:tim|', 'timestamp:2026|', 'level:ERR*|', 'f:[1 TO 5|', '"a phrase|', 'path:/re.*|/', 'level:"ERROR"|'])('%s: nothing to offer', (text) =>
    expect(at(text)).toBeUndefined(),
  );

  test('in the middle of a value all of it is replaced', () => {
    expect(at('level:ER|ROR x')).toMatchObject({ from: 6, to: 11, typed: 'ER' });
    expect(at('le|v:x')).toMatchObject({ from: 0, to: 3 });
  });
});
