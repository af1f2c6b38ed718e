/** JSON whose whole numbers are exact, however large: those that a number can't hold are bigints. */

const LARGE = /[:[,]\s*-?\d{16}/;
// Strings are matched so that digits within them are left alone.
const STRING_OR_LARGE = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
/** Nobody else's text begins so. */
const MARK = `bigint ${Math.random()} `;
const MARKED = new RegExp(`"${MARK.replace('.', '\\.')}(-?\\d+)"`, 'g');

/** As JSON.parse, but for large whole numbers. */
export function parsedJson(text: string): unknown {
  if (!LARGE.test(text)) return JSON.parse(text);
  const marked = text.replace(STRING_OR_LARGE, (found) => (found.startsWith('"') || Number.isSafeInteger(Number(found)) ? found : `"${MARK}${found}"`));
  return JSON.parse(marked, (_, value: unknown) => (typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value));
}

/** As JSON.stringify; what parsedJson has made comes out as it was. */
export function jsonText(value: unknown, indent?: number): string {
  let hasLarge = false;
  const text = JSON.stringify(
    value,
    (_, one: unknown) => {
      if (typeof one !== 'bigint') return one;
      hasLarge = true;
      return MARK + one;
    },
    indent,
  );
  return hasLarge ? text.replace(MARKED, '$1') : text;
}
