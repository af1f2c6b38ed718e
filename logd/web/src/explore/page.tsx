import './style.css';

import { useEffect, useState } from 'preact/hooks';

import { instant, iso } from '../state/time';
import { ExportButton } from './export';
import { Patterns } from './patterns';
import { Results, type Pinned } from './results';
import { Sidebar } from './sidebar';
import { explore } from './state';

export default function Page() {
  const state = explore.value;
  const key = JSON.stringify([state.q, state.service, state.level, state.host, state.range, state.sort]);
  const [pinned, setPinned] = useState<Pinned | undefined>(undefined);
  useEffect(() => setPinned((before) => ({ from: iso(instant(state.range.from)!), to: iso(instant(state.range.to)!), turn: (before?.turn ?? 0) + 1 })), [key]);
  if (!pinned) return null;
  return (
    <div class="explore">
      <div class="toolbar">
        <h1>Explore</h1>
        <ExportButton pinned={pinned} />
      </div>
      <div class="explore-body">
        <Sidebar pinned={pinned} />
        {state.view === 'patterns' ? <Patterns pinned={pinned} /> : <Results pinned={pinned} />}
      </div>
    </div>
  );
}
