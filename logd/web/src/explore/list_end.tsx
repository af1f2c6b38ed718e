/** What stands below the last line that is loaded. */

import { Button } from '../parts/button';
import { countText } from '../state/numbers';
import type { Pages } from './pages';

export function End({ pages }: { pages: Pages }) {
  const { error, loading, more, stopped, count } = pages;
  return (
    <div class="list-end" role="row">
      <div role="gridcell">
        {error ? (
          <>
            <span class="wrong">{error.message}</span>{' '}
            <Button icon="reload" onClick={pages.reload}>
              Try again
            </Button>
          </>
        ) : loading ? (
          <span class="soft">Loading more…</span>
        ) : more ? (
          <>
            {stopped && <span class="soft">The search ended early, and found nothing up to there. </span>}
            <Button icon="down" onClick={pages.next}>
              {stopped ? 'Search on' : 'Load more'}
            </Button>
          </>
        ) : (
          <span class="soft">{count ? `That’s all: ${countText(count)} ${count === 1 ? 'line' : 'lines'}.` : ''}</span>
        )}
      </div>
    </div>
  );
}
