import type { Schemas } from '../api/client';
import { Icon } from '../parts/icon';
import { bytesText, manyText } from '../state/numbers';

/** What a change of a policy would delete: at once, and sooner than without it. */
export function Deletions({ preview }: { preview: Schemas['Preview'] }) {
  if (!preview.deletes.length && !preview.later.length) return <p class="deletions none">{preview.message || 'Nothing is deleted by this.'}</p>;
  return (
    <div class="stack" role="status">
      <p class="soft">{preview.message}</p>
      {preview.deletes.length > 0 && (
        <div class="deletions now">
          <h3>
            <Icon name="warning" /> Deleted at once
          </h3>
          <Parts of={preview.deletes} />
        </div>
      )}
      {preview.later.length > 0 && (
        <div class="deletions">
          <h3>Deleted sooner than now</h3>
          <Parts of={preview.later} />
        </div>
      )}
    </div>
  );
}

function Parts({ of }: { of: readonly Schemas['Deleted'][] }) {
  return (
    <ul>
      {of.map((part) => (
        <li key={`${part.tier} ${part.policy}`}>
          <strong>{manyText(part.rows, 'line')}</strong> ({bytesText(part.bytes)}) of {part.policy}, {part.tier}: {part.first_day}
          {part.last_day !== part.first_day && ` to ${part.last_day}`}
          {part.held_by.length > 0 && <span class="soft">, of which legal holds may keep some: {part.held_by.join(', ')}</span>}
        </li>
      ))}
    </ul>
  );
}
