/** Queries for what one points at: a line's value, a line, a pattern. */

import { fieldIs, fieldName, withTerm, withoutTerm } from './filters';
import { change, explore, type Explore } from './state';

export const hasValue = (name: string, value: string): string => fieldIs(fieldName(name), value);
export const exists = (name: string): string => `${fieldName(name)}:*`;

export function filterFor(term: string): void {
  change({ q: withTerm(explore.value.q, term) });
}

export function filterOut(term: string): void {
  change({ q: withoutTerm(explore.value.q, term) });
}

/** Everything that is asked for beside the time, as one query: for what takes no other filters. */
export function asOneQuery({ q, service, level, host }: Pick<Explore, 'q' | 'service' | 'level' | 'host'>): string {
  const filters = Object.entries({ service, level, host }).flatMap(([name, values]) => {
    const terms = values.map((value) => hasValue(name, value));
    return terms.length > 1 ? [`(${terms.join(' OR ')})`] : terms;
  });
  return filters.length ? withTerm(q, filters.join(' AND ')) : q.trim();
}

const MASK = '<*>';

/** What has all the template's words, those beside each other as phrases. The template's own gaps may be anything. */
export function patternQuery(template: string): string {
  const phrases: string[] = [];
  let words: string[] = [];
  const end = () => {
    const phrase = words.join(' ');
    // Without a letter it has no word that the search could find.
    if (/[\p{L}\p{N}]/u.test(phrase)) phrases.push(`"${phrase.replace(/["\\]/g, '\\$&')}"`);
    words = [];
  };
  for (const word of template.split(/\s+/)) {
    // What stands beside a gap, without a blank between, is only a part of a word.
    if (word.includes(MASK)) end();
    else words.push(word);
  }
  end();
  return [...new Set(phrases)].join(' AND ') || '*';
}
