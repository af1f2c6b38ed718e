/** What is searched for: the query, the time, filters, and what is done with all of it. */

import type { ComponentChildren } from 'preact';

import { Icon } from '../parts/icon';
import { QueryBar } from '../parts/query_bar';
import { useShortcut } from '../parts/shortcuts';
import { TimePicker } from '../parts/time_picker';
import { stepped, widened } from '../state/moves';
import { FilterMenu, FilterChips } from './filter_menu';
import { tailOf } from './links';
import { OperatorChip } from '../parts/operator_chip';
import { Refresh } from './refresh';
import { refusal, reload } from './run';
import { SavedMenu } from './saved';
import { ShareMenu } from './share';
import { change, explore, type Explore, type Pinned } from './state';

export function Toolbar({ pinned, children }: { pinned: Pinned; children: ComponentChildren }) {
  const { q, operator, range } = explore.value;
  useShortcut('r', 'Search again', reload);
  useShortcut('[', 'The time before', () => move(stepped(explore.value.range, -1)));
  useShortcut(']', 'The time after', () => move(stepped(explore.value.range, 1)));
  useShortcut('z', 'Zoom out', () => move(widened(explore.value.range)));
  useShortcut('p', 'Lines or patterns', () => change({ view: explore.value.view === 'lines' ? 'patterns' : 'lines' }));
  useShortcut('n', 'Up to now', () => change({ range: { from: '-15m', to: 'now' } }));
  return (
    <div class="explore-toolbar">
      <div class="explore-query">
        <QueryBar label="Query" value={q} range={range} error={refusal.value} onSubmit={submit} />
        <div class="explore-when">
          <TimePicker steps range={range} onChange={move} />
          <Refresh />
        </div>
      </div>
      <div class="explore-filters">
        <FilterMenu field="service" pinned={pinned} />
        <FilterMenu field="host" pinned={pinned} />
        <FilterChips />
        <OperatorChip operator={operator} onReset={() => change({ operator: '' })} />
        <span class="spring" />
        <a class="button" href={tailOf(explore.value)}>
          <Icon name="tail" />
          Live
        </a>
        <SavedMenu />
        <ShareMenu pinned={pinned} />
        {children}
      </div>
    </div>
  );
}

function submit(q: string): void {
  if (q === explore.value.q) reload();
  else change({ q });
}

function move(range: Explore['range'] | undefined): void {
  if (range) change({ range });
}
