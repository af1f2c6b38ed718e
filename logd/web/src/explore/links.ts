/** Links to lines, and requests of the API that ask for the same as the page. */

import { href } from '../state/place';
import { iso } from '../state/time';
import { written } from '../state/values';
import type { Hit } from './record';
import { asked, contextAt, explore, exploreLink, type ContextOf, type Explore } from './state';
import { hasValue } from './terms';

/** A link to nothing but this line. */
export function lineLink(hit: Hit): string {
  return exploreLink({ ...alone(hit), open: [hit.log_id ?? ''] });
}

/** To nothing but this line, with its context opened. */
export function contextLink(hit: Hit, context = contextOf(hit)): string {
  return exploreLink({ ...alone(hit), context: { ...context, only: false } });
}

/** All of a trace, in the time that is looked at. */
export function traceLink(trace: string): string {
  return exploreLink({ q: hasValue('trace_id', trace), range: explore.value.range, columns: explore.value.columns, sort: 'oldest' });
}

export function contextOf(hit: Hit): ContextOf {
  return contextAt(hit.log_id ?? '', hit.timestamp ?? '');
}

function alone(hit: Hit): Partial<Explore> {
  return { q: hasValue('log_id', hit.log_id ?? ''), range: moment(hit), columns: explore.value.columns };
}

/** The same as it comes, live. */
export function tailOf({ q, operator, service, level, host }: Explore): string {
  return href('/tail', { q, default_operator: operator, service: written(service), level: written(level), host: written(host) });
}

/** The millisecond of a line: both ends are in it, or at its end. */
function moment(hit: Hit): { from: string; to: string } {
  const at = hit.timestamp ?? '';
  return { from: at, to: iso(Date.parse(at) + 1) };
}

/** The parameters of a search for what the page shows, at absolute times. */
export function searchOf(state: Explore, { from, to }: { from: string; to: string }) {
  return { ...asked(state), from, to, sort: state.sort };
}
