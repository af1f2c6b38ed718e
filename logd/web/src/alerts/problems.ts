/** What the server says of a rule, by where in the form it belongs. */

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import type { ApiError } from '../api/client';

/** By a setting's path, such as `condition.threshold` or `actions[0].url`. */
export type Problems = ReadonlyMap<string, string>;

const NEXT = /; (?=(?:name|condition|actions?|group_by|labels|for|cooldown_seconds|severity|runbook|description|enabled|max_groups)\b)/;
const PATH = /^[a-z_]+(?:\.[\w-]+|\."[^"]*"|\[\d+\])*/;

/** All of it is in one message, one after the other; `where` names the first one's place. */
export function problemsOf(error: ApiError | undefined): Problems {
  const found = new Map<string, string>();
  if (!error || (error.status !== 400 && error.status !== 409)) return found;
  const place = (text: string) => text.replace(/^rule\.(?=.)/, '').replace(/:\d+$/, '').replaceAll('"', '');
  const [first = '', ...others] = error.message.split(NEXT);
  if (error.where) found.set(place(error.where), first);
  for (const message of others) {
    const where = place(PATH.exec(message)?.[0] ?? '');
    if (where && !found.has(where)) found.set(where, message);
  }
  return found;
}

/** The column in a query that is wrong, from 1; 0 where none is told. */
export function columnOf(message: string | undefined): number {
  return Number(/at column (\d+)/.exec(message ?? '')?.[1] ?? 0);
}

export const ProblemsContext = createContext<Problems>(new Map());

/** What is wrong with a setting, or with something in it. */
export function useProblem(path: string): string | undefined {
  const problems = useContext(ProblemsContext);
  const exact = problems.get(path);
  if (exact !== undefined) return exact;
  for (const [where, message] of problems) if (where.startsWith(`${path}[`) || where.startsWith(`${path}.`)) return message;
  return undefined;
}
