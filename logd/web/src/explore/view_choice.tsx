/** Lines, or what kinds of lines there are. */

import { change, explore } from './state';

const VIEWS = [
  { view: 'lines', name: 'Lines' },
  { view: 'patterns', name: 'Patterns' },
] as const;

export function ViewChoice() {
  return (
    <div class="view-choice" role="group" aria-label="View">
      {VIEWS.map(({ view, name }) => (
        <button key={view} type="button" class="button plain" aria-pressed={explore.value.view === view} onClick={() => change({ view })}>
          {name}
        </button>
      ))}
    </div>
  );
}
