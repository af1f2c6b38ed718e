/** What a new rule begins with: a copy of another one, or what was imported. */

import { signal } from '@preact/signals';

import { go } from '../state/place';
import { formOf, ownPart, withoutHidden, type AlertRule, type RuleBody, type RuleForm } from './form';

export const begun = signal<RuleForm | undefined>(undefined);

/** Goes to a new rule that says the same under another name. Secrets that are hidden can't be copied. */
export function duplicate(rule: AlertRule): void {
  begin({ ...ownPart(rule), name: `${rule.name} (copy)` });
}

export function begin(rule: Partial<RuleBody>): void {
  const form = formOf(rule);
  begun.value = { ...form, actions: form.actions.map(withoutHidden) };
  go('/alerts/rules/new?from_rule=1');
}

/** The rule in a JSON text. Throws an Error that says what is wrong. */
export function parsedRule(text: string): Partial<RuleBody> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new Error(`this is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw new Error('a rule is a JSON object');
  const rule = found as Record<string, unknown>;
  if (typeof rule.condition !== 'object' || rule.condition === null) throw new Error('a rule has a condition, this has none');
  for (const name of ['actions', 'group_by'] as const) if (rule[name] !== undefined && !Array.isArray(rule[name])) throw new Error(`${name} is a list`);
  return ownPart(rule as unknown as AlertRule);
}

/** Saves it as a file of the browser's. */
export function exported(rule: AlertRule): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([`${JSON.stringify(ownPart(rule), null, 2)}\n`], { type: 'application/json' }));
  link.download = `${rule.name.replace(/[^\p{L}\p{N}.-]+/gu, '-')}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
