/** The lines around one: in its file, or in time among those of the same service, host and source. */

import { useLayoutEffect, useRef } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Button } from '../parts/button';
import { Dialog } from '../parts/dialog';
import { LevelBadge } from '../parts/levels';
import { Failed, Loading, Warnings } from '../parts/states';
import { timeText } from '../state/time';
import { copy } from '../parts/copy';
import { contextLink } from './links';
import { cut } from '../parts/visible';
import type { Hit } from './record';
import { changeContext, explore, MOST_AROUND, type ContextOf } from './state';
import { asOneQuery } from './terms';
import { Text } from '../parts/text';

const STEP = 20;
const MOST_CHARACTERS = 2_000;

export function Context({ of, onClose }: { of: ContextOf; onClose: () => void }) {
  const { logId, at, before, after, order } = of;
  const list = useRef<HTMLOListElement>(null);
  const whole = asOneQuery(explore.value);
  const { operator } = explore.value;
  const only = of.only && whole ? { q: whole, ...(operator ? { default_operator: operator } : {}) } : {};
  const found = useLoad(
    (signal) => body(api.GET('/api/v1/logs/{log_id}/context', { params: { path: { log_id: logId }, query: { before, after, at, order, ...only } }, signal })),
    [logId, at, before, after, order, JSON.stringify(only)],
  );
  const { data } = found;

  // More lines above leave those that are read where they are; at first the line itself is in the middle.
  const seen = useRef<{ first: string | undefined; height: number } | undefined>(undefined);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element || !data) return;
    const first = data.before[0]?.log_id;
    if (!seen.current) element.querySelector('[aria-current]')?.scrollIntoView({ block: 'center' });
    else if (seen.current.first !== first) element.scrollTop += element.scrollHeight - seen.current.height;
    seen.current = { first, height: element.scrollHeight };
  }, [data]);

  return (
    <Dialog
      title="Around this line"
      wide
      onClose={onClose}
      actions={
        <>
          {data && (
            <Button icon="link" kind="plain" onClick={() => void copy(location.origin + contextLink(data.log, of), 'a link to this')}>
              Copy link
            </Button>
          )}
          <Button onClick={onClose}>Close</Button>
        </>
      }
    >
      <div class="context">
        <div class="context-choice">
          <span class="soft">{data ? (data.order === 'position' ? 'As the lines stand in their file' : 'By time, of the same service, host and source') : ''}</span>
          <span class="spring" />
          <label class="inline">
            Order
            <select
              value={order}
              onChange={(event) => {
                changeContext({ order: event.currentTarget.value as ContextOf['order'] });
                seen.current = undefined;
              }}
            >
              <option value="auto">As it can be told</option>
              <option value="position">By position in the file</option>
              <option value="time">By time</option>
            </select>
          </label>
          <label class="inline">
            <input type="checkbox" checked={of.only} disabled={!whole} onChange={(event) => changeContext({ only: event.currentTarget.checked })} /> Only what the search finds
          </label>
        </div>
        <div class="results-progress">{found.loading && <Loading began={found.began} cancel={found.cancel} what="Looking" />}</div>
        <Warnings of={data} />
        {found.error ? (
          <Failed error={found.error} retry={found.reload} />
        ) : (
          data && (
            <ol class="context-lines log" ref={list} tabIndex={0} aria-label="Lines around it">
              <More shown={data.before.length} wanted={before} where="before" onMore={() => changeContext({ before: Math.min(MOST_AROUND, before + STEP) })} />
              {data.before.map((hit) => (
                <ContextLine key={hit.log_id} hit={hit} />
              ))}
              <ContextLine hit={data.log} current />
              {data.after.map((hit) => (
                <ContextLine key={hit.log_id} hit={hit} />
              ))}
              <More shown={data.after.length} wanted={after} where="after" onMore={() => changeContext({ after: Math.min(MOST_AROUND, after + STEP) })} />
            </ol>
          )
        )}
      </div>
    </Dialog>
  );
}

function ContextLine({ hit, current = false }: { hit: Hit; current?: boolean }) {
  const message = hit.message ?? '';
  const shown = cut(message, MOST_CHARACTERS);
  return (
    <li class={current ? 'context-line current' : 'context-line'} aria-current={current ? 'true' : undefined}>
      <span class={`line-level ${(hit.level ?? 'none').toLowerCase()}`} />
      <time dateTime={hit.timestamp} title={hit.timestamp}>
        {hit.timestamp ? timeText(Date.parse(hit.timestamp)) : '–'}
      </time>
      <LevelBadge level={hit.level} />
      <span class="context-message" dir="auto">
        <Text of={shown} />
        {shown.length < message.length && <span class="soft"> … of {message.length.toLocaleString('en')} characters</span>}
      </span>
    </li>
  );
}

function More({ shown, wanted, where, onMore }: { shown: number; wanted: number; where: 'before' | 'after'; onMore: () => void }) {
  return (
    <li class="context-more">
      {shown < wanted ? (
        <span class="soft">{where === 'before' ? 'Nothing is before these.' : 'Nothing is after these.'}</span>
      ) : wanted >= MOST_AROUND ? (
        <span class="soft">A search shows more.</span>
      ) : (
        <Button kind="plain" icon={where === 'before' ? 'up' : 'down'} onClick={onMore}>
          {STEP} more {where}
        </Button>
      )}
    </li>
  );
}
