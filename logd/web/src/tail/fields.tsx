/** A line's fields, its place in Explore, and what copies it. */

import { jsonText } from '../api/json';
import { Button } from '../parts/button';
import { Icon } from '../parts/icon';
import { copy } from '../parts/copy';
import type { Hit } from './ring';
import { Text } from './row';
import { contextOf } from './state';

const FIRST = ['timestamp', 'level', 'service', 'host', 'source', 'message'];
const DEEPEST = 8;
const MOST_FIELDS = 500;
const MOST_CHARACTERS = 20_000;

export function Fields({ hit, words }: { hit: Hit; words: RegExp | undefined }) {
  const context = contextOf(hit);
  return (
    <div class="tail-fields">
      <dl>
        {fieldsOf(hit).map(([name, value]) => (
          <div key={name}>
            <dt>
              <Text of={name} />
            </dt>
            <dd dir="auto">
              <Text of={value.slice(0, MOST_CHARACTERS)} words={name === 'message' ? words : undefined} />
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

/** Names and values as text, metadata by path. */
export function fieldsOf(hit: Hit): [string, string][] {
  const found: [string, string][] = [];
  const rest = Object.keys(hit).filter((name) => !FIRST.includes(name) && name !== 'highlights');
  for (const name of [...FIRST, ...rest]) flatten(name, hit[name], found, 0);
  return found;
}

function flatten(name: string, value: unknown, found: [string, string][], depth: number): void {
  if (value === undefined || value === null || found.length >= MOST_FIELDS) return;
  if (typeof value !== 'object') found.push([name, String(value)]);
  else if (Array.isArray(value) || depth >= DEEPEST) found.push([name, jsonText(value)]);
  else for (const [key, inner] of Object.entries(value)) flatten(`${name}.${key}`, inner, found, depth + 1);
}
