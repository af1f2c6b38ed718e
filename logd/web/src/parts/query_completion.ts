/** What a query may go on with at the cursor: names of fields, their values, operators. */

import { insertCompletionText, pickedCompletion, startCompletion, type Completion, type CompletionContext, type CompletionResult, type CompletionSource } from '@codemirror/autocomplete';
import type { EditorView } from '@codemirror/view';

import { countText, shareText } from '../state/numbers';
import type { Range } from '../state/time';
import { namesOf, valuesOf } from './query_names';
import { placeAt, type Place } from './query_place';
import { fieldName, quoted } from './query_text';

const OPERATORS: readonly Completion[] = [
  { label: 'AND', detail: 'both' },
  { label: 'OR', detail: 'either' },
  { label: 'NOT', detail: 'without' },
].map((one) => ({ ...one, apply: `${one.label} `, boost: -50 }));

export function completeQuery(range: () => Range | undefined): CompletionSource {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const place = placeAt(context.state.doc.toString(), context.pos);
    if (!place || !(context.explicit || place.typed || place.kind === 'value')) return null;
    const controller = new AbortController();
    context.addEventListener('abort', () => controller.abort(), { onDocChange: true });
    const options = place.kind === 'value' ? await valueOptions(place, range(), controller.signal) : await nameOptions(range(), controller.signal);
    return options.length ? { from: place.from, to: place.to, options, filter: place.kind !== 'value' } : null;
  };
}

async function nameOptions(range: Range | undefined, signal: AbortSignal): Promise<readonly Completion[]> {
  const names = await namesOf(range, signal);
  return [
    ...names.map(({ name, types, share }) => ({
      label: name,
      detail: `${types.join(', ')} · ${shareText(share)}`,
      apply: (view: EditorView, option: Completion, from: number, to: number) => {
        // One that is there already, behind the name, is no second one.
        const end = view.state.sliceDoc(to, to + 1) === ':' ? to + 1 : to;
        view.dispatch(insertCompletionText(view.state, `${fieldName(name)}:`, from, end), { annotations: pickedCompletion.of(option) });
        startCompletion(view);
      },
    })),
    ...OPERATORS,
  ];
}

async function valueOptions(place: Place, range: Range | undefined, signal: AbortSignal): Promise<readonly Completion[]> {
  const values = await valuesOf(place.field, place.typed, range, signal);
  return values.map(({ value, count }) => ({ label: value, detail: countText(count), apply: quoted(value) }));
}
