import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCES = join(import.meta.dirname, '..');
const PAGES = ['admin', 'alerts', 'dashboards', 'explore', 'tail'];

/** The files of a folder, by name, with what they say. */
function files(folder: string, ending: string): [string, string][] {
  const names = readdirSync(join(SOURCES, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending));
  return names.map((name) => [join(folder, name), readFileSync(join(SOURCES, folder, name), 'utf8')]);
}

function textOf(folder: string, ending: string): string {
  return files(folder, ending).map(([, text]) => text).join('\n');
}

/** The classes that its components give. */
function given(folder: string): Set<string> {
  const texts = [...textOf(folder, '.tsx').matchAll(/\bclass(?:=|: )?\{?["'`]([^"'`]*)/g)].map(([, text]) => text!.replaceAll(/\$\{[^}]*\}/g, ' '));
  return new Set(texts.flatMap((text) => text.split(/\s+/)));
}

/** The class that each of its rules begins with. */
function styled(folder: string): Set<string> {
  const rules = textOf(folder, '.css').replaceAll(/\/\*.*?\*\//gs, '');
  return new Set([...rules.matchAll(/([^{}]+)\{/g)].flatMap(([, selectors]) => selectors!.split(',')).flatMap((selector) => /^\s*[a-z]*\.([\w-]+)/.exec(selector)?.[1] ?? []));
}

// A page's sheets stay when one goes on to another page: what isn't its own would change that one, too.
test.each(PAGES)('the sheets of %s style nothing of other pages', (page) => {
  const others = new Set([...PAGES, 'parts'].filter((folder) => folder !== page).flatMap((folder) => [...given(folder)]));
  expect([...styled(page)].filter((name) => others.has(name))).toEqual([]);
});

test('a sheet has at most 400 lines', () => {
  const long = files('.', '.css').filter(([, text]) => text.split('\n').length > 401).map(([name]) => name);
  expect(long).toEqual([]);
});
