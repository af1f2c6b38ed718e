/** That there is nothing, and what could be asked instead. */

import { Button } from '../parts/button';
import { instant } from '../state/time';
import { escaped } from '../parts/visible';
import { change, explore } from './state';

const WIDER = [
  { from: '-1h', name: 'The last hour' },
  { from: '-24h', name: 'The last 24 hours' },
  { from: '-7d', name: 'The last 7 days' },
];

export function NothingFound() {
  const { q, service, level, host, range } = explore.value;
  const begin = instant(range.from) ?? 0;
  // A step that would leave time out that is looked at now isn't wider.
  const wider = WIDER.filter(({ from }) => instant(from)! < begin - 60_000);
  const filters = Object.entries({ service, level, host }).filter(([, values]) => values.length);
  const asks = q.trim() !== '' && q.trim() !== '*';
  return (
    <div class="state nothing-found">
      <h2>No lines found</h2>
      <p>Nothing matches in this time.</p>
      {wider.length > 0 && (
        <div class="ideas">
          <span>Look in</span>
          {wider.map(({ from, name }) => (
            <Button key={from} icon="clock" onClick={() => change({ range: { from, to: 'now' } })}>
              {name}
            </Button>
          ))}
        </div>
      )}
      {(filters.length > 0 || asks) && (
        <div class="ideas">
          <span>Look without</span>
          {filters.map(([name, values]) => (
            <Button key={name} icon="close" onClick={() => change({ [name]: [] })}>
              {name}: {escaped(values.join(', '), { line: true })}
            </Button>
          ))}
          {asks && (
            <Button icon="close" onClick={() => change({ q: '' })}>
              the query
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

export function Cancelled({ again }: { again: () => void }) {
  return (
    <div class="state">
      <h2>The search was cancelled.</h2>
      <Button icon="reload" onClick={again}>
        Search again
      </Button>
    </div>
  );
}
