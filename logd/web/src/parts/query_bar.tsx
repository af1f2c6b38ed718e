import { useEffect, useState } from 'preact/hooks';

import type { ApiError } from '../api/client';
import type { Range } from '../state/time';

export interface QueryBarProps {
  label: string;
  /** The query that is in force. */
  value: string;
  /** Enter was pressed. */
  onSubmit: (text: string) => void;
  /** What the server says of `value`: shown below it, its column marked. */
  error?: ApiError | undefined;
  /** Where values for completion come from; the last hour unless told. */
  range?: Range;
  /** Called while one types, too. */
  onChange?: (text: string) => void;
}

export function QueryBar({ label, value, onSubmit, onChange, error }: QueryBarProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <div class="query-bar">
      <input
        type="search"
        aria-label={label}
        value={text}
        placeholder="Search"
        onInput={(event) => {
          setText(event.currentTarget.value);
          onChange?.(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onSubmit(text);
        }}
      />
      {error?.column ? (
        <p class="wrong" role="alert">
          {error.message}
        </p>
      ) : null}
    </div>
  );
}
