/** The rules, for the pages that say something of alerts: what they are called, what they look for, their threshold. */

import { api, body } from '../api/client';
import { usePolled } from '../api/load';
import { reconnects } from '../state/connection';

const EVERY_MS = 30_000;

export function useRules() {
  return usePolled((signal) => body(api.GET('/api/v1/alerts/rules', { signal })), [reconnects.value], EVERY_MS);
}

/** The path of a rule's page. */
export function rulePath(id: string): string {
  return `/alerts/rules/${encodeURIComponent(id)}`;
}
