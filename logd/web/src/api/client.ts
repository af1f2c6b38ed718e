/** The API: typed calls, and what went wrong as `ApiError`. Types come from the server's own OpenAPI document. */

import createClient from 'openapi-fetch';

import { lost, restored } from '../state/connection';
import { refused, TOKEN, token } from '../state/session';
import { parsedJson } from './json';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
/** Answers of every kind carry these where something is missing. */
export type Partial = { partial?: true; warnings?: string[] };

/** What the API said no with. `status` 0: nobody answered. `where` names the place: a parameter, or `q:` and a column. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly where = '',
    readonly retryAfterSeconds = 0,
  ) {
    super(message);
  }

  /** The column (from 1) in the query that is wrong; 0 where it isn't the query. */
  get column(): number {
    return Number(/^q:(\d+)$/.exec(this.where)?.[1] ?? 0);
  }
}

/** `fetch` of a path of the API: rejects with ApiError when the answer is none of success, and with what aborted it. */
export async function send(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const used = token.value;
  if (TOKEN.test(used)) request.headers.set('Authorization', `Bearer ${used}`);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw request.signal.reason;
    lost();
    throw new ApiError(0, 'unreachable', "the server can't be reached", String(error));
  }
  if (response.ok) {
    restored();
    return response;
  }
  if (response.status === 401) refused(used);
  const error = await refusal(response);
  // A proxy answers for a server that is away; the server's own errors have a code.
  if (error.code === 'no_reason' && AWAY.includes(error.status)) lost();
  else restored();
  throw error;
}

const AWAY = [502, 503, 504];

async function refusal(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('Retry-After') ?? 0);
  try {
    const { error } = (await response.json()) as Schemas['ErrorAnswer'];
    return new ApiError(response.status, error.code, error.message, error.where, retryAfter);
  } catch {
    return new ApiError(response.status, 'no_reason', `the server answered ${response.status}`, '', retryAfter);
  }
}

/** Answers that have records in them, whose numbers may be ids: none of these may become its neighbour. */
const OF_RECORDS = /^\/api\/v1\/logs\/(?:search$|.*\/context$)/;

async function sendTyped(request: Request): Promise<Response> {
  const response = await send(request);
  if (OF_RECORDS.test(new URL(request.url).pathname)) {
    const parsed = async () => parsedJson(await response.text());
    // Without a length it would be parsed elsewhere.
    return { ok: true, status: response.status, headers: new Headers({ 'Content-Length': '1' }), json: parsed } as unknown as Response;
  }
  return response;
}

const client = createClient<paths>({
  baseUrl: location.origin,
  fetch: sendTyped,
  // Lists are parameters that repeat; empty ones aren't sent.
  querySerializer: (query) => queryString(query as Query),
});

export type Query = Record<string, unknown>;

/** `a=1&b=x&b=y`; what is undefined, null, empty or an empty list is left out. */
export function queryString(query: Query): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') found.append(name, String(one));
    }
  }
  return found.toString();
}

/** An answer's body. Use as `await body(api.GET('/api/v1/…', {params: {query}, signal}))`. */
export async function body<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

export const api = client;
