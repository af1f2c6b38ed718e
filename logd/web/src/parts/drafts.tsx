/** What isn't saved yet, where people look for it. */

import { draftsBelow, dropDraft } from '../state/drafts';
import { IconButton } from './button';
import { escaped } from './visible';

/** All that was changed below a page: the ways back, and dropping it. */
export function Drafts({ below }: { below: string }) {
  const found = draftsBelow(below);
  if (!found.length) return null;
  return (
    <section class="drafts" aria-label="Not saved yet">
      <h2>Not saved yet</h2>
      <ul>
        {found.map(([path, { title }]) => (
          <li key={path}>
            <a href={path}>{escaped(title, { line: true })}</a>
            <IconButton label={`Drop the changes of ${title}`} icon="close" onClick={() => dropDraft(path)} />
          </li>
        ))}
      </ul>
    </section>
  );
}
