/** The last rows, in a store of bounded size. */

export interface Row {
  /** Rising, of this row alone. */
  key: number;
  /** Of its text, in characters: what bounds the memory. */
  size: number;
  /** As it was measured, in pixels; 0 before. */
  height: number;
  content: Content;
}

export type Content =
  | { kind: 'line'; hit: Hit }
  | { kind: 'missed'; lines: number }
  | { kind: 'gap' }
  | { kind: 'end'; reason: string };

export interface Hit {
  log_id?: string;
  timestamp?: string;
  level?: string | null;
  service?: string | null;
  host?: string | null;
  message?: string | null;
  [name: string]: unknown;
}

/** A row of more characters than this would fill the store by itself: some browsers' tabs have half a gigabyte. */
export const MOST_CHARACTERS = 48_000_000;

export class Ring {
  private rows: (Row | undefined)[] = [];
  private begin = 0;
  private characters = 0;

  constructor(private capacity: number) {}

  get length(): number {
    return this.rows.length - this.begin;
  }

  /** The row at a place, 0 is the oldest. */
  at(index: number): Row {
    return this.rows[this.begin + index]!;
  }

  get last(): Row | undefined {
    return this.length ? this.rows.at(-1) : undefined;
  }

  /** Puts another in the place of the newest, of the same size. */
  replaceLast(row: Row): void {
    this.rows[this.rows.length - 1] = row;
  }

  push(rows: readonly Row[]): void {
    for (const row of rows) {
      this.rows.push(row);
      this.characters += row.size;
    }
    this.trim();
  }

  resize(capacity: number): void {
    this.capacity = capacity;
    this.trim();
  }

  clear(): void {
    this.rows = [];
    this.begin = 0;
    this.characters = 0;
  }

  private trim(): void {
    while (this.length > this.capacity || (this.characters > MOST_CHARACTERS && this.length > 1)) {
      this.characters -= this.rows[this.begin]!.size;
      this.rows[this.begin] = undefined;
      this.begin += 1;
    }
    // Moving all for each row that leaves would be slow; leaving the holes would grow without an end.
    if (this.begin > this.capacity) {
      this.rows = this.rows.slice(this.begin);
      this.begin = 0;
    }
  }
}
