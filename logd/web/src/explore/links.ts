/** Links to lines, and requests of the API that ask for the same as the page. */

import { iso } from '../state/time';
import type { Hit } from './record';
import { explore, exploreLink, type Explore } from './state';
import { hasValue } from './terms';

/** A link to nothing but this line. */
export function lineLink(hit: Hit): string {
  return exploreLink({ q: hasValue('log_id', hit.log_id ?? ''), range: moment(hit), columns: explore.value.columns });
}

/** The same with its context opened. */
export function contextLink(hit: Hit): string {
  return `${lineLink(hit)}&context=${encodeURIComponent(`${hit.timestamp},${hit.log_id}`)}`;
}

/** All of a trace, in the time that is looked at. */
export function traceLink(trace: string): string {
  return exploreLink({ q: hasValue('trace_id', trace), range: explore.value.range, columns: explore.value.columns, sort: 'oldest' });
}

/** The millisecond of a line: both ends are in it, or at its end. */
function moment(hit: Hit): { from: string; to: string } {
  const at = hit.timestamp ?? '';
  return { from: at, to: iso(Date.parse(at) + 1) };
}

/** The parameters of a search for what the page shows, at absolute times. */
export function searchOf({ q, service, level, host, sort }: Explore, { from, to }: { from: string; to: string }) {
  return { q, service: [...service], level: [...level], host: [...host], from, to, sort };
}
