/** Characters that nobody sees, or that reorder or erase others, as escapes. */

// Controls but tab, soft hyphen, direction, zero width (not the joiners, which emoji and scripts need), line separators,
// tags, halves of surrogate pairs.
const HIDDEN =
  /[\0-\x08\n-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

export interface Piece {
  text: string;
  kind: 'text' | 'mark' | 'escape';
}

/** The text in pieces: what `words` finds is marked, and escapes stand for what isn't seen, newlines among them. */
export function pieces(text: string, words?: RegExp): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  if (words) {
    for (const match of text.matchAll(words)) {
      if (!match[0]) continue;
      split(text.slice(at, match.index), 'text', found);
      split(match[0], 'mark', found);
      at = match.index + match[0].length;
    }
  }
  split(text.slice(at), 'text', found);
  return found;
}

function split(text: string, kind: 'text' | 'mark', found: Piece[]): void {
  let at = 0;
  for (const match of text.matchAll(HIDDEN)) {
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
