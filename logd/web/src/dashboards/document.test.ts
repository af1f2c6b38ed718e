// @vitest-environment happy-dom

import { expect, test } from 'vitest';

import { DocumentError, exported, list, newId, read, validated } from './document';
import { difference } from './dialogs';
import { HOME } from './home';
import { copyName } from './kept';
import { tidy } from './layout';
import { axisText, colourAt, unitText } from './units';

test('what is shipped is a document as any other, and stands as it is drawn', () => {
  expect(read(exported(HOME))).toEqual(HOME);
  expect(tidy(HOME.panels)).toEqual(HOME.panels);
});

const PANEL = { id: 'a', type: 'number', x: 0, y: 0, w: 3, h: 2 };
const WRONG: [string, unknown, string][] = [
  ['no object', [], ''],
  ['no name', {}, 'name'],
  ['an empty name', { name: ' ' }, 'name'],
  ['panels that are no list', { name: 'x', panels: {} }, 'panels'],
  ['too many panels', { name: 'x', panels: Array.from({ length: 51 }, (_, at) => ({ ...PANEL, id: String(at) })) }, 'panels'],
  ['a refresh that is too often', { name: 'x', refresh_seconds: 4 }, 'refresh_seconds'],
  ['an unknown type', { name: 'x', panels: [PANEL, { ...PANEL, id: 'b', type: 'pie' }] }, 'panels[1].type'],
  ['an unknown source', { name: 'x', panels: [{ ...PANEL, source: 'weather' }] }, 'panels[0].source'],
  ['the same id twice', { name: 'x', panels: [PANEL, PANEL] }, 'panels[1].id'],
  ['what leaves the grid', { name: 'x', panels: [{ ...PANEL, x: 10 }] }, 'panels[0].w'],
  ['a height of 0', { name: 'x', panels: [{ ...PANEL, h: 0 }] }, 'panels[0].h'],
  ['a row that is none', { name: 'x', panels: [{ ...PANEL, y: 1.5 }] }, 'panels[0].y'],
  ['both kinds of searches', { name: 'x', panels: [{ ...PANEL, search: {}, saved: 'y' }] }, 'panels[0].saved'],
];

test.each(WRONG)('%s is refused where it is', (_, found, where) => {
  const refused = () => validated(found);
  expect(refused).toThrow(DocumentError);
  try {
    refused();
  } catch (error) {
    expect((error as DocumentError).where).toBe(where);
  }
});

test('what is no JSON is refused', () => {
  expect(() => read('{')).toThrow(/no JSON/);
});

test('an export has nothing of the server’s', () => {
  const kept = { ...HOME, id: '0123456789ab', version: 3, created: 'x', created_by: null, updated: 'x', updated_by: null };
  expect(JSON.parse(exported(kept))).toEqual(HOME);
});

test('lists as people write them', () => {
  expect(list('a, b,')).toEqual(['a', 'b']);
  expect(list(['a', ' b '])).toEqual(['a', 'b']);
  expect(list(undefined)).toEqual([]);
});

test('new names and ids are free', () => {
  expect(newId([{ id: 'panel-2' }] as never)).toBe('panel-3');
  expect(copyName('Errors', [{ name: 'Errors (copy)' }] as never)).toBe('Errors (copy 2)');
  expect(copyName('Errors (copy)', [])).toBe('Errors (copy)');
});

test('what differs between two', () => {
  const other = { ...HOME, panels: HOME.panels.slice(1).map((panel, at) => (at ? panel : { ...panel, w: 4 })) };
  expect(difference(HOME, other)).toEqual(['Only you have Lines', 'Error rate differs']);
});

test('values by their unit', () => {
  expect([unitText(12_345, 'count'), unitText(1_500_000, 'bytes'), unitText(350, 'ms'), unitText(0.025, 'percent'), unitText(null, 'ms')]).toEqual(['12,345', '1.5 MB', '350 ms', '2.5 %', '–']);
  expect([axisText(0, 'bytes'), axisText(12_345, 'count'), axisText(null, undefined)]).toEqual(['0', '12.3K', '']);
});

test('the colour is that of the highest limit that is reached', () => {
  const limits = [
    { value: 10, colour: 'danger' as const },
    { value: 0, colour: 'good' as const },
    { value: 5, colour: 'warning' as const },
  ];
  expect([-1, 0, 5, 11, null].map((value) => colourAt(value, limits))).toEqual([undefined, 'good', 'warning', 'danger', undefined]);
});
