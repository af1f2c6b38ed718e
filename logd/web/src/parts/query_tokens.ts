/** A query as tokens, as the server's lexer takes it; what isn't complete yet is a token, too. */

export type TokenKind = 'term' | 'phrase' | 'regex' | 'range' | 'field' | 'open' | 'close' | 'and' | 'or' | 'not' | 'must' | 'mustNot';

export interface Token {
  kind: TokenKind;
  /** In UTF-16 units, `to` exclusive. A field's token has its colon. */
  from: number;
  to: number;
  /** A field's name without escapes; of a value, that of the field whose value it is; else empty. */
  field: string;
  /** A phrase, a regular expression or a range whose end isn't there. */
  unclosed?: true;
}

const COLUMNS = new Set(
  'message message.raw log_id level service host source tags trace_id timestamp ingested_at _id @timestamp log.level service.name host.name log.file.path trace.id _exists_'.split(' '),
);
const NAME = /^(?:[\p{L}_@][\p{L}\p{N}_@.-]*)$/u;
const HEX_ADDRESS = /^[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:[%/][\p{L}\p{N}_]+)?$/u;
const REGEX_WORD = /\/(?:[^/\\\s]|\\.)+\/(?=[\s()]|$|\^[0-9])/suy;
const REGEX_VALUE = /\/(?:[^/\\]|\\.)+\/(?=[\s()]|$|\^[0-9])/suy;
const REGEX_CHARACTERS = /[.?+*|{}[\]()"\\#@&<>~^$]/;
const RANGE_BEGINS = /[[{]\s*(?:"(?:[^"\\]|\\.)*"|\S+)\s+TO\s/suy;
const RANGE = /[[{]\s*(?:"(?:[^"\\]|\\.)*"|(?:\\.|[^\s"\\])+)\s+TO\s+(?:"(?:[^"\\]|\\.)*"|(?:\\.|[^\s"\\\]}])+)\s*[\]}]/suy;
const COMPARISON = /(?:>=?|<=?)\s*(?:"(?:[^"\\]|\\.)*"|[^\s()"]+)?/suy;
const AFTER_PHRASE = /(?:~[0-9.]*)?(?:\^[0-9]+(?:\.[0-9]+)?)?/y;
const BOOST = /(?:\^[0-9]+(?:\.[0-9]+)?)?/y;
const HAS_NO_MEANING = /^[\p{L}\p{N}]/u;

/** All of it, in order; blanks between them are in none. */
export function tokensOf(text: string): Token[] {
  const found: Token[] = [];
  const groups: string[] = [''];
  let valueOf = '';
  let at = 0;
  const add = (kind: TokenKind, to: number, field: string, unclosed = false) => {
    found.push({ kind, from: at, to, field, ...(unclosed ? { unclosed: true as const } : {}) });
    at = to;
  };
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at += 1;
      continue;
    }
    const value = valueOf;
    const field = value || groups.at(-1)!;
    valueOf = '';
    const char = text[at]!;
    if (char === '"') {
      const end = phraseEnd(text, at);
      add('phrase', end < 0 ? text.length : match(AFTER_PHRASE, text, end), field, end < 0);
    } else if (char === '(') {
      groups.push(field);
      add('open', at + 1, field);
    } else if (char === ')') {
      if (groups.length > 1) groups.pop();
      add('close', match(BOOST, text, at + 1), field);
    } else if (!value && isOperator(text, at)) {
      const [kind, length] = isOperator(text, at)!;
      add(kind, at + length, field);
    } else {
      const shape = structure(text, at, field, value !== '');
      if (shape) {
        add(shape.kind, shape.to, field, shape.unclosed);
        continue;
      }
      const term = termAt(text, at);
      const name = !value && term.colon > 0 ? text.slice(at, at + term.colon) : '';
      const word = text.slice(at, term.to);
      if (name && isField(name, text.slice(at + term.colon + 1, term.to))) {
        valueOf = unescaped(name);
        add('field', at + term.colon + 1, valueOf);
      } else if (!value && (word === 'AND' || word === 'OR' || word === 'NOT')) add(word.toLowerCase() as TokenKind, term.to, field);
      else add('term', term.to, field);
    }
  }
  return found;
}

/** Without the backslashes that take a character's meaning away. */
export function unescaped(text: string): string {
  return text.replace(/\\([^\p{L}\p{N}])/gsu, '$1');
}

/** Where a column, counted in code points from 1, is in UTF-16 units. */
export function offsetOf(text: string, column: number): number {
  let at = 0;
  for (let left = column - 1; left > 0 && at < text.length; left -= 1) at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  return at;
}

function isOperator(text: string, at: number): [TokenKind, number] | undefined {
  const char = text[at]!;
  const next = text[at + 1] ?? '';
  if (char === '!') return ['not', 1];
  if ((char === '&' || char === '|') && next === char) return [char === '&' ? 'and' : 'or', 2];
  if ((char === '+' || char === '-') && next && next !== char && next !== ')' && !/\s/.test(next)) return [char === '+' ? 'must' : 'mustNot', 1];
  return undefined;
}

function phraseEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at + 1;
    if (text[at] === '\\' && !HAS_NO_MEANING.test(text.slice(at + 1, at + 3))) at += 1;
  }
  return -1;
}

function structure(text: string, at: number, field: string, isValue: boolean): { kind: TokenKind; to: number; unclosed?: true } | undefined {
  const char = text[at]!;
  if (char === '/') {
    const end = match(field ? REGEX_VALUE : REGEX_WORD, text, at);
    if (end > at && (field === 'message.raw' || REGEX_CHARACTERS.test(text.slice(at + 1, end - 1)))) return { kind: 'regex', to: end };
    if (field === 'message.raw') return { kind: 'regex', to: text.length, unclosed: true };
  } else if (char === '[' || char === '{') {
    const end = match(RANGE, text, at);
    if (end > at) return { kind: 'range', to: end };
    if (match(RANGE_BEGINS, text, at) > at) return { kind: 'range', to: text.length, unclosed: true };
  } else if ((char === '<' || char === '>') && field && (isValue || field !== 'message')) {
    return { kind: 'range', to: match(COMPARISON, text, at) };
  }
  return undefined;
}

/** Where the term ends, and where in it the first colon is that has a meaning; 0 for none. */
function termAt(text: string, start: number): { to: number; colon: number } {
  let colon = 0;
  let at = start;
  for (; at < text.length && !/[\s()"]/.test(text[at]!); at += 1) {
    if (text[at] === '\\' && at + 1 < text.length && !HAS_NO_MEANING.test(text.slice(at + 1, at + 3))) at += 1;
    else if (text[at] === ':' && !colon) colon = at - start;
  }
  return { to: Math.min(at, text.length), colon };
}

function isField(written: string, value: string): boolean {
  const name = unescaped(written);
  if (name !== written || COLUMNS.has(name) || name.startsWith('metadata.')) return true;
  if (!NAME.test(name) || name.toLowerCase() === 'localhost' || value.startsWith('//') || value.startsWith(':')) return false;
  if (name.length === 1 && /^[\\/]/.test(value)) return false;
  return !HEX_ADDRESS.test(`${name}:${value}`);
}

/** Where the match at that place ends; the place itself for none. */
function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found ? at + found[0].length : at;
}
