/** How many lines came, by second and level. */

import { LEVELS } from '../parts/levels';

const KEPT_SECONDS = 60;
const MEAN_SECONDS = 5;
const NAMES = [...LEVELS, ''] as const;

export class Rates {
  private counts: number[][] = Array.from({ length: KEPT_SECONDS + 1 }, () => NAMES.map(() => 0));
  private second = 0;

  /** Lines that came at `now`, in milliseconds. */
  add(level: string | null | undefined, now: number, lines = 1): void {
    this.move(now);
    const place = NAMES.indexOf((level ?? '') as (typeof NAMES)[number]);
    this.counts[this.second % this.counts.length]![place < 0 ? NAMES.length - 1 : place]! += lines;
  }

  /** Of the last seconds that are over, a mean. */
  perSecond(now: number): number {
    const past = this.past(now).slice(-MEAN_SECONDS);
    return past.reduce((sum, counts) => sum + counts.reduce((one, other) => one + other, 0), 0) / past.length;
  }

  /** Of each of the last 60 seconds that are over, the oldest first: lines by level, in the order of LEVELS, then others. */
  past(now: number): readonly (readonly number[])[] {
    this.move(now);
    return Array.from({ length: KEPT_SECONDS }, (_, number) => this.counts[(this.second + 1 + number) % this.counts.length]!);
  }

  private move(now: number): void {
    const second = Math.floor(now / 1_000);
    if (second <= this.second) return;
    for (let step = Math.max(this.second + 1, second - KEPT_SECONDS); step <= second; step += 1) this.counts[step % this.counts.length]!.fill(0);
    this.second = second;
  }
}
