/** Which fields and values there are, for completion: asked for once in a while, and never of importance. */

import { api, body, type Schemas } from '../api/client';
import type { Range } from '../state/time';
import { LEVELS } from './levels';

export interface NamedField {
  name: string;
  types: string[];
  share: number;
}

type Value = { value: string; count: number };

const KEPT_MS = 60_000;
const MOST_KEPT = 200;
const MOST_NAMES = 500;
const MOST_VALUES = 20;
const WHOLE = 100;
const LAST_HOUR: Range = { from: '-1h', to: 'now' };
/** What records always may have, also when none is there. */
const COLUMNS = ['level', 'service', 'host', 'message', 'timestamp', 'source', 'tags', 'trace_id'];
/** Names that the language doesn't take for something else where `metadata.` isn't before them. */
const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*(\.[\p{L}_][\p{L}\p{N}_]*)*$/u;

const kept = new Map<string, { at: number; answer: unknown }>();

/** Those that most records have first; the columns alone when the server doesn't say. */
export async function namesOf(range: Range | undefined, signal: AbortSignal): Promise<NamedField[]> {
  const query = { ...(range ?? LAST_HOUR), top: MOST_NAMES };
  const found = await once(JSON.stringify(query), signal, () => body(api.GET('/api/v1/logs/fields', { params: { query }, signal })));
  const fields = ((found as Schemas['FieldsAnswer'] | undefined)?.fields ?? []).map(({ name, types, share }) => ({ name: shortName(name), types, share }));
  const missing = COLUMNS.filter((name) => !fields.some((field) => field.name === name));
  return [...fields, ...missing.map((name) => ({ name, types: ['column'], share: 0 }))];
}

/** Those that most records have first; none when the server doesn't say. */
export async function valuesOf(field: string, typed: string, range: Range | undefined, signal: AbortSignal): Promise<Value[]> {
  const ask = (prefix: string, top: number) => {
    const query = { ...(range ?? LAST_HOUR), prefix, top };
    return once(JSON.stringify([field, query]), signal, () =>
      body(api.GET('/api/v1/logs/fields/{name}/values', { params: { path: { name: field }, query }, signal })),
    ) as Promise<Schemas['ValuesAnswer'] | undefined>;
  };
  const all = await ask('', WHOLE);
  if (!all) return field === 'level' ? LEVELS.map((value) => ({ value, count: 0 })) : [];
  const wanted = typed.toLowerCase();
  // Where these are all that there are, they needn't begin so.
  const found = (all.other ? ((await ask(typed, MOST_VALUES))?.values ?? []) : all.values).map(({ value, count }) => ({ value: String(value), count }));
  const isAt = ({ value }: Value) => (value.toLowerCase().startsWith(wanted) ? 0 : 1);
  return found
    .filter(({ value }) => value.toLowerCase().includes(wanted) && value !== typed)
    .sort((one, other) => isAt(one) - isAt(other))
    .slice(0, MOST_VALUES);
}

function shortName(name: string): string {
  const short = name.startsWith('metadata.') ? name.slice('metadata.'.length) : name;
  return PLAIN.test(short) && !(short !== name && COLUMNS.includes(short)) ? short : name;
}

async function once(key: string, signal: AbortSignal, ask: () => Promise<unknown>): Promise<unknown> {
  const known = kept.get(key);
  if (known && performance.now() - known.at < KEPT_MS) return known.answer;
  try {
    const answer = await ask();
    if (kept.size >= MOST_KEPT) kept.delete(kept.keys().next().value!);
    kept.set(key, { at: performance.now(), answer });
    return answer;
  } catch {
    // Nobody waits for completions, and the page says what is wrong with the server. Not again at each key.
    if (!signal.aborted) kept.set(key, { at: performance.now() - KEPT_MS / 2, answer: undefined });
    return undefined;
  }
}
