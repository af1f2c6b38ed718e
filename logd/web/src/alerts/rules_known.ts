/** The rules, for the pages that say something of alerts: what they are called, what they look for, their threshold. */

import { api, body } from '../api/client';
import { useLoad } from '../api/load';
import { reconnects } from '../state/connection';
import { useEvery } from './every';

const EVERY_MS = 30_000;

export function useRules() {
  const turn = useEvery(EVERY_MS);
  return useLoad((signal) => body(api.GET('/api/v1/alerts/rules', { signal })), [turn, reconnects.value]);
}

/** The path of a rule's page. */
export function rulePath(id: string): string {
  return `/alerts/rules/${encodeURIComponent(id)}`;
}
