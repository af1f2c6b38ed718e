/** Which alerts a silence would hold for: as the server's globs (fnmatch) match. */

import type { Schemas } from '../api/client';

type Alert = Pick<Schemas['Alert'], 'rule_id' | 'rule' | 'labels' | 'severity' | 'group'>;

export interface Globs {
  rule: string;
  labels: Record<string, string>;
  group: Record<string, string>;
}

export function silences({ rule, labels, group }: Globs, alert: Alert): boolean {
  if (rule && rule !== alert.rule_id && !matches(rule, alert.rule)) return false;
  return all(labels, { ...alert.labels, severity: alert.severity }) && all(group, withoutMetadata(alert.group));
}

/** What isn't there matches nothing. */
function all(globs: Record<string, string>, values: Record<string, string | null>): boolean {
  return Object.entries(globs).every(([name, glob]) => {
    const value = values[name] ?? values[bare(name)];
    return value !== undefined && value !== null && matches(glob, value);
  });
}

const bare = (name: string) => name.replace(/^metadata\./, '');

function withoutMetadata(group: Alert['group']): Record<string, string | null> {
  return Object.fromEntries(Object.entries(group).flatMap(([name, value]) => [[name, value], [bare(name), value]]));
}

/** Whether a glob of `*`, `?` and `[…]` is all of a text. A class that can't be read matches nothing. */
export function matches(glob: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern(glob)})$`, 'su').test(text);
  } catch {
    return false;
  }
}

function pattern(glob: string): string {
  let found = '';
  for (let at = 0; at < glob.length; at += 1) {
    const letter = glob[at]!;
    const end = letter === '[' ? glob.indexOf(']', glob[at + 1] === '!' ? at + 3 : at + 2) : -1;
    if (letter === '*') found += '.*';
    else if (letter === '?') found += '.';
    else if (end > 0) {
      const inside = glob.slice(at + 1, end);
      found += `[${inside.startsWith('!') ? '^' : ''}${inside.replace(/^!/, '').replace(/[\\\][^]/g, '\\$&')}]`;
      at = end;
    } else found += letter.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  return found;
}

/** Of pairs that have a name. One without a value matches what is empty: without it more would be silent. */
export function globsFrom(pairs: readonly { name: string; value: string }[]): Record<string, string> {
  return Object.fromEntries(pairs.filter(({ name }) => name.trim()).map(({ name, value }) => [name.trim(), value]));
}

/** A text that a glob matches as it is. */
export function asGlob(text: string): string {
  return text.replace(/[*?[]/g, '[$&]');
}
