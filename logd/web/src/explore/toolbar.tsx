/** What is searched for: the query, filters, the time, and what is done with all of it. */

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { QueryBar } from '../parts/query_bar';
import { TimePicker } from '../parts/time_picker';
import { change, explore, type Pinned } from './state';

export function Toolbar({ children }: { pinned: Pinned; children: ComponentChildren }) {
  const { q, range } = explore.value;
  const [, setText] = useState(q);
  return (
    <div class="explore-toolbar">
      <QueryBar label="Query" value={q} onSubmit={(q) => change({ q })} onChange={setText} />
      <TimePicker range={range} onChange={(range) => change({ range })} />
      {children}
    </div>
  );
}
