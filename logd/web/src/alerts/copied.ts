/** What a new rule begins with: a copy of another one, or what was imported. It isn't saved yet. */

import { keepDraft } from '../state/drafts';
import { go, href } from '../state/place';
import { ownPart, withoutHidden, type AlertRule, type RuleBody, type RuleForm } from './form';

/** A rule that is changed, as a draft has it. */
export interface Changed {
  form: RuleForm;
  /** Of the rule that was changed: a later one is somebody else's. */
  version: number | undefined;
}

let copies = 0;

/** Where a new rule is made; each copy is one of its own. */
export function newPath(copy: string | undefined): string {
  return href('/alerts/rules/new', { copy });
}

/** Goes to a new rule that says the same under another name. Secrets that are hidden can't be copied. */
export function duplicate(form: RuleForm): void {
  begin({ ...form, name: `${form.name} (copy)` });
}

export function begin(form: RuleForm): void {
  const path = newPath(String((copies += 1)));
  const own = { ...form, actions: form.actions.map(withoutHidden) };
  keepDraft<Changed>(path, { title: titleOf(own), value: { form: own, version: undefined } });
  go(path);
}

export function titleOf({ name }: RuleForm): string {
  return name.trim() || 'New rule';
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
