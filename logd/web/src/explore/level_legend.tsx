/** The levels with their counts: the histogram's legend, and what chooses among them. */

import type { Schemas } from '../api/client';
import { LEVELS } from '../parts/levels';
import { countText, shortText } from '../state/numbers';
import { change, explore } from './state';

export function LevelLegend({ answer }: { answer: Schemas['HistogramAnswer'] | undefined }) {
  const chosen = explore.value.level;
  const counts = new Map((answer?.values ?? []).map(({ value, count }) => [value ?? '', count]));
  const others = [...counts.keys(), ...chosen].filter((level) => level && !(LEVELS as readonly string[]).includes(level));
  const toggle = (level: string) => change({ level: chosen.includes(level) ? chosen.filter((one) => one !== level) : [...chosen, level] });
  return (
    <div class="levels" role="group" aria-label="Levels">
      {[...LEVELS, ...new Set(others)].map((level) => {
        const count = counts.get(level);
        const isChosen = chosen.includes(level);
        const isOut = chosen.length > 0 && !isChosen;
        return (
          <button
            key={level}
            type="button"
            class={`level-chip ${isOut ? 'out' : ''} ${count || isChosen ? '' : 'none'}`}
            aria-pressed={isChosen}
            title={`${isChosen ? 'Not only' : 'Only'} ${level}${count === undefined ? '' : ` (${countText(count)})`}`}
            onClick={() => toggle(level)}
          >
            <i class={`level-dot ${level.toLowerCase()}`} />
            {level}
            {count !== undefined && <b>{shortText(count)}</b>}
          </button>
        );
      })}
      {chosen.length > 0 && (
        <button type="button" class="level-chip" onClick={() => change({ level: [] })}>
          All
        </button>
      )}
    </div>
  );
}
