/** Lists of values as the API's parameters have them, and URLs: commas part values, one of a value has a backslash before it. */

/** The values, each once, without the blanks around it and without empty ones. */
export function valuesOf(texts: string | readonly string[] | undefined): string[] {
  const all = typeof texts === 'string' ? [texts] : (texts ?? []);
  const values = all.flatMap((text) => text.split(/(?<!\\),/)).map((part) => part.replaceAll('\\,', ',').trim());
  return [...new Set(values.filter(Boolean))];
}

/** A parameter's text for each of them, which means nothing but this value. */
export function written(values: readonly string[]): string[] {
  return values.map((value) => value.replaceAll(',', '\\,'));
}
