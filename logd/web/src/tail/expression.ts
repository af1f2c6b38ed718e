/** A query's regular expression, which the server's engine matches in linear time, by the browser's, which may take for
 * ever: only those that can't, and that mean the same in both. */

/** How many repetitions of no bound there may be, and what bound they get. */
const BOUNDS: readonly (readonly [number, number])[] = [
  [1, 2_000],
  [2, 50],
];
/** Repeating so often is as none. */
const FEW = 10;
/** Of a longer text the rest isn't looked at. */
const MOST_CHARACTERS = 2_000;
/** One that takes longer for so many texts in a row is given up: the lines have to go on. Once may be the machine's doing. */
const LONGEST_MS = 5;
const MOST_LONG = 5;

export type Expression = (text: string) => Iterable<RegExpExecArray>;

/** Finds it in a text, or, `whole`, the text itself without regard to case. Undefined for what isn't tried here. */
export function expressionOf(written: string, { whole }: { whole: boolean }): Expression | undefined {
  for (const [most, far] of BOUNDS) {
    const bounded = boundedOf(written, most, far);
    if (bounded === undefined) continue;
    try {
      // In this mode what JavaScript doesn't know is an error, instead of something else.
      return quick(new RegExp(whole ? `^(?:${bounded})$` : bounded, whole ? 'giu' : 'gu'));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

function quick(expression: RegExp): Expression {
  let long = 0;
  return (text) => {
    if (long === MOST_LONG) return [];
    const began = performance.now();
    const found = [...text.slice(0, MOST_CHARACTERS).matchAll(expression)];
    long = performance.now() - began > LONGEST_MS ? long + 1 : 0;
    return found;
  };
}

const QUANTIFIER = /(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})/y;

/** The same, in which nothing repeats for ever; undefined where too much does, or what repeats matches in several ways. */
function boundedOf(written: string, mostLoose: number, far: number): string | undefined {
  let found = '';
  let loose = 0;
  /** Of each open group, whether something in it may match in several ways. */
  const groups: boolean[] = [false];
  /** Whether what stands before does. */
  let isLoose = false;
  for (let at = 0; at < written.length; at += 1) {
    QUANTIFIER.lastIndex = at;
    const quantifier = QUANTIFIER.exec(written);
    if (quantifier) {
      const [least, most] = sizes(quantifier, far);
      if (isLoose && most > 1) return undefined;
      if (most - least > FEW && (loose += 1) > mostLoose) return undefined;
      at += quantifier[0].length - 1;
      const isLazy = written[at + 1] === '?';
      if (isLazy) at += 1;
      found += `{${least},${most}}${isLazy ? '?' : ''}`;
      isLoose = least !== most;
      if (isLoose) groups[groups.length - 1] = true;
      continue;
    }
    const char = written[at]!;
    isLoose = false;
    if (char === '\\') {
      const next = written[(at += 1)] ?? '';
      found += /[\p{L}\p{N}\s^$\\.*+?()[\]{}|/]/u.test(next) ? `\\${next}` : next;
    } else if (char === '[') {
      const end = classEnd(written, at);
      if (end < 0) return undefined;
      found += written.slice(at, end + 1);
      at = end;
    } else if (char === '(') {
      if (written[at + 1] === '?' && written[at + 2] !== ':') return undefined;
      groups.push(false);
      found += '(?:';
      if (written[at + 1] === '?') at += 2;
    } else if (char === ')') {
      if (groups.length < 2) return undefined;
      isLoose = groups.pop()!;
      if (isLoose) groups[groups.length - 1] = true;
      found += char;
    } else {
      if (char === '|') groups[groups.length - 1] = true;
      found += '/}]'.includes(char) ? `\\${char}` : char;
    }
  }
  return found;
}

function sizes([quantifier, low, comma, high]: RegExpExecArray, far: number): [number, number] {
  if (low !== undefined) return [Number(low), comma ? (high ? Number(high) : far) : Number(low)];
  return quantifier === '*' ? [0, far] : quantifier === '+' ? [1, far] : [0, 1];
}

/** Where the class ends; -1 for one that means something else to JavaScript, or doesn't end. */
function classEnd(written: string, start: number): number {
  for (let at = start + 1; at < written.length; at += 1) {
    if (written[at] === '\\') at += 1;
    else if (written[at] === '[') return -1;
    else if (written[at] === ']' && at > start + 1 && !(at === start + 2 && written[start + 1] === '^')) return at;
  }
  return -1;
}
