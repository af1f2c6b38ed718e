/** What is above a dashboard's panels: which one it is, its time, and what one may do with it. */

import { useState } from 'preact/hooks';

import type { Loaded } from '../api/load';
import { Button, IconButton } from '../parts/button';
import { Icon, type IconName } from '../parts/icon';
import { MenuItem } from '../parts/menu';
import { Popover } from '../parts/popover';
import { Text } from '../parts/text';
import { TimePicker } from '../parts/time_picker';
import { escaped } from '../parts/visible';
import type { Range } from '../state/time';
import { DetailsDialog } from './dialogs';
import { exported, type Document, type Kept } from './document';
import { download, fileName } from './files';
import { HOME } from './home';
import { favourites, homeOf, isHome, ownHome } from './kept';
import { DeleteQuestion } from './list';

interface BarProps {
  document: Document;
  /** As it is kept; undefined for the shipped one. */
  own: Kept | undefined;
  kept: Loaded<Kept[]>;
  range: Range;
  /** Another time than the dashboard's usual one is shown. */
  isZoomed: boolean;
  onRange: (range: Range) => void;
  onUsual: () => void;
  paused: boolean;
  onPause: () => void;
  onAgain: () => void;
  isEditing: boolean;
  isChanged: boolean;
  onEdit: () => void;
  onChange: (document: Document) => void;
  onAdd: () => void;
  onCancel: () => void;
  onSave: () => void;
  onCopy: () => void;
}

export function Bar(props: BarProps) {
  const { document, own, kept, range, isZoomed, paused, isEditing, isChanged } = props;
  const [open, setOpen] = useState<'details' | 'delete'>();
  const looks = document.refresh_seconds ? `Looks again every ${document.refresh_seconds} s` : 'Doesn’t look again by itself';
  return (
    <header class="dashboard-bar">
      <Switcher document={document} kept={kept.data ?? []} own={own} />
      {isChanged && <span class="chip warning">not saved</span>}
      <span class="spring" />
      {isZoomed && (
        <Button kind="plain" icon="left" onClick={props.onUsual} title="The dashboard’s usual time">
          Usual time
        </Button>
      )}
      <TimePicker range={range} onChange={props.onRange} />
      <div class="joined">
        <IconButton label="Look again now" icon="reload" onClick={props.onAgain} />
        <IconButton label={paused ? `Paused: go on. ${looks}` : `Pause. ${looks}`} icon={paused ? 'play' : 'pause'} aria-pressed={paused} onClick={props.onPause} disabled={!document.refresh_seconds} />
      </div>
      {isEditing ? (
        <>
          <Button icon="plus" onClick={props.onAdd}>
            Add a panel
          </Button>
          <Button icon="gear" onClick={() => setOpen('details')}>
            Details
          </Button>
          <Button onClick={props.onCancel}>{isChanged ? 'Drop changes' : 'Done'}</Button>
          <Button kind="primary" icon="check" disabled={!isChanged} onClick={props.onSave}>
            {own ? 'Save' : 'Save as home'}
          </Button>
        </>
      ) : (
        <Button icon="edit" aria-label="Edit" onClick={props.onEdit}>
          <span class="wide-only">Edit</span>
        </Button>
      )}
      <More {...props} onDelete={() => setOpen('delete')} onDetails={() => setOpen('details')} />
      {open === 'details' && (
        <DetailsDialog
          title="Details"
          document={document}
          action="Apply"
          onClose={() => setOpen(undefined)}
          onDone={(changed) => {
            props.onChange(changed);
            setOpen(undefined);
          }}
        />
      )}
      {open === 'delete' && own && <DeleteQuestion one={own} onClose={() => setOpen(undefined)} onGone={kept.reload} />}
    </header>
  );
}

function Switcher({ document, own, kept }: { document: Document; own: Kept | undefined; kept: readonly Kept[] }) {
  const home = homeOf(kept);
  const sorted = kept.toSorted((a, b) => Number(favourites.value.includes(b.id)) - Number(favourites.value.includes(a.id)));
  const entry = (link: string, name: string, icon: IconName, isCurrent: boolean, close: () => void) => (
    <li key={link}>
      <a href={link} class="entry" aria-current={isCurrent ? 'page' : undefined} onClick={close}>
        <Icon name={icon} />
        <span>
          <Text of={name} line />
        </span>
      </a>
    </li>
  );
  return (
    <div class="dashboard-name">
      <h1 title={escaped(document.description)}>
        <Text of={document.name} line />
      </h1>
      <Popover class="plain square" label="Other dashboards" button={<Icon name="down" />}>
        {(close) => (
          <ul class="menu">
            {home
              ? [entry('/dashboards', home.name, 'dashboard', own?.id === home.id, close), entry('/dashboards/shipped', `${HOME.name} as logd ships it`, 'dashboard', !own, close)]
              : entry('/dashboards', HOME.name, 'dashboard', !own, close)}
            {sorted
              .filter(({ id }) => id !== home?.id)
              .map((one) => entry(`/dashboards/${one.id}`, one.name, favourites.value.includes(one.id) ? 'star' : 'right', one.id === own?.id, close))}
            {entry('/dashboards/all', 'All dashboards', 'sliders', false, close)}
          </ul>
        )}
      </Popover>
    </div>
  );
}

function More({ document, own, onCopy, onDelete, onDetails, onEdit, isEditing }: BarProps & { onDelete: () => void; onDetails: () => void }) {
  const isFavourite = own !== undefined && favourites.value.includes(own.id);
  return (
    <Popover class="plain square" align="right" label="More about this dashboard" button={<Icon name="more" />}>
      {(close) => (
        <ul class="menu">
          <MenuItem icon="copy" close={close} run={onCopy}>
            {own ? 'Duplicate' : 'Duplicate, to change it'}
          </MenuItem>
          <MenuItem icon="download" close={close} run={() => download(exported(document), fileName(document.name, 'json'), 'application/json')}>
            Export as JSON
          </MenuItem>
          {own && (
            <>
              <MenuItem
                icon="edit"
                close={close}
                run={() => {
                  if (!isEditing) onEdit();
                  onDetails();
                }}
              >
                Rename, describe
              </MenuItem>
              <MenuItem icon="star" close={close} run={() => (favourites.value = isFavourite ? favourites.value.filter((id) => id !== own.id) : [...favourites.value, own.id])}>
                {isFavourite ? 'Not a favourite any more' : 'Make it a favourite'}
              </MenuItem>
              <MenuItem icon="dashboard" close={close} run={() => (ownHome.value = own.id === ownHome.value ? '' : own.id)}>
                {own.id === ownHome.value ? 'Not this browser’s home any more' : 'This browser’s home'}
              </MenuItem>
              <MenuItem icon="trash" close={close} run={onDelete}>
                {isHome(own) ? 'Delete: the shipped one comes back' : 'Delete'}
              </MenuItem>
            </>
          )}
          <li>
            <a class="entry" href="/dashboards/all" onClick={close}>
              <Icon name="sliders" />
              <span>All dashboards</span>
            </a>
          </li>
        </ul>
      )}
    </Popover>
  );
}
