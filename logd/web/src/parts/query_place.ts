/** What the cursor is at, for completion. */

import { tokensOf, unescaped } from './query_tokens';

export interface Place {
  kind: 'name' | 'value';
  /** What a completion takes the place of. */
  from: number;
  to: number;
  /** Of that, what is before the cursor, as it is meant. */
  typed: string;
  /** Of a value. */
  field: string;
}

/** Fields whose values nobody picks from a list: text, times and patterns. */
const UNLISTED = new Set(['message', 'message.raw', 'timestamp', '@timestamp', 'ingested_at', 'log_id', '_id']);

export function placeAt(text: string, cursor: number): Place | undefined {
  const tokens = tokensOf(text);
  const at = tokens.find((token) => token.from < cursor && cursor <= token.to);
  if (!at) {
    const before = tokens.findLast((token) => token.to <= cursor);
    // A blank may stand between a field and its value; within a field's parentheses all are values.
    const field = before?.kind === 'field' ? before.field : groupOf(text.slice(0, cursor));
    return field ? valuePlace(field, cursor, cursor, '') : namePlace(cursor, cursor, '');
  }
  const typed = text.slice(at.from, cursor);
  if (at.kind === 'field') return cursor === at.to ? valuePlace(at.field, cursor, cursor, '') : namePlace(at.from, at.to - 1, typed);
  if (at.kind === 'term') {
    // A wildcard, or another operator of a term: no value is so.
    if (at.field) return /[*?~^]/.test(typed) ? undefined : valuePlace(at.field, at.from, at.to, unescaped(typed));
    return namePlace(at.from, at.to, typed);
  }
  if (at.kind === 'phrase' && at.field && (at.unclosed || cursor < at.to)) return valuePlace(at.field, at.from, at.to, unescaped(typed.slice(1)));
  if (at.kind === 'open') return at.field ? valuePlace(at.field, cursor, cursor, '') : namePlace(cursor, cursor, '');
  return undefined;
}

function namePlace(from: number, to: number, typed: string): Place {
  return { kind: 'name', from, to, typed: unescaped(typed), field: '' };
}

function valuePlace(field: string, from: number, to: number, typed: string): Place | undefined {
  if (field === '_exists_') return namePlace(from, to, typed);
  return UNLISTED.has(field) ? undefined : { kind: 'value', from, to, typed, field };
}

/** The field of the innermost group that is open at the end of the text. */
function groupOf(text: string): string {
  const open: string[] = [];
  for (const { kind, field } of tokensOf(text)) {
    if (kind === 'open') open.push(field);
    if (kind === 'close') open.pop();
  }
  return open.at(-1) ?? '';
}
