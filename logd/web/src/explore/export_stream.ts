/** An export as it comes: in whole records, so that what a lost connection cut off can be gone on with. */

export type Format = 'ndjson' | 'csv' | 'csv-safe' | 'parquet';

const NEWLINE = 10;
const QUOTE = 34;

/** Divides bytes where records end. Of CSV a newline in quotes ends none. */
export class Records {
  /** How many have ended, without the head of CSV. */
  count = 0;
  /** The last one that has ended, without its newline. */
  last: Uint8Array | undefined;
  #rest: Uint8Array = new Uint8Array();
  #quoted = false;
  #head: boolean;

  constructor(private readonly csv: boolean) {
    this.#head = csv;
  }

  /** The bytes of the records that are whole by now; what comes after them is kept back. */
  take(bytes: Uint8Array): Uint8Array {
    const all = joined(this.#rest, bytes);
    let end = 0;
    for (let at = this.#rest.length; at < all.length; at += 1) {
      const byte = all[at];
      if (byte === QUOTE && this.csv) this.#quoted = !this.#quoted;
      else if (byte === NEWLINE && !this.#quoted) {
        if (this.#head) this.#head = false;
        else {
          this.count += 1;
          this.last = all.subarray(end, at);
        }
        end = at + 1;
      }
    }
    this.last = this.last?.slice();
    this.#rest = all.slice(end);
    return all.slice(0, end);
  }

  /** Forgets the part of a record that isn't whole: another stream goes on behind the last one. */
  begin(): void {
    this.#rest = new Uint8Array();
    this.#quoted = false;
    this.#head = this.csv;
  }

  /** There is a part of a record. */
  get broken(): boolean {
    return this.#rest.length > 0;
  }

  /** `timestamp,log_id` of the last one, as the API's `after`; undefined before the first one. */
  get place(): string | undefined {
    if (!this.last) return undefined;
    const text = new TextDecoder().decode(this.last);
    if (!this.csv) {
      const { timestamp, log_id } = JSON.parse(text) as { timestamp: string; log_id: string };
      return `${timestamp},${log_id}`;
    }
    // The first two columns; csv-safe has an apostrophe before an id that looks like a formula.
    const [id, time] = firstCells(text);
    return id === undefined || time === undefined ? undefined : `${time},${id}`;
  }
}

/** The first two cells of a record of CSV. */
export function firstCells(text: string): (string | undefined)[] {
  const found = [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"\r\n]*))/g)].slice(0, 2);
  return found.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (!one.length) return other;
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** Bytes of CSV without its head. */
export function withoutHead(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(bytes.indexOf(NEWLINE) + 1);
}
