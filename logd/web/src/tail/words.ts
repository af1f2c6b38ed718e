/** What of a query is marked in the lines: its words and phrases, but for those that mustn't be there. */

const TERM = /(NOT\s+|[-!])?((?:[\w.@-]+):)?("(?:[^"\\]|\\.)*"|[^\s()":]+)/gi;
const MOST_WORDS = 40;
/** What a `*` stands for. Without a bound, and with many of them in a word, a long text would take minutes. */
const ANY = '[\\p{L}\\p{N}_]{0,40}';
const MOST_WILDCARDS = 3;

/** Undefined where nothing is. */
export function wordsOf(q: string): RegExp | undefined {
  const words: string[] = [];
  for (const [, not, field, value] of q.matchAll(TERM)) {
    if (not || (field && field.toLowerCase() !== 'message:')) continue;
    const text = value!.startsWith('"') ? value!.slice(1, -1).replace(/\\(.)/g, '$1') : value!;
    if (!text || /^(AND|OR|NOT)$/.test(text) || !/[\p{L}\p{N}]/u.test(text) || /^[/<>]/.test(text) || text.replace(/\*+/g, '*').split('*').length > MOST_WILDCARDS + 1) continue;
    words.push(pattern(text));
  }
  return words.length ? new RegExp(words.slice(0, MOST_WORDS).join('|'), 'giu') : undefined;
}

/** `*` and `?` within a word; words of a phrase may have anything between them but letters and digits. */
function pattern(text: string): string {
  const inner = text
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => word.replace(/[.+^${}()|[\]\\/]/g, '\\$&').replace(/\*+/g, ANY).replaceAll('?', '[\\p{L}\\p{N}_]'))
    .join('[^\\p{L}\\p{N}]+');
  return `(?<![\\p{L}\\p{N}])${inner}(?![\\p{L}\\p{N}])`;
}
