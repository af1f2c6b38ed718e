/** Levels, the gravest first, and how they look. A chart's colours are those of the style sheet. */

export const LEVELS = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'] as const;
export type Level = (typeof LEVELS)[number];

export function LevelBadge({ level }: { level: string | null | undefined }) {
  return <span class={`level ${(level ?? 'none').toLowerCase()}`}>{level ?? '–'}</span>;
}

/** A colour of the style sheet, such as `--level-error`, as it is in this theme. */
export function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The colour of a level, or of the n-th series of anything else. */
export function seriesColour(value: string | null, number: number): string {
  const level = value === null ? '--level-none' : `--level-${value.toLowerCase()}`;
  return colourOf(level) || colourOf(`--series-${(number % 8) + 1}`);
}
