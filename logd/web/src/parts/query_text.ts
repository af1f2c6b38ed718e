/** Names and values as they are written in a query. */

/** A field's name: what would mean something there has a backslash before it. */
export function fieldName(name: string): string {
  return name.replace(/[^\p{L}\p{N}_.@-]/gu, '\\$&').replace(/^-/, '\\-');
}

/** A value: in quotes unless it is a plain word. */
export function quoted(value: string): string {
  const isPlain = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(value) && !/^(AND|OR|NOT)$/.test(value);
  return isPlain ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
}
