/** A line's fields, its place in Explore, and what copies it. */

import { jsonText } from '../api/json';
import { fieldsOf, type Hit as Record } from '../explore/record';
import { Button } from '../parts/button';
import { copy } from '../parts/copy';
import { Icon } from '../parts/icon';
import { cut, type Marker } from '../parts/visible';
import type { Hit } from './ring';
import { Marked } from './row';
import { contextOf } from './state';

const MOST_CHARACTERS = 20_000;

export function Fields({ hit, marker }: { hit: Hit; marker: Marker | undefined }) {
  const context = contextOf(hit);
  return (
    <div class="tail-fields">
      <dl>
        {fieldsOf(hit as Record).map(({ name, place, value }) => (
          <div key={place}>
            <dt>
              <Marked of={name} />
            </dt>
            <dd dir="auto">
              <Marked of={cut(value ?? 'null', MOST_CHARACTERS)} marker={name === 'message' ? marker : undefined} />
            </dd>
          </div>
        ))}
      </dl>
      <div class="tail-actions">
        {context && (
          <a class="button" href={context}>
            <Icon name="search" />
            Show in context
          </a>
        )}
        <Button icon="copy" onClick={() => void copy(hit.message ?? '', 'the message')}>
          Copy message
        </Button>
        <Button icon="copy" onClick={() => void copy(jsonText(hit, 2), 'the line as JSON')}>
          Copy as JSON
        </Button>
      </div>
    </div>
  );
}
