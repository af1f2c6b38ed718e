/** What kinds of lines there are: templates with how many lines each has. */

import { useState } from 'preact/hooks';

import { api, body, type Schemas } from '../api/client';
import { useLoad } from '../api/load';
import { LevelBadge } from '../parts/levels';
import { Button } from '../parts/button';
import { Empty, Failed, Loading, Warnings } from '../parts/states';
import { reconnects } from '../state/connection';
import { countText, shareText } from '../state/numbers';
import { iso, timeText } from '../state/time';
import { cut, escaped } from '../parts/visible';
import { useRunning } from './run';
import { asked, change, changedLink, explore, NEW_SINCE, type Explore, type Pinned } from './state';
import { patternQuery, hasValue } from './terms';
import { withTerm } from './filters';
import { Text } from '../parts/text';
import { ViewChoice } from './view_choice';

type Pattern = Schemas['PatternCount'];

const FIRST = 50;
const MOST = 500;
const MASK = '<*>';
/** How long before the range nothing of a pattern may have been, for it to be new. */
const SINCE: Record<Explore['newSince'], { name: string; ms: number }> = {
  '': { name: 'all patterns', ms: 0 },
  '1h': { name: 'new since 1 hour before', ms: 3_600_000 },
  '1d': { name: 'new since a day before', ms: 86_400_000 },
  '1w': { name: 'new since a week before', ms: 7 * 86_400_000 },
};

export function Patterns({ pinned }: { pinned: Pinned }) {
  const { newSince } = explore.value;
  const [limit, setLimit] = useState(FIRST);
  const { from, to, turn } = pinned;
  // The API wants `from` to be in what is shown, and what is compared to begin at `new_since`, before it.
  const query = { ...asked(explore.value), to, limit, from, ...sinceOf(from, SINCE[newSince].ms) };
  const found = useLoad((signal) => body(api.GET('/api/v1/logs/patterns', { params: { query: query as never }, signal })), [turn, JSON.stringify(query), reconnects.value]);
  const { data, error } = found;
  useRunning(found.loading);
  return (
    <section class="patterns" aria-label="Patterns">
      <div class="results-summary">
        <ViewChoice />
        <span class="results-total" role="status">
          {data && `${countText(data.patterns.length + data.other_patterns)} ${data.patterns.length + data.other_patterns === 1 ? 'pattern' : 'patterns'} in ${countText(data.total_hits)} lines`}
        </span>
        <span class="spring" />
        <label class="inline">
          Show
          <select value={newSince} onChange={(event) => change({ newSince: event.currentTarget.value as Explore['newSince'] })}>
            {NEW_SINCE.map((since) => (
              <option key={since} value={since}>
                {SINCE[since].name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div class="results-progress">{found.loading && <Loading began={found.began} cancel={found.cancel} what="Looking for patterns" />}</div>
      <Warnings of={data} />
      {error ? (
        <Failed error={error} retry={found.reload} />
      ) : data && !data.patterns.length && !found.loading ? (
        <Empty title="No patterns">{newSince ? 'Every kind of line was there before.' : 'No lines match in this time.'}</Empty>
      ) : (
        data && (
          <div class="patterns-body" tabIndex={0} role="region" aria-label="List of patterns">
            <ol>
              {data.patterns.map((pattern) => (
                <PatternItem key={pattern.template} pattern={pattern} most={data.patterns[0]!.share} />
              ))}
            </ol>
            <Rest of={data} />
            {data.other_patterns > 0 && limit < MOST && (
              <Button icon="down" onClick={() => setLimit(MOST)}>
                Show up to {MOST}
              </Button>
            )}
          </div>
        )
      )}
    </section>
  );
}

function sinceOf(from: string, before: number): { from?: string; new_since?: string } {
  if (!before) return {};
  return { from: iso(Date.parse(from) - before), new_since: from };
}

function PatternItem({ pattern, most }: { pattern: Pattern; most: number }) {
  const { template, count, share, first_seen, last_seen, sample, services, other_services, levels } = pattern;
  const [open, setOpen] = useState(false);
  const query = withTerm(explore.value.q, patternQuery(template));
  const names = services.map(({ value }) => escaped(value ?? '–', { line: true }));
  return (
    <li class="pattern">
      <div class="pattern-count">
        <strong>{countText(count)}</strong>
        <span class="soft">{shareText(share)}</span>
        <span class="pattern-bar">
          <span style={{ width: `${(100 * share) / most}%` }} />
        </span>
      </div>
      <div class="pattern-body">
        <a
          class="pattern-template log"
          dir="auto"
          href={changedLink({ q: query, view: 'lines' })}
          title="Search for its lines"
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
            event.preventDefault();
            change({ q: query, view: 'lines' });
          }}
        >
          <Template of={template} />
        </a>
        <div class="pattern-facts soft">
          {levels.map(({ value, count: lines }) => (
            <span key={value ?? ''} title={`${countText(lines)} lines`}>
              <LevelBadge level={value} />
            </span>
          ))}
          <span class="pattern-services" title={names.join(', ')}>
            {names.slice(0, 3).join(', ')}
            {services.length > 3 && ` and ${services.length - 3} more`}
            {other_services > 0 && ', and others'}
          </span>
          <span>
            {timeText(Date.parse(first_seen), { millis: false })} – {timeText(Date.parse(last_seen), { millis: false })}
          </span>
          <button type="button" class="button plain small" aria-expanded={open} onClick={() => setOpen(!open)}>
            Example
          </button>
        </div>
        {open && (
          <div class="pattern-sample">
            <pre dir="auto">
              <Text of={cut(sample.message ?? '', 1_000)} />
            </pre>
            <a class="button plain" href={changedLink({ q: hasValue('log_id', sample.log_id), service: [], level: [], host: [], view: 'lines', open: [sample.log_id] })}>
              Show this line
            </a>
          </div>
        )}
      </div>
    </li>
  );
}

function Template({ of }: { of: string }) {
  const parts = of.split(MASK);
  return (
    <>
      {parts.map((part, number) => (
        <span key={number}>
          {number > 0 && <span class="pattern-gap">{MASK}</span>}
          <Text of={part} line />
        </span>
      ))}
    </>
  );
}

/** Everything adds up to all lines: this is what isn't in the list. */
function Rest({ of }: { of: Schemas['PatternsAnswer'] }) {
  const { other, other_patterns, unmatched, not_looked_at, coarse } = of;
  const rare = Math.max(0, other - unmatched);
  return (
    <ul class="patterns-rest hint">
      {rare > 0 && (
        <li>
          {countText(rare)} lines are of {countText(other_patterns)} patterns that aren’t listed
        </li>
      )}
      {unmatched > 0 && <li>{countText(unmatched)} lines are of rare messages, beyond the 10,000 most frequent kinds</li>}
      {not_looked_at > 0 && <li>{countText(not_looked_at)} lines, the oldest, were not looked at</li>}
      {coarse && <li>There are so many different messages that only their first two words tell them apart</li>}
    </ul>
  );
}
