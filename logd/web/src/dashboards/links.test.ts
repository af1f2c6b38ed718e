// @vitest-environment happy-dom
import { expect, test } from 'vitest';

import { groupLink, panelLink } from './links';
import type { Panel } from './document';

const PANEL: Panel = { id: 'p', type: 'top', x: 0, y: 0, w: 4, h: 3 };
const RANGE = { from: '-1h', to: 'now' };

test('Explore is asked for exactly what the panel asks for', () => {
  const search = { q: 'a b', default_operator: 'and' as const, service: ['x\\,y', 'z'], host: 'h,i' };
  const params = new URL(panelLink(PANEL, search, RANGE), 'http://h').searchParams;
  expect(Object.fromEntries(params)).toMatchObject({ q: 'a b', default_operator: 'and', from: '-1h' });
  expect(params.getAll('service')).toEqual(['x\\,y', 'z']);
  expect(params.getAll('host')).toEqual(['h', 'i']);
  const group = { values: { service: 'x,y' }, count: 1 };
  expect(new URL(groupLink(PANEL, search, RANGE, group), 'http://h').searchParams.get('q')).toBe('(a b) AND service:"x,y"');
});
