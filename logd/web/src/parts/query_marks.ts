/** Where a query is wrong, marked in the editor. */

import { StateEffect, StateField, type Extension } from '@codemirror/state';
import { Decoration, EditorView, hoverTooltip, WidgetType, type DecorationSet } from '@codemirror/view';

import { offsetOf, tokensOf } from './query_tokens';

export interface Wrong {
  /** In code points, from 1. */
  column: number;
  message: string;
}

interface Place {
  from: number;
  to: number;
  message: string;
}

/** Something is missing there, of which nothing could be underlined. */
class Gap extends WidgetType {
  override eq(): boolean {
    return true;
  }

  override toDOM(): HTMLElement {
    const gap = document.createElement('span');
    gap.className = 'cm-wrong-gap';
    return gap;
  }
}

export const setWrong = StateEffect.define<Wrong | undefined>();
const GAP = Decoration.widget({ widget: new Gap(), side: 1 });
const UNDERLINE = Decoration.mark({ class: 'cm-wrong' });

/** Marked until something is typed. */
const field = StateField.define<{ place: Place | undefined; marks: DecorationSet }>({
  create: () => ({ place: undefined, marks: Decoration.none }),
  update(before, transaction) {
    for (const effect of transaction.effects) if (effect.is(setWrong)) return marked(transaction.newDoc.toString(), effect.value);
    return transaction.docChanged ? { place: undefined, marks: Decoration.none } : before;
  },
  provide: (self) => EditorView.decorations.from(self, ({ marks }) => marks),
});

export const wrongMarks: Extension = [
  field,
  hoverTooltip((view, at) => {
    const { place } = view.state.field(field);
    if (!place || at < place.from || at > place.to) return null;
    return {
      pos: place.from,
      end: place.to,
      create: () => {
        const dom = document.createElement('div');
        dom.className = 'cm-wrong-tip';
        dom.textContent = place.message;
        return { dom };
      },
    };
  }),
];

function marked(text: string, wrong: Wrong | undefined): { place: Place | undefined; marks: DecorationSet } {
  if (!wrong) return { place: undefined, marks: Decoration.none };
  const from = Math.min(offsetOf(text, wrong.column), text.length);
  const token = tokensOf(text).find((one) => one.from <= from && from < one.to);
  const place = { from, to: token?.to ?? from, message: wrong.message };
  const mark = place.to > place.from ? UNDERLINE.range(place.from, place.to) : GAP.range(from);
  return { place, marks: Decoration.set([mark]) };
}
