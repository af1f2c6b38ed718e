/** Some of the lines that were counted: as text, on one line each, until one wants to see more. */

import { useState } from 'preact/hooks';

import { Button } from '../parts/button';
import { LevelBadge } from '../parts/levels';
import { Text } from '../parts/text';
import { timeText } from '../state/time';

type Sample = Record<string, unknown>;

export function SampleLines({ samples, open = false }: { samples: readonly Sample[]; open?: boolean }) {
  const [all, setAll] = useState(open);
  if (!samples.length) return null;
  const shown = all ? samples : samples.slice(0, 1);
  return (
    <div class="samples">
      <ul class="log" aria-label="Lines">
        {shown.map((sample, number) => (
          <li key={textOf(sample.log_id) || number} class={all ? 'whole' : undefined}>
            <time class="soft">{timeText(textOf(sample.timestamp), { date: false })}</time> <LevelBadge level={textOf(sample.level) || null} /> <span class="soft"><Text of={textOf(sample.service)} line /></span> <span dir="auto"><Text of={textOf(sample.message)} line={!all} /></span>
          </li>
        ))}
      </ul>
      <Button kind="plain" aria-expanded={all} icon={all ? 'up' : 'down'} onClick={() => setAll(!all)}>
        {all ? 'Less' : samples.length > 1 ? `${samples.length} lines` : 'Whole line'}
      </Button>
    </div>
  );
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}
