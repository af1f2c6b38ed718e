/** Requests as commands of curl. */

import { queryString, type Query } from '../api/client';
import { token } from '../state/session';

/** One word of a POSIX shell, whatever it holds. NUL, which no argument can have, is left out. */
export function shellQuoted(text: string): string {
  const clean = text.replaceAll('\0', '');
  return /^[\w@%+=:,./-]+$/.test(clean) ? clean : `'${clean.replaceAll("'", "'\\''")}'`;
}

/** A GET of a path of the API. A token isn't written into it, but taken from the shell's $LOGD_TOKEN. */
export function curl(path: string, query: Query = {}, origin = location.origin, withToken = token.value !== ''): string {
  const parts = ['curl', '-fsS'];
  const asked = [...new URLSearchParams(queryString(query))];
  if (asked.length) parts.push('-G');
  parts.push(shellQuoted(origin + path));
  if (withToken) parts.push('-H', '"Authorization: Bearer $LOGD_TOKEN"');
  for (const [name, value] of asked) {
    // curl sends what curl's own syntax or an argument can't hold as it is written.
    if (/\0/.test(value)) parts.push('-d', shellQuoted(`${name}=${encodeURIComponent(value)}`));
    else parts.push('--data-urlencode', shellQuoted(`${name}=${value}`));
  }
  return parts.join(' ');
}
