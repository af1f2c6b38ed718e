import { describe, expect, test } from 'vitest';

import { fieldIs, fieldName, withoutTerm, withTerm } from './filters';

describe('a term', () => {
  test.each([
    ['level', 'ERROR', 'level:ERROR'],
    ['metadata.user_id', '42', 'metadata.user_id:42'],
    ['host', '10.0.0.1', 'host:10.0.0.1'],
    ['path', '/a b', 'path:"/a b"'],
    ['path', 'say "hi" \\ there', 'path:"say \\"hi\\" \\\\ there"'],
    ['city', 'Größe', 'city:Größe'],
    ['ratio', '-5', 'ratio:"-5"'],
    ['word', 'AND', 'word:"AND"'],
    ['word', '', 'word:""'],
    ['word', 'time*', 'word:"time*"'],
    ['word', 'a~', 'word:"a~"'],
    ['word', null, 'NOT word:*'],
  ])('%s is %j', (field, value, term) => expect(fieldIs(field, value)).toBe(term));

  test('of a message is a phrase, and its text where it has no word', () => {
    expect(fieldIs('message', 'timeout')).toBe('message:timeout');
    expect(fieldIs('message', 'a b')).toBe('message:"a b"');
    expect(fieldIs('message', '-----')).toBe('message.raw:"-----"');
  });

  test('of a long message ends with a whole word', () => {
    const term = fieldIs('message', 'word '.repeat(300));
    expect(term.length).toBeLessThan(1_020);
    expect(term).toMatch(/word "$/);
    expect(() => encodeURIComponent(fieldIs('message', `${'a'.repeat(999)}😀`))).not.toThrow();
  });

  test('a name is escaped', () => {
    expect(fieldName('metadata.a b:c"d\\e')).toBe('metadata.a\\ b\\:c\\"d\\\\e');
    expect(fieldName('metadata.größe-1@x')).toBe('metadata.größe-1@x');
    expect(fieldName('-x')).toBe('\\-x');
  });
});

describe('a query, and a term', () => {
  test.each([
    ['', 't:1'],
    ['*', 't:1'],
    ['a', 'a AND t:1'],
    ['a b', '(a b) AND t:1'],
    ['a OR b', '(a OR b) AND t:1'],
    ['a || b', '(a || b) AND t:1'],
    ['a OR b AND c', '(a OR b AND c) AND t:1'],
    ['a AND b', 'a AND b AND t:1'],
    ['a && b', 'a AND b AND t:1'],
    ['(a b)', '(a b) AND t:1'],
    ['(a b) (c d)', '((a b) (c d)) AND t:1'],
    ['(a OR b) AND c', '(a OR b) AND c AND t:1'],
    ['+a -b', '(+a -b) AND t:1'],
    ['-b', '-b AND t:1'],
    ['NOT a', 'NOT a AND t:1'],
    ['a NOT b', '(a NOT b) AND t:1'],
    ['"a OR b"', '"a OR b" AND t:1'],
    ['"a \\" OR b"', '"a \\" OR b" AND t:1'],
    ['f:"a b"', 'f:"a b" AND t:1'],
    ['f: x', 'f: x AND t:1'],
    ['f:(a OR b)', 'f:(a OR b) AND t:1'],
    ['f:[1 TO 5}', 'f:[1 TO 5} AND t:1'],
    ['path:/a.+ b/', 'path:/a.+ b/ AND t:1'],
    ['http://a.b/c?d=e', 'http://a.b/c?d=e AND t:1'],
    ['a AND t:1', 'a AND t:1'],
    ['NOT t:1', 't:1'],
    ['a AND NOT t:1 AND b', 'a AND b AND t:1'],
  ])('%j', (q, both) => expect(withTerm(q, 't:1')).toBe(both));

  test('and not', () => {
    expect(withoutTerm('a b', 't:1')).toBe('(a b) AND NOT t:1');
    expect(withoutTerm('a AND t:1', 't:1')).toBe('a AND NOT t:1');
    expect(withoutTerm('', 'NOT f:*')).toBe('f:*');
  });
});
