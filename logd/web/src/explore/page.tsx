/** Explore: lines that are searched for, how many there are by time, and their fields. */

import './style.css';
import './results.css';
import './expanded.css';
import './fields.css';
import './patterns.css';
import './dialogs.css';
import './narrow.css';

import { Context } from './context';
import { ExportButton } from './export';
import { Histogram } from './histogram';
import { Patterns } from './patterns';
import { Results } from './results';
import { usePinned } from './run';
import { Sidebar } from './sidebar';
import { closeContext, explore } from './state';
import { Toolbar } from './toolbar';

export default function ExplorePage() {
  const pinned = usePinned();
  const { view, context } = explore.value;
  return (
    <div class="explore">
      <h1 class="unseen">Explore</h1>
      <Toolbar pinned={pinned}>
        <ExportButton pinned={pinned} />
      </Toolbar>
      <Histogram pinned={pinned} />
      <div class="explore-body">
        <Sidebar pinned={pinned} />
        {view === 'patterns' ? <Patterns pinned={pinned} /> : <Results pinned={pinned} />}
      </div>
      {context && <Context key={context.logId} of={context} onClose={closeContext} />}
    </div>
  );
}
