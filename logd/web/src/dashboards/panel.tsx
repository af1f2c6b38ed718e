/** A panel: its title, its menu, and what it shows or why it doesn't. */

import type { ComponentChildren } from 'preact';
import { useId, useRef } from 'preact/hooks';

import { Button, IconButton } from '../parts/button';
import { Icon } from '../parts/icon';
import { MenuItem } from '../parts/menu';
import { Popover } from '../parts/popover';
import { Empty, Failed, Loading, Warnings } from '../parts/states';
import { Text } from '../parts/text';
import { toastError } from '../parts/toast';
import { escaped } from '../parts/visible';
import { countText } from '../state/numbers';
import { go } from '../state/place';
import type { Range } from '../state/time';
import { rangeIn, searchOf } from './asking';
import { csvOf } from './csv';
import type { Panel } from './document';
import { Drawn } from './drawn';
import { download, fileName } from './files';
import { panelLink } from './links';
import { isEmpty, type Shown } from './shown';
import { usePanel, useSeen, type Look, type PanelState } from './use_panel';

export interface PanelActions {
  edit: (panel: Panel) => void;
  duplicate: (panel: Panel) => void;
  remove: (panel: Panel) => void;
  /** Alone, on the whole page; undefined: not any more. */
  alone: (panel: Panel | undefined) => void;
}

interface PanelProps {
  panel: Panel;
  range: Range;
  look: Look;
  isAlone?: boolean;
  actions?: PanelActions | undefined;
  onZoom?: ((from: number, to: number) => void) | undefined;
  /** What edit mode has at the title's side, to move it. */
  handle?: ComponentChildren;
  /** Of the frame, in edit mode. */
  corner?: ComponentChildren;
}

export function PanelFrame({ panel, range, look, isAlone, actions, onZoom, handle, corner }: PanelProps) {
  const frame = useRef<HTMLElement>(null);
  const seen = useSeen(frame);
  const state = usePanel(panel, range, look, seen);
  const id = useId();
  const title = panel.title?.trim() || 'Without a title';
  return (
    <article ref={frame} class="panel" aria-labelledby={id} aria-busy={state.loading}>
      <header class="panel-head">
        {handle}
        <h3 id={id} title={escaped(title)}>
          <Text of={title} line />
        </h3>
        <Said shown={state.shown} />
        <span class="spring" />
        {isAlone && <IconButton label="Back to all panels" icon="close" onClick={() => actions?.alone(undefined)} />}
        {actions && <Menu panel={panel} range={range} shown={state.shown} title={title} actions={actions} isAlone={isAlone} />}
      </header>
      <div class="panel-body">
        <PanelContent panel={panel} state={state} title={title} onZoom={onZoom} />
      </div>
      {corner}
    </article>
  );
}

export function PanelContent({ panel, state, title, onZoom }: { panel: Panel; state: PanelState; title: string; onZoom?: PanelProps['onZoom'] }) {
  const { shown, error, loading, began, cancel, reload } = state;
  return (
    <>
      {loading && <Loading key={began} began={began} cancel={cancel} />}
      {error ? (
        <Failed error={error} retry={loading ? undefined : reload} />
      ) : shown ? (
        isEmpty(shown) ? (
          <Empty title={emptyText(panel)} />
        ) : (
          <Drawn panel={panel} shown={shown} label={title} onZoom={onZoom} />
        )
      ) : (
        !loading && (
          <div class="state">
            <p>Cancelled.</p>
            <Button icon="reload" onClick={reload}>
              Ask again
            </Button>
          </div>
        )
      )}
    </>
  );
}

function emptyText({ source }: Panel): string {
  switch (source) {
    case 'alerts':
      return 'No alert fires';
    case 'slow_searches':
      return 'Nobody has searched lately';
    case 'usage':
      return 'Nothing is stored yet';
    case 'lag':
      return 'Nothing is known yet';
    default:
      return 'No records in this time';
  }
}

/** That an answer isn't whole, or not exact. */
function Said({ shown }: { shown: Shown | undefined }) {
  if (!shown) return null;
  return (
    <>
      {shown.warnings?.length ? (
        <Popover class="plain square said" label={shown.partial ? 'Not all is here' : 'A note'} button={<Icon name="warning" />}>
          {() => <Warnings of={shown} />}
        </Popover>
      ) : null}
      {shown.approximate?.length ? (
        <span class="approximate" title={`Estimated: ${shown.approximate.join(', ')}`}>
          ≈<span class="unseen"> estimated: {shown.approximate.join(', ')}</span>
        </span>
      ) : null}
      {shown.others ? (
        <span class="soft others" title="Not among those that are shown">
          +{countText(shown.others)} more
        </span>
      ) : null}
    </>
  );
}

interface MenuProps {
  panel: Panel;
  range: Range;
  shown: Shown | undefined;
  title: string;
  actions: PanelActions;
  isAlone?: boolean | undefined;
}

function Menu({ panel, range, shown, title, actions, isAlone }: MenuProps) {
  const explore = async () => {
    try {
      const search = await searchOf(panel, AbortSignal.timeout(10_000));
      go(panelLink(panel, search, rangeIn(search, range)));
    } catch (error) {
      toastError(error);
    }
  };
  const isOwn = panel.source && !['logs', 'patterns', 'bytes'].includes(panel.source);
  return (
    <Popover class="plain square panel-menu" align="right" label={`Menu of ${title}`} button={<Icon name="more" />}>
      {(close) => (
        <ul class="menu">
          <MenuItem icon="search" close={close} run={() => void explore()}>
            {isOwn ? 'See where it comes from' : 'Open in Explore'}
          </MenuItem>
          <MenuItem icon="columns" close={close} run={() => actions.alone(isAlone ? undefined : panel)}>
            {isAlone ? 'Back to all panels' : 'Full screen'}
          </MenuItem>
          <MenuItem icon="download" close={close} run={() => shown && download(csvOf(shown), fileName(title, 'csv'), 'text/csv')} disabled={!shown}>
            Export as CSV
          </MenuItem>
          <MenuItem icon="edit" close={close} run={() => actions.edit(panel)}>
            Edit
          </MenuItem>
          <MenuItem icon="copy" close={close} run={() => actions.duplicate(panel)}>
            Duplicate
          </MenuItem>
          <MenuItem icon="trash" close={close} run={() => actions.remove(panel)}>
            Remove
          </MenuItem>
        </ul>
      )}
    </Popover>
  );
}
