// @vitest-environment happy-dom
import { afterEach, expect, test } from 'vitest';

import { draftAt, draftsBelow, dropDraft, keepDraft } from './drafts';

const PATHS = ['/alerts/rules/a', '/alerts/rules/new?copy=1', '/alertsx'];

afterEach(() => PATHS.forEach(dropDraft));

/** Whether the browser would ask. */
function asks(): boolean {
  const event = new Event('beforeunload', { cancelable: true });
  dispatchEvent(event);
  return event.defaultPrevented;
}

test('a draft is there until it is dropped, and the browser asks as long', () => {
  expect(asks()).toBe(false);
  keepDraft('/alerts/rules/a', { title: 'a', value: 1 });
  keepDraft('/alerts/rules/a', { title: 'a', value: 2 });
  expect(draftAt('/alerts/rules/a')).toBe(2);
  expect(asks()).toBe(true);
  dropDraft('/alerts/rules/a');
  expect(draftAt('/alerts/rules/a')).toBeUndefined();
  expect(asks()).toBe(false);
});

test('those below a page are its own alone', () => {
  PATHS.forEach((path) => keepDraft(path, { title: path, value: 0 }));
  expect(draftsBelow('/alerts').map(([path]) => path)).toEqual(PATHS.slice(0, 2));
  expect(draftsBelow('/alerts/rules/new').map(([path]) => path)).toEqual(PATHS.slice(1, 2));
  expect(draftsBelow('/admin')).toEqual([]);
});
