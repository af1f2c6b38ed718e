/** Text of log lines as it can be shown safely: found terms marked, and what nobody would see, or what would reorder or
 * erase other text, as escapes. */

export interface Piece {
  text: string;
  /** `mark`: a term of the query is in it; `escape`: it stands for a character that isn't shown itself. */
  kind: 'text' | 'mark' | 'escape';
}

/** First and last (not included) code point of each term, rising, as the API's `highlights`. */
export type Spans = readonly (readonly number[])[];

/** More pieces make the page slow; the rest of such a text has its escapes, but no marks. */
const MOST_PIECES = 2_000;

// Controls but tab and newline, soft hyphen, marks and overrides of direction, zero width (not the joiners, which emoji
// and scripts need), line separators, tags, and halves of surrogate pairs.
const HIDDEN =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;
const HIDDEN_IN_LINE = new RegExp(`[\\n]|${HIDDEN.source}`, 'gu');

/** The text in pieces. `line`: as one line, newlines are escapes as well. */
export function pieces(text: string, spans: Spans = [], { line = false } = {}): Piece[] {
  return divided(text, units(text, spans), line);
}

/** What is marked in a text, in UTF-16 units, rising, not empty, and apart. */
export type Marker = (text: string) => [number, number][];

/** The text as one line, in pieces. */
export function piecesWith(text: string, marker: Marker | undefined): Piece[] {
  return divided(text, marker?.(text) ?? [], true);
}

function divided(text: string, marked: readonly [number, number][], line: boolean): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const [start, end] of marked) {
    if (start < at || end > text.length || found.length > MOST_PIECES) break;
    if (start > at) visible(text.slice(at, start), 'text', line, found);
    visible(text.slice(start, end), 'mark', line, found);
    at = end;
  }
  if (at < text.length) visible(text.slice(at), 'text', line, found);
  return found;
}

/** Pieces in blocks of about so many UTF-16 units: a browser takes seconds to lay a megabyte out as one. They end at
 * newlines, which are left out there, or where a block is full. */
export function blocks(found: readonly Piece[], most = 10_000): Piece[][] {
  const made: Piece[][] = [[]];
  let size = 0;
  for (const { text, kind } of found) {
    for (let rest = text; rest; ) {
      const room = Math.max(0, most - size);
      if (rest.length <= room || (kind === 'escape' && !size)) {
        made.at(-1)!.push({ text: rest, kind });
        size += rest.length;
        break;
      }
      const newline = kind === 'escape' || !room ? -1 : rest.lastIndexOf('\n', room);
      const end = kind === 'escape' || !room ? 0 : newline >= 0 ? newline : cut(rest, Math.max(2, room)).length;
      if (end) made.at(-1)!.push({ text: rest.slice(0, end), kind });
      rest = rest.slice(newline >= 0 ? newline + 1 : end);
      made.push([]);
      size = 0;
    }
  }
  return made;
}

/** The text in which what isn't seen is written as an escape, such as `\x1b` or `\u202e`. */
export function escaped(text: string, { line = false } = {}): string {
  return text.replace(line ? HIDDEN_IN_LINE : HIDDEN, escape);
}

/** At most so many UTF-16 units of a text, without half a character at its end. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most);
}

/** Ranges of code points as ranges of UTF-16 units, as long as they lie in the text. */
export function units(text: string, spans: Spans): [number, number][] {
  if (!spans.length) return [];
  if (!/[\ud800-\udfff]/.test(text)) return spans.filter(([, end]) => end! <= text.length).map(([start, end]) => [start!, end!]);
  const found: [number, number][] = [];
  let point = 0;
  let unit = 0;
  const unitOf = (wanted: number) => {
    while (point < wanted && unit < text.length) {
      unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
      point += 1;
    }
    return point === wanted ? unit : undefined;
  };
  for (const [start, end] of spans) {
    const first = unitOf(start!);
    const last = unitOf(end!);
    if (first === undefined || last === undefined) break;
    found.push([first, last]);
  }
  return found;
}

function visible(text: string, kind: 'text' | 'mark', line: boolean, found: Piece[]): void {
  let at = 0;
  for (const match of text.matchAll(line ? HIDDEN_IN_LINE : HIDDEN)) {
    if (found.length > MOST_PIECES) {
      found.push({ text: escaped(text.slice(at), { line }), kind });
      return;
    }
    if (match.index > at) found.push({ text: text.slice(at, match.index), kind });
    found.push({ text: escape(match[0]), kind: 'escape' });
    at = match.index + match[0].length;
  }
  if (at < text.length) found.push({ text: text.slice(at), kind });
}

const NAMES: Record<string, string> = { '\n': '\\n', '\r': '\\r' };

function escape(character: string): string {
  const code = character.codePointAt(0)!;
  const digits = code.toString(16);
  return NAMES[character] ?? (code < 0x100 ? `\\x${digits.padStart(2, '0')}` : code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`);
}
