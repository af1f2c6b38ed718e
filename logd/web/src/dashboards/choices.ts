/** What one chooses from in the editor, in words. */

import { api, body } from '../api/client';
import type { Range } from '../state/time';

export const TYPE_NAMES: Record<string, string> = { timeseries: 'A chart over time', table: 'A table', top: 'A top list', number: 'A number', status: 'States' };
export const SOURCE_NAMES: Record<string, string> = {
  logs: 'Records',
  patterns: 'Patterns of messages',
  alerts: 'Firing alerts',
  lag: 'Ingest lag',
  slow_searches: 'Slowest searches',
  usage: 'What is stored',
  bytes: 'Bytes of messages',
};
export const UNIT_NAMES: Record<string, string> = { '': 'What fits', count: 'A count', bytes: 'Bytes', ms: 'Milliseconds', percent: 'Percent' };
export const AGGREGATES: readonly [string, string][] = [
  ['count', 'Count'],
  ['share', 'Share of records'],
  ['avg', 'Average'],
  ['p50', 'Median'],
  ['p95', '95th percentile'],
  ['p99', '99th percentile'],
  ['min', 'Least'],
  ['max', 'Most'],
  ['sum', 'Sum'],
  ['distinct', 'Different values'],
];

/** `p95(latency_ms)` as its function and its field. */
export function parted(aggregate: string | undefined): [string, string] {
  const found = /^\s*(\w+)\((.*)\)\s*$/.exec(aggregate ?? '');
  return found ? [found[1]!, found[2]!.trim()] : ['count', ''];
}

/** The other way; `count` has no field. */
export function joined(name: string, field: string): string {
  return name === 'count' ? 'count' : `${name}(${field.trim() || 'latency_ms'})`;
}

/** Names of fields there are in that time. */
export async function fieldsOf({ from, to }: Range, signal: AbortSignal): Promise<string[]> {
  const { fields } = await body(api.GET('/api/v1/logs/fields', { params: { query: { from, to, max_age: 60 } as never }, signal }));
  return fields.map(({ name }) => name).filter((name) => !['timestamp', 'message', 'log_id', 'ingested_at'].includes(name));
}
