/** A field's most frequent values, each with its part of the lines. */

import { useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Failed, Loading, Warnings } from '../parts/states';
import { countText, shareText } from '../state/numbers';
import { cut, escaped } from '../parts/visible';
import type { asked } from './state';
import { exists, filterFor, filterOut, hasValue } from './terms';

const FIRST = 10;
const MORE = 50;
const MOST_CHARACTERS = 200;

export function FieldValues({ name, query, turn }: { name: string; query: ReturnType<typeof asked>; turn: number }) {
  const [top, setTop] = useState(FIRST);
  const found = useLoad(
    (signal) => body(api.GET('/api/v1/logs/fields/{name}/values', { params: { path: { name }, query: { ...query, top } as never }, signal })),
    [name, turn, JSON.stringify(query), top],
  );
  const { data, error } = found;
  const title = escaped(name, { line: true });
  const total = data?.total_hits ?? 0;
  // A line may have several values: then the most frequent one is the whole bar.
  const whole = Math.max(total, ...(data?.values ?? []).map(({ count }) => count));
  return (
    <div class="field-values">
      {found.loading && <Loading began={found.began} cancel={found.cancel} what="Counting" />}
      {error && <Failed error={error} retry={found.reload} />}
      <Warnings of={data} />
      {data && (
        <>
          {data.approximate?.includes('count') && <p class="hint">Counts are estimates.</p>}
          <ul>
            {data.values.map(({ value, count }) => {
              const text = escaped(cut(value, MOST_CHARACTERS), { line: true });
              return (
                <li key={value} class="field-value">
                  <span class="field-bar" style={{ width: `${(100 * count) / whole}%` }} />
                  <span class="field-text log" dir="auto" title={text}>
                    {text || <i>empty</i>}
                  </span>
                  <span class="field-count" title={shareText(count / Math.max(1, total))}>
                    {countText(count)}
                  </span>
                  <IconButton icon="plus" label={`Filter for ${title} ${text}`} onClick={() => filterFor(hasValue(name, value))} />
                  <IconButton icon="minus" label={`Filter ${title} ${text} out`} onClick={() => filterOut(hasValue(name, value))} />
                </li>
              );
            })}
            {data.other > 0 && (
              <li class="field-value rest">
                <span class="field-text">other values</span>
                <span class="field-count">{countText(data.other)}</span>
              </li>
            )}
            {data.missing > 0 && (
              <li class="field-value rest">
                <span class="field-text">without it</span>
                <span class="field-count">{countText(data.missing)}</span>
                <IconButton icon="plus" label={`Only lines without ${title}`} onClick={() => filterOut(exists(name))} />
                <IconButton icon="minus" label={`Only lines that have ${title}`} onClick={() => filterFor(exists(name))} />
              </li>
            )}
          </ul>
          {!data.values.length && <p class="hint">No line has a value that can be counted.</p>}
          {data.other > 0 && top < MORE && (
            <Button kind="plain" onClick={() => setTop(MORE)}>
              Show {MORE}
            </Button>
          )}
        </>
      )}
    </div>
  );
}
