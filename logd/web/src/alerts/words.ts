/** Alerts and rules in words. */

import type { Schemas } from '../api/client';
import { escaped as visible } from '../parts/visible';
import { shareText, valueText } from '../state/numbers';
import { secondsText } from './form';
import { COMPARED, kindOf, type Aggregation } from './kinds';

export { escaped as visible } from '../parts/visible';

export type Group = Record<string, string | null>;
type Condition = Partial<Schemas['Condition']>;

/** `host=web-1 level=ERROR`; empty for a rule without groups. */
export function groupText(group: Group): string {
  return Object.entries(group)
    .map(([name, value]) => `${visible(name)}=${value === null ? 'none' : visible(value)}`)
    .join(' ');
}

/** A value of a kind: a share is one of hundred. */
export function measureText(value: number | null | undefined, aggregation?: Aggregation): string {
  if (value === null || value === undefined) return '–';
  return aggregation === 'ratio' ? shareText(value) : aggregation === 'spike' ? `${valueText(value)}×` : valueText(value);
}

/** `> 100`; empty for what has no threshold. */
export function limitText(condition: Condition): string {
  const { aggregation = 'count', threshold, compare = '>' } = condition;
  return threshold === null || threshold === undefined ? '' : `${SIGNS[compare]} ${measureText(threshold, aggregation)}`;
}

const SIGNS: Record<string, string> = { '>': '>', '>=': '≥', '<': '<', '<=': '≤' };

/** One sentence: `Number of lines above 100 in 5m · service payment · level ERROR · “timeout”`. */
export function conditionText(condition: Condition): string {
  const { aggregation = 'count', compare = '>', threshold, field, query, of, match, conditions, window_seconds: window } = condition;
  const kind = kindOf(aggregation);
  const compared = COMPARED.find(([sign]) => sign === compare)?.[1] ?? compare;
  const measure = kind.name.replace('a field', field ? visible(field) : 'a field');
  const named = aggregation === 'distinct' || aggregation === 'new_value' ? `${measure} of ${visible(field ?? '')}` : measure;
  const first = aggregation === 'composite' ? (conditions ?? []).map((one) => conditionText(one)).join(match === 'any' ? ' — or — ' : ' — and — ') : threshold === null || threshold === undefined ? named : `${named} ${compared} ${measureText(threshold, aggregation)}`;
  const parts = [window ? `${first} in ${secondsText(window)}` : first];
  for (const name of ['service', 'host', 'level'] as const) if (condition[name]) parts.push(`${name} ${visible(condition[name]!)}`);
  if (query) parts.push(`“${visible(query)}”`);
  if (of) parts.push(`${aggregation === 'absence' ? 'while there is' : 'out of'} “${visible(of)}”`);
  return parts.join(' · ');
}
