/** Queries that are made by pointing: a field has a value, or hasn't. */

/** `field:"value"`, or that the field isn't there, for null. */
export function fieldIs(field: string, value: string | null): string {
  return value === null ? `NOT ${field}:*` : `${field}:${quoted(value)}`;
}

/** The query, and that as well. */
export function withTerm(q: string, term: string): string {
  return q.trim() && q.trim() !== '*' ? `${grouped(q.trim())} AND ${term}` : term;
}

/** The query, and not that. */
export function withoutTerm(q: string, term: string): string {
  const negated = term.startsWith('NOT ') ? term.slice(4) : `NOT ${term}`;
  return withTerm(q, negated);
}

function quoted(value: string): string {
  return /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(value) && !/^(AND|OR|NOT)$/.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/** Terms side by side mean OR, which binds less than AND. */
function grouped(q: string): string {
  return /\s/.test(q) && !/^\([^()]*\)$/.test(q) && !isConjunction(q) ? `(${q})` : q;
}

/** Whether it is made of single terms and ANDs, as those above are. */
function isConjunction(q: string): boolean {
  const terms = q.split(' AND ');
  return terms.every((term) => /^(NOT )?[^\s"()]+(:"(?:[^"\\]|\\.)*")?$|^(NOT )?[^\s"()]+$|^(NOT )?"(?:[^"\\]|\\.)*"$/.test(term));
}
