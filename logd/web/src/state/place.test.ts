// @vitest-environment happy-dom
import { expect, test, vi } from 'vitest';

import { go, leaveTo, place, unescapedPart } from './place';

test('a path that is no UTF-8 is a name that nothing has, and no error', () => {
  expect(unescapedPart('a%2Fb')).toBe('a/b');
  expect(unescapedPart('%E0%A4%A')).toBe('%E0%A4%A');
});

const back = vi.spyOn(history, 'back').mockImplementation(() => undefined);

/** The browser is there, after the moment that it takes. */
function arrive(url: string): void {
  history.replaceState(null, '', url);
  dispatchEvent(new PopStateEvent('popstate'));
}

test('what was opened by a step is closed by going back, at once for the page', () => {
  go('/a');
  go('/a?open=1');
  leaveTo('/a');
  expect(back).toHaveBeenCalledTimes(1);
  expect(place.value.params.get('open')).toBeNull();
  go('/b?x=1');
  expect(place.value.path).toBe('/b');
  expect(location.pathname).toBe('/a');
  arrive('/a');
  expect(location.pathname + location.search).toBe('/b?x=1');
  expect(history.state).toEqual({ from: '/a' });
});

test('what a link has opened is closed in its place', () => {
  arrive('/a?open=1');
  const { length } = history;
  back.mockClear();
  leaveTo('/a');
  expect(back).not.toHaveBeenCalled();
  expect(history.length).toBe(length);
  expect(location.pathname + location.search).toBe('/a');
});

test('a step that is put in another’s place still knows where it was made', () => {
  go('/c');
  go('/c?open=1');
  go('/c?open=1&wide=1', { replace: true });
  expect(history.state).toEqual({ from: '/c' });
});
