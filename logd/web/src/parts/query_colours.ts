/** The colours of a query's parts, and which parentheses belong together. */

import type { EditorState, Extension, Range } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view';

import { tokensOf, type Token, type TokenKind } from './query_tokens';

const CLASSES: Partial<Record<TokenKind, string>> = {
  field: 'cm-field',
  phrase: 'cm-string',
  regex: 'cm-regexp',
  range: 'cm-range',
  and: 'cm-operator',
  or: 'cm-operator',
  not: 'cm-operator',
  must: 'cm-operator',
  mustNot: 'cm-operator',
};
const MARKS = Object.fromEntries(Object.values(CLASSES).map((name) => [name, Decoration.mark({ class: name })]));
const BRACKET = Decoration.mark({ class: 'cm-bracket' });
const ALONE = Decoration.mark({ class: 'cm-bracket-alone' });
/** Longer ones are pasted, and not read. */
const MOST_CHARACTERS = 10_000;

export const colours: Extension = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    private tokens: Token[] = [];

    constructor(view: EditorView) {
      this.decorations = this.made(view.state, true);
    }

    update(update: ViewUpdate): void {
      if (update.docChanged || update.selectionSet) this.decorations = this.made(update.state, update.docChanged);
    }

    private made(state: EditorState, isNew: boolean): DecorationSet {
      const text = state.doc.toString();
      if (text.length > MOST_CHARACTERS) return Decoration.none;
      if (isNew) this.tokens = tokensOf(text);
      const marks: Range<Decoration>[] = [];
      for (const { kind, from, to } of this.tokens) {
        const name = CLASSES[kind];
        if (name) marks.push(MARKS[name]!.range(from, to));
      }
      return Decoration.set([...marks, ...brackets(this.tokens, state.selection.main.head)], true);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

/** The pair of which one is beside the cursor. */
function brackets(tokens: readonly Token[], cursor: number): Range<Decoration>[] {
  const opened: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'open') opened.push(token);
    if (token.kind !== 'close') continue;
    const opening = opened.pop();
    const isAt = (one: Token) => cursor === one.from || cursor === one.from + 1;
    if (!opening && isAt(token)) return [ALONE.range(token.from, token.from + 1)];
    if (opening && (isAt(opening) || isAt(token))) return [BRACKET.range(opening.from, opening.to), BRACKET.range(token.from, token.from + 1)];
  }
  const alone = opened.find((one) => cursor === one.from || cursor === one.from + 1);
  return alone ? [ALONE.range(alone.from, alone.to)] : [];
}
