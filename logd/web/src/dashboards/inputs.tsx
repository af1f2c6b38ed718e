/** Fields of forms. */

import { useState } from 'preact/hooks';

interface TypedProps {
  value: string;
  onType: (text: string) => void;
  placeholder?: string;
  /** The id of a datalist. */
  list?: string;
}

/** Shows what is typed, whatever is made of it meanwhile. */
export function Typed({ value, onType, ...native }: TypedProps) {
  const [text, setText] = useState(value);
  return (
    <input
      type="text"
      {...native}
      value={text}
      onInput={(event) => {
        setText(event.currentTarget.value);
        onType(event.currentTarget.value);
      }}
    />
  );
}

/** The same, of a number. */
export function TypedNumber({ value, onType, ...native }: { value: number; onType: (value: number) => void; min?: number; max?: number; step?: 'any' }) {
  const [text, setText] = useState(String(value));
  return (
    <input
      type="number"
      {...native}
      value={text}
      onInput={(event) => {
        setText(event.currentTarget.value);
        onType(Number(event.currentTarget.value) || 0);
      }}
    />
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly T[];
  names?: Record<string, string>;
  onChange: (value: T) => void;
}

export function Choice<T extends string>({ label, value, options, names, onChange }: ChoiceProps<T>) {
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map((one) => (
          <option key={one} value={one}>
            {names?.[one] ?? one}
          </option>
        ))}
      </select>
    </label>
  );
}
