/** The search that shows what a rule counted: as logd/alerts/linking.py makes links in messages. */

import type { Schemas } from '../api/client';
import { exploreLink } from '../explore/state';
import { iso } from '../state/time';
import { valuesOf } from '../state/values';
import type { Group } from './words';

type Condition = Partial<Schemas['Condition']>;
type Searched = { condition: Condition };

const CUT = '…';
const CUT_CHARACTERS = 200;

/** To the records of the window that ended at a time (Unix ms), of a group, or of all of them. */
export function evidenceLink(rule: Searched, group: Group, at: number, until = at): string {
  const { aggregation, window_seconds: window = 300 } = rule.condition;
  // What is absent was there before it.
  const windows = aggregation === 'absence' ? 2 : 1;
  return exploreLink({ q: searchOf(rule, group), range: { from: iso(at - windows * window * 1_000), to: iso(until + 1_000) } });
}

/** The query, empty for everything. Of a composite it finds what any of the conditions count. */
export function searchOf({ condition }: Searched, group: Group): string {
  const parts = partsOf(condition);
  if (condition.aggregation === 'composite') {
    const inner = (condition.conditions ?? []).map((one) => partsOf(one).join(' AND '));
    if (inner.every(Boolean)) {
      const different = [...new Set(inner)].map((text) => `(${text})`);
      parts.push(different.length === 1 ? different[0]! : `(${different.join(' OR ')})`);
    }
  }
  for (const [name, value] of Object.entries(group)) {
    // A pattern is no field; numbers stand for fields that nobody knows any more.
    if ((name === 'pattern' && condition.aggregation === 'new_pattern') || /^\d+$/.test(name) || value === '(others)') continue;
    parts.push(termOf(name, value));
  }
  return parts.join(' AND ');
}

function partsOf(condition: Condition): string[] {
  const { aggregation, of, query } = condition;
  const found = [...anyOf('service', condition.service), ...anyOf('host', condition.host)];
  if (aggregation === 'ratio' && of) found.push(within(of));
  found.push(...anyOf('level', condition.level));
  if (query?.trim()) found.push(within(query));
  return found;
}

function anyOf(field: string, setting: string | undefined): string[] {
  const values = valuesOf(setting).map(quoted);
  return values.length ? [values.length === 1 ? `${field}:${values[0]}` : `${field}:(${values.join(' OR ')})`] : [];
}

function termOf(name: string, value: string | null): string {
  const field = name.replace(/[^\p{L}\p{N}._@-]/gu, '\\$&');
  if (value === null) return `NOT _exists_:${field}`;
  if (value.length > CUT_CHARACTERS && value.endsWith(CUT)) return `${field}:${value.slice(0, CUT_CHARACTERS).replace(/[^\p{L}\p{N}]/gu, '\\$&')}*`;
  return `${field}:${quoted(value)}`;
}

/** In parentheses. A backslash at the end means itself, and would take the meaning from what closes them. */
function within(query: string): string {
  const backslashes = /\\*$/.exec(query)![0].length;
  return `(${query}${backslashes % 2 ? '\\' : ''})`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
