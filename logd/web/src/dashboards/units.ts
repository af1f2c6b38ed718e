/** How values look: by their unit, and by the colour that their size has. */

import { bytesText, countText, shareText, shortText, valueText } from '../state/numbers';
import { durationText } from '../state/time';
import type { Colour, Threshold, Unit } from './document';

type Value = number | null | undefined;

/** In full: `12,345`, `1.5 MB`, `350 ms`, `2.5 %`. */
export function unitText(value: Value, unit: Unit | undefined): string {
  if (value === null || value === undefined) return '–';
  switch (unit) {
    case 'bytes':
      return bytesText(value);
    case 'ms':
      return durationText(value);
    case 'percent':
      return shareText(value);
    case 'count':
      return Number.isInteger(value) ? countText(value) : valueText(value);
    case undefined:
      return Number.isInteger(value) && Math.abs(value) < 10_000 ? countText(value) : valueText(value);
  }
}

/** For an axis. */
export function axisText(value: Value, unit: Unit | undefined): string {
  if (value === null || value === undefined) return '';
  if (value === 0) return unit === 'percent' ? '0 %' : '0';
  return unit === 'count' || unit === undefined ? shortText(value) : unitText(value, unit);
}

/** The colour of the highest threshold that it reaches. */
export function colourAt(value: Value, thresholds: readonly Threshold[] | undefined): Colour | undefined {
  if (value === null || value === undefined) return undefined;
  const reached = (thresholds ?? []).filter((one) => value >= one.value);
  return reached.sort((a, b) => b.value - a.value)[0]?.colour;
}
