/** Which colour is what. */

import type { Series } from '../parts/chart';

export function Legend({ of, label }: { of: readonly Series[]; label: string }) {
  return (
    <ul class="legend" aria-label={label}>
      {of.map(({ name, colour }) => (
        <li key={name}>
          <i style={{ background: colour }} />
          {name}
        </li>
      ))}
    </ul>
  );
}
