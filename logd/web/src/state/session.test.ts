// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => {
  vi.resetModules();
  localStorage.clear();
});
afterEach(() => vi.unstubAllGlobals());

const refusing = (then: () => void) =>
  vi.stubGlobal('fetch', async () => {
    then();
    return new Response('{"error":{"code":"unauthorized","message":"no","where":""}}', { status: 401 });
  });

test('another tab’s sign-in ends the question, its sign-out takes away what is shown', async () => {
  const reload = vi.fn();
  vi.stubGlobal('location', { ...location, reload });
  const { needsToken, token } = await import('./session');
  needsToken.value = true;
  localStorage.setItem('logd.token', '"abc"');
  dispatchEvent(new StorageEvent('storage', { key: 'logd.token', newValue: '"abc"' }));
  expect([token.value, needsToken.value]).toEqual(['abc', false]);
  expect(reload).not.toHaveBeenCalled();
  dispatchEvent(new StorageEvent('storage', { key: null, newValue: null }));
  expect(token.value).toBe('');
  expect(reload).toHaveBeenCalledOnce();
});

test('a refusal of a token that was replaced meanwhile asks for none', async () => {
  const { needsToken, token } = await import('./session');
  const { send } = await import('../api/client');
  vi.stubGlobal('location', { ...location, origin: 'http://localhost', reload: () => undefined });
  token.value = 'old';
  refusing(() => (token.value = 'new'));
  await expect(send('http://localhost/api/v1/status')).rejects.toMatchObject({ status: 401 });
  expect(needsToken.value).toBe(false);
  refusing(() => undefined);
  await expect(send('http://localhost/api/v1/status')).rejects.toMatchObject({ status: 401 });
  expect(needsToken.value).toBe(true);
});
