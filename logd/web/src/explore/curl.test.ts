// @vitest-environment happy-dom
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

import { curl, shellQuoted } from './curl';

test.each(['plain', 'a b', "it's", '$(reboot) `id` $HOME', '"; rm -rf / #', "'", '\\', 'new\nline', '!history', '', '-x', 'é😀', '*'])('the shell reads %j as it was', (text) => {
  expect(execFileSync('/bin/sh', ['-c', `printf %s ${shellQuoted(text)}`], { encoding: 'utf8' })).toBe(text);
});

test('a command of curl', () => {
  expect(curl('/api/v1/logs/search', { q: "it's", service: ['a', 'b'], level: [] }, 'http://h:1', false)).toBe(
    "curl -fsS -G http://h:1/api/v1/logs/search --data-urlencode 'q=it'\\''s' --data-urlencode service=a --data-urlencode service=b",
  );
  expect(curl('/api/v1/logs/x', {}, 'http://h:1', true)).toBe('curl -fsS http://h:1/api/v1/logs/x -H "Authorization: Bearer $LOGD_TOKEN"');
  expect(curl('/x', { q: 'a\0b' }, 'http://h:1', false)).toBe('curl -fsS -G http://h:1/x -d q=a%00b');
});
