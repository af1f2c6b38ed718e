/** How many lines there are, what it took, and how they are shown. */

import { useState } from 'preact/hooks';

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { toastError } from '../parts/toast';
import { countText } from '../state/numbers';
import { wrap } from '../state/settings';
import { durationText } from '../state/time';
import { ColumnPicker } from './columns';
import { searchOf } from './links';
import type { Pages } from './pages';
import { change, explore, type Pinned } from './state';
import { ViewChoice } from './view_choice';

export function Summary({ pages, pinned }: { pages: Pages; pinned: Pinned }) {
  const { first, tiers } = pages;
  const { sort } = explore.value;
  return (
    <div class="results-summary">
      <ViewChoice />
      <span class="results-total" role="status">
        {first && <Total first={first} pinned={pinned} />}
      </span>
      {first && <span class="soft wide-only">{durationText(first.took_ms)}</span>}
      {tiers.some((tier) => tier !== 'hot') && (
        <span class="tiers soft" title="Where the lines were read from. Colder ones take longer.">
          {tiers.join(' + ')}
        </span>
      )}
      <span class="spring" />
      <Button kind="plain" icon={sort === 'newest' ? 'down' : 'up'} aria-label={sort === 'newest' ? 'Newest first' : 'Oldest first'} title="Which come first" onClick={() => change({ sort: sort === 'newest' ? 'oldest' : 'newest' })}>
        <span class="wide-only">{sort === 'newest' ? 'Newest first' : 'Oldest first'}</span>
      </Button>
      <IconButton icon="wrap" label="Wrap long lines" aria-pressed={wrap.value} onClick={() => (wrap.value = !wrap.value)} />
      <ColumnPicker pinned={pinned} />
    </div>
  );
}

function Total({ first, pinned }: { first: NonNullable<Pages['first']>; pinned: Pinned }) {
  const [wanted, setWanted] = useState<typeof first | undefined>(undefined);
  const counting = wanted === first;
  const query = { ...searchOf(explore.value, pinned), limit: 0, track_total_hits: true };
  const all = useLoad(
    counting
      ? async (signal) => {
          try {
            return await body(api.GET('/api/v1/logs/search', { params: { query: query as never }, signal }));
          } catch (error) {
            if (!signal.aborted) toastError(error);
            setWanted(undefined);
            throw error;
          }
        }
      : undefined,
    [counting, first],
  );
  const { total_hits: total, total_relation: relation } = (counting && all.data) || first;
  if (total === undefined) return <>Not counted</>;
  const lines = `${countText(total)} ${total === 1 ? 'line' : 'lines'}`;
  if (relation !== 'gte') return <>{lines}</>;
  return (
    <>
      over {lines}
      {counting && all.loading ? (
        <Button
          kind="plain"
          icon="close"
          onClick={() => {
            all.cancel();
            setWanted(undefined);
          }}
        >
          Counting…
        </Button>
      ) : (
        <Button kind="plain" onClick={() => setWanted(first)}>
          Count all
        </Button>
      )}
    </>
  );
}
