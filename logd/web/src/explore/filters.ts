/** Queries that are made by pointing: a field has a value, or hasn't. */

import { quoted } from '../parts/query_text';
import { tokensOf, type Token } from '../parts/query_tokens';

export { fieldName } from '../parts/query_text';

/** A message has so many words at most in a filter: the language has a limit, and people read it. */
const MESSAGE_CHARACTERS = 1_000;

/** That the field (as it is written in a query) has this value, or for null that it isn't there. Of messages: that the
 * same words are in the same order, since text is searched by words. */
export function fieldIs(field: string, value: string | null): string {
  if (value === null) return `NOT ${field}:*`;
  if (field !== 'message') return `${field}:${quoted(value)}`;
  const whole = value.length > MESSAGE_CHARACTERS ? value.slice(0, MESSAGE_CHARACTERS).replace(/\S*$/, '') : value;
  if (/[\p{L}\p{N}]/u.test(whole)) return `message:${quoted(whole)}`;
  // Where there is no word, the text itself is looked for; half a character is none.
  return `message.raw:${quoted(value.slice(0, MESSAGE_CHARACTERS).replace(/[\ud800-\udbff]$/, ''))}`;
}

/** The query, and that as well; its negation goes away. */
export function withTerm(q: string, term: string): string {
  const kept = clausesOf(q).filter((clause) => clause !== term && clause !== negated(term));
  return [...kept, term].join(' AND ');
}

/** The query, and not that. */
export function withoutTerm(q: string, term: string): string {
  return withTerm(q, negated(term));
}

function negated(term: string): string {
  return term.startsWith('NOT ') ? term.slice(4) : `NOT ${term}`;
}

/** What the query joins by AND. Terms side by side mean OR, which binds less than AND: these stay together in parentheses. */
function clausesOf(q: string): string[] {
  const text = q.trim();
  if (!text || text === '*' || text === '*:*') return [];
  const clauses: string[] = [];
  let depth = 0;
  let begin = 0;
  let complete = false;
  for (const token of tokensOf(text)) {
    if (depth === 0 && token.kind === 'and') {
      clauses.push(text.slice(begin, token.from).trim());
      begin = token.to;
      complete = false;
    } else if (depth === 0 && (token.kind === 'or' || complete)) return [`(${text})`];
    else {
      if (token.kind === 'open') depth += 1;
      if (token.kind === 'close') depth -= 1;
      complete = depth === 0 && isEnd(token);
    }
  }
  return [...clauses, text.slice(begin).trim()];
}

/** Whether a clause ends with it, so that another token begins the next one. */
function isEnd({ kind }: Token): boolean {
  return ['term', 'phrase', 'regex', 'range', 'close'].includes(kind);
}
