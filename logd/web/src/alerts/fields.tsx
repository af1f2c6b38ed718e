/** Fields of forms, with what the server says of them at their place. */

import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { valuesOf } from '../state/values';
import type { Pair } from './form';
import { useProblem } from './problems';
import { visible } from './words';

interface FieldProps {
  label: string;
  /** Its path in the rule. */
  path: string;
  hint?: ComponentChildren;
  class?: string | undefined;
}

interface Described {
  'aria-describedby': string | undefined;
  'aria-invalid': boolean | undefined;
}

/** A name, what is in it, a hint, and what is wrong with it. */
export function Field({ label, path, hint, class: name = '', children }: FieldProps & { children: (id: string, described: Described) => ComponentChildren }) {
  const problem = useProblem(path);
  const id = useId();
  const described = problem || hint ? `${id}-more` : undefined;
  return (
    <div class={`field ${name} ${problem ? 'is-wrong' : ''}`} data-path={path}>
      <label for={id}>{label}</label>
      {children(id, { 'aria-describedby': described, 'aria-invalid': problem ? true : undefined })}
      {described && (
        <div id={described}>
          {problem && (
            <p class="wrong" role="alert">
              {visible(problem)}
            </p>
          )}
          {hint && <p class="hint">{hint}</p>}
        </div>
      )}
    </div>
  );
}

interface TextProps extends FieldProps {
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  /** What is offered while one types. */
  options?: readonly string[] | undefined;
  rows?: number;
  disabled?: boolean | undefined;
  inputMode?: 'decimal' | 'text' | 'url';
}

export function TextField({ value, onChange, placeholder, options, rows, disabled, inputMode, ...field }: TextProps) {
  const list = useId();
  return (
    <Field {...field}>
      {(id, described) =>
        rows ? (
          <textarea id={id} {...described} rows={rows} value={value} placeholder={placeholder} disabled={disabled} spellcheck={false} onInput={(event) => onChange(event.currentTarget.value)} />
        ) : (
          <>
            <input id={id} {...described} value={value} placeholder={placeholder} disabled={disabled} inputMode={inputMode} list={options ? list : undefined} autocomplete="off" spellcheck={false} onInput={(event) => onChange(event.currentTarget.value)} />
            {options && <Options id={list} options={options} />}
          </>
        )
      }
    </Field>
  );
}

interface SelectProps<T extends string> extends FieldProps {
  value: T;
  onChange: (value: T) => void;
  options: readonly (readonly [T, string])[];
  disabled?: boolean;
}

export function SelectField<T extends string>({ value, onChange, options, disabled, ...field }: SelectProps<T>) {
  return (
    <Field {...field}>
      {(id, described) => (
        <select id={id} {...described} value={value} disabled={disabled} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface ListProps extends FieldProps {
  values: readonly string[];
  onChange: (values: readonly string[]) => void;
  options?: readonly string[] | undefined;
  placeholder?: string;
  most?: number;
}

/** Some values: Enter or a comma adds what was typed (`\,` is a comma of a value), as does leaving the field. */
export function ListField({ values, onChange, options, placeholder, most = 1_000, ...field }: ListProps) {
  const [text, setText] = useState('');
  const list = useId();
  const add = (typed: string) => {
    const given = options?.includes(typed) ? [typed] : valuesOf(typed);
    const more = given.filter((one) => !values.includes(one));
    setText('');
    if (more.length) onChange([...values, ...more]);
  };
  return (
    <Field {...field}>
      {(id, described) => (
        <div class="list-field">
          {values.map((value) => (
            <span key={value} class="chip">
              {visible(value)}
              <button type="button" class="chip-close" aria-label={`Remove ${value}`} onClick={() => onChange(values.filter((one) => one !== value))}>
                <Icon name="close" />
              </button>
            </span>
          ))}
          {values.length < most && (
            <input
              id={id}
              {...described}
              value={text}
              list={options ? list : undefined}
              placeholder={values.length ? '' : placeholder}
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => {
                const typed = event.currentTarget.value;
                // What is chosen from the list comes at once.
                if (/(?<!\\),$/.test(typed) || (options?.includes(typed) && isChosen(event))) add(typed);
                else setText(typed);
              }}
              onKeyDown={(event) => {
                if (event.key === 'Enter') {
                  event.preventDefault();
                  add(text);
                } else if (event.key === 'Backspace' && !text && values.length) onChange(values.slice(0, -1));
              }}
              onBlur={() => add(text)}
            />
          )}
          {options && <Options id={list} options={options.filter((one) => !values.includes(one))} />}
        </div>
      )}
    </Field>
  );
}

/** Names with values, such as labels. */
export function PairsField({ pairs, onChange, what, names, ...field }: FieldProps & { pairs: readonly Pair[]; onChange: (pairs: readonly Pair[]) => void; what: string; names?: readonly string[] }) {
  const list = useId();
  const change = (place: number, patch: Partial<Pair>) => onChange(pairs.map((pair, at) => (at === place ? { ...pair, ...patch } : pair)));
  const problem = useProblem(field.path);
  return (
    <fieldset class={`field pairs ${field.class ?? ''} ${problem ? 'is-wrong' : ''}`} data-path={field.path}>
      <legend>{field.label}</legend>
      {pairs.map(({ name, value }, place) => (
        <div key={place} class="pair">
          <input aria-label={`Name of ${what} ${place + 1}`} placeholder="name" value={name} list={names ? list : undefined} autocomplete="off" spellcheck={false} onInput={(event) => change(place, { name: event.currentTarget.value })} />
          <input aria-label={`Value of ${what} ${place + 1}`} placeholder="value" value={value} autocomplete="off" spellcheck={false} onInput={(event) => change(place, { value: event.currentTarget.value })} />
          <IconButton label={`Remove ${what} ${place + 1}`} icon="trash" onClick={() => onChange(pairs.filter((_, at) => at !== place))} />
        </div>
      ))}
      {names && <Options id={list} options={names} />}
      <Button kind="plain" icon="plus" onClick={() => onChange([...pairs, { name: '', value: '' }])}>
        Add {what}
      </Button>
      {problem && (
        <p class="wrong" role="alert">
          {visible(problem)}
        </p>
      )}
      {field.hint && <p class="hint">{field.hint}</p>}
    </fieldset>
  );
}

function Options({ id, options }: { id: string; options: readonly string[] }) {
  return (
    <datalist id={id}>
      {options.map((one) => (
        <option key={one} value={one} />
      ))}
    </datalist>
  );
}

/** Typed letters say so, and so does what deletes some. */
function isChosen(event: Event): boolean {
  const kind = (event as InputEvent).inputType ?? '';
  return kind !== 'insertText' && !kind.startsWith('delete');
}
