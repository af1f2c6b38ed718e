/** What of a query is marked in messages, by the query's text alone, as the server's highlights would: words, phrases,
 * wildcards and regular expressions, but for what mustn't be there. Of a fuzzy word only itself. */

import { tokensOf, unescaped, type Token } from '../parts/query_tokens';
import type { Marker } from '../parts/visible';
import { expressionOf, type Expression } from './expression';

const MOST_TERMS = 40;
/** What a word is made of, as for the server's tokenizer; what is a word by itself touches others. */
const LETTER = '\\p{L}\\p{M}\\p{Nd}\\p{Nl}_';
const ALONE = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Extended_Pictographic}';
const BEGINS = `(?<!(?![${ALONE}])[${LETTER}])`;
const ENDS = `(?!(?![${ALONE}])[${LETTER}])`;
const GAP = `[^${LETTER}${ALONE}]*`;
/** What a `*` stands for. Without a bound, and with many of them in a word, a long text would take minutes. */
const ANY = `[${LETTER}]{0,40}`;
const MOST_WILDCARDS = 3;
const MOST_SLOP = 20;
const RUN = new RegExp(`[${LETTER}${ALONE}]+`, 'gu');
const RUN_OR_WILD = new RegExp(`[${LETTER}${ALONE}*?]+`, 'gu');
const BEGINS_ALONE = new RegExp(`^[${ALONE}]`, 'u');
const ENDS_ALONE = new RegExp(`[${ALONE}]$`, 'u');
const LONGEST_RUN = 300;
const MESSAGE = ['', 'message', 'message.raw'];

/** Undefined where nothing is marked. */
export function markerOf(q: string): Marker | undefined {
  const words: string[] = [];
  const raw: string[] = [];
  const found: Expression[] = [];
  for (const { kind, from, to, field } of wanted(q).slice(0, MOST_TERMS)) {
    const text = q.slice(from, to);
    const isRaw = field === 'message.raw';
    if (kind === 'regex') {
      const expression = expressionOf(text.replace(/\/(?:\^[\d.]+)?$/, '').slice(1), { whole: !isRaw });
      if (expression) found.push(isRaw ? expression : (of) => runsWith(of, expression));
    } else if (isRaw) raw.push(literal(kind === 'phrase' ? phraseOf(text).inner : unescaped(text)));
    else words.push(kind === 'phrase' ? phrase(text) : term(text));
  }
  if (words.some(Boolean)) found.push(all(words, 'giu'));
  if (raw.some(Boolean)) found.push(all(raw, 'gu'));
  if (!found.length) return undefined;
  return (text) => merged(found.flatMap((expression) => [...expression(text)].map(({ 0: { length }, index }): [number, number] => [index, index + length])));
}

/** The values that a message may have, or a part of it. */
function wanted(q: string): Token[] {
  const found: Token[] = [];
  const groups = [false];
  let isNot = false;
  for (const token of tokensOf(q)) {
    const { kind } = token;
    if (kind === 'field' || kind === 'must') continue;
    if (kind === 'not' || kind === 'mustNot') {
      isNot = true;
      continue;
    }
    if (kind === 'open') groups.push(groups.at(-1)! || isNot);
    else if (kind === 'close') groups.length = Math.max(1, groups.length - 1);
    else if ((kind === 'term' || kind === 'phrase' || kind === 'regex') && !isNot && !groups.at(-1) && MESSAGE.includes(token.field)) found.push(token);
    isNot = false;
  }
  return found;
}

function phraseOf(text: string): { inner: string; slop: number } {
  const [, inner = '', slop = ''] = /^"(.*?)"?(?:~(\d*)[\d.]*)?(?:\^[\d.]+)?$/s.exec(text) ?? [];
  return { inner: unescaped(inner), slop: Math.min(Number(slop), MOST_SLOP) };
}

/** Its words side by side, or with so many others between. */
function phrase(text: string): string {
  const { inner, slop } = phraseOf(text);
  return beside(inner.match(RUN) ?? [], slop ? `(?:${GAP}[${LETTER}]{1,40}){0,${slop}}?${GAP}` : GAP);
}

/** What was pasted, such as an address or a path, is several words side by side. An escaped `*` is in none. */
function term(text: string): string {
  const own = unescaped(text.replace(/(?:\^[\d.]+)?$/, '').replace(/~\d*$/, '').replace(/\\[*?]/g, ' '));
  const parts = own.match(RUN_OR_WILD) ?? [];
  const isWild = parts.some((part) => part.replace(/\*+/g, '*').split('*').length > MOST_WILDCARDS + 1);
  return isWild || parts.every((part) => /^[*?]+$/.test(part)) ? '' : beside(parts, GAP);
}

function beside(words: readonly string[], gap: string): string {
  const pattern = (word: string) => word.replace(/\*+/g, ANY).replaceAll('?', `[${LETTER}]`);
  return words.map((word) => `${BEGINS_ALONE.test(word) ? '' : BEGINS}${pattern(word)}${ENDS_ALONE.test(word) ? '' : ENDS}`).join(gap);
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function all(patterns: readonly string[], flags: string): Expression {
  const pattern = new RegExp(patterns.filter(Boolean).join('|'), flags);
  return (text) => text.matchAll(pattern);
}

function runsWith(text: string, expression: Expression): RegExpExecArray[] {
  return [...text.matchAll(RUN)].filter(([run]) => run.length <= LONGEST_RUN && [...expression(run)].length > 0);
}

function merged(spans: readonly [number, number][]): [number, number][] {
  const found: [number, number][] = [];
  for (const [start, end] of spans.toSorted(([one], [other]) => one - other)) {
    const last = found.at(-1);
    if (last && start < last[1]) last[1] = Math.max(last[1], end);
    else if (end > start) found.push([start, end]);
  }
  return found;
}
