/** The firings of a backtest, one by one, with the lines by which it would have fired. */

import { useState } from 'preact/hooks';

import { Button } from '../parts/button';
import { durationText, timeText } from '../state/time';
import { GroupChips } from './alert_card';
import type { Condition } from './condition';
import type { Backtest } from './preview';
import { SampleLines } from './sample_lines';
import { evidenceLink } from './searching';
import { measureText } from './words';

const FIRST = 20;

export function Firings({ tested, condition }: { tested: Backtest; condition: Condition }) {
  const [most, setMost] = useState(FIRST);
  if (!tested.firings.length) return null;
  const newestFirst = tested.firings.toReversed();
  return (
    <div class="firings">
      <h3>Firings</h3>
      <ul aria-label="Firings" tabIndex={0}>
        {newestFirst.slice(0, most).map(({ group, fired, resolved, value, peak, samples }) => (
          <li key={`${fired} ${JSON.stringify(group)}`}>
            <div class="firing-head">
              <time>{timeText(fired, { millis: false })}</time>
              <span class="soft">{resolved ? `for ${durationText(Date.parse(resolved) - Date.parse(fired))}` : 'still firing at the end'}</span>
              <GroupChips group={group} />
              <span class="spring" />
              <span>
                by <b>{measureText(value, condition.aggregation)}</b>
                {peak !== value && (
                  <>
                    , up to <b>{measureText(peak, condition.aggregation)}</b>
                  </>
                )}
              </span>
              <a href={evidenceLink({ condition }, group, Date.parse(fired))}>Explore</a>
            </div>
            <SampleLines samples={samples} />
          </li>
        ))}
      </ul>
      {newestFirst.length > most && (
        <Button kind="plain" onClick={() => setMost(most + 100)}>
          Show more of {newestFirst.length}
        </Button>
      )}
    </div>
  );
}
