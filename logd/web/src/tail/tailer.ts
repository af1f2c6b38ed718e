/** One page's tail: its connection, the lines that it has, and those that wait until one goes on. */

import { effect, signal, untracked } from '@preact/signals';

import { queryString } from '../api/client';
import { events, type ServerEvent } from '../api/events';
import { parsedJson } from '../api/json';
import { asApiError } from '../api/load';
import { reconnects } from '../state/connection';
import { token } from '../state/session';
import { written } from '../state/values';
import { after, FRESH, isConnected, type Happening, type Tailing } from './machine';
import { Rates } from './rates';
import { MOST_CHARACTERS, Ring, type Content, type Hit, type Row } from './ring';

/** Lines come onto the page together: more often is not seen, and costs. */
const GATHER_MS = 100;
/** So that those who lost the same server don't come back in the same moment. */
const JITTER = 0.3;

export interface Asked {
  q: string;
  /** What terms side by side mean; empty for what the server says. */
  operator: '' | 'or' | 'and';
  service: readonly string[];
  level: readonly string[];
  host: readonly string[];
  /** Lines a second at most; 0 for any. */
  rate: number;
}

/** As the API calls what is asked for, beside the rate. */
export function filtersOf({ q, operator, service, level, host }: Omit<Asked, 'rate'>) {
  return { q, default_operator: operator, service: written(service), level: written(level), host: written(host) };
}

export class Tailer {
  readonly state = signal<Tailing>(FRESH);
  /** One more whenever `rows` are others. */
  readonly version = signal(0);
  /** Lines that have come while it was paused. */
  readonly held = signal(0);
  readonly rows: Ring;
  readonly rates = new Rates();
  private pending: Row[] = [];
  private pendingCharacters = 0;
  private gathering: ReturnType<typeof setTimeout> | undefined;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private connection: AbortController | undefined;
  private key = 0;
  private asked: Asked | undefined;
  private readonly stops: (() => void)[];

  constructor(private kept: number) {
    this.rows = new Ring(kept);
    // The server is back, or one is somebody else now.
    let seen = `${reconnects.peek()} ${token.peek()}`;
    this.stops = [
      effect(() => {
        const now = `${reconnects.value} ${token.value}`;
        if (now !== seen) untracked(() => this.happen({ type: 'retry' }));
        seen = now;
      }),
    ];
  }

  /** Another question begins anew; another rate goes on where it was. */
  ask(asked: Asked): void {
    const before = this.asked;
    this.asked = asked;
    const isSame = before && queryString(filtersOf(before)) === queryString(filtersOf(asked));
    if (isSame && before.rate === asked.rate) return;
    if (!isSame) {
      this.clear();
      this.connection?.abort();
      this.connection = undefined;
      this.state.value = { ...FRESH, phase: 'waiting' };
    } else {
      this.connection?.abort();
      this.connection = undefined;
    }
    this.happen({ type: isSame ? 'again' : 'restart' });
  }

  happen(happening: Happening): void {
    const before = this.state.value;
    const now = after(before, happening);
    if (now === before) return;
    this.state.value = now;
    if (before.paused && !now.paused) this.gather();
    if (now.phase !== 'waiting' || happening.type === 'failed' || happening.type === 'ended') clearTimeout(this.waiting);
    if (isConnected(now) && !this.connection) void this.connect();
    else if (!isConnected(now) && this.connection) this.disconnect();
    if (now.phase === 'waiting' && before.phase !== 'waiting') {
      this.waiting = setTimeout(() => this.happen({ type: 'retry' }), now.waitMs * (1 + JITTER * Math.random()));
    }
  }

  /** Takes away what is shown, and what waits. */
  clear(): void {
    this.rows.clear();
    this.pending = [];
    this.pendingCharacters = 0;
    this.held.value = 0;
    this.version.value += 1;
    if (this.state.value.phase === 'held') this.happen({ type: 'again' });
  }

  keep(rows: number): void {
    this.kept = rows;
    this.rows.resize(rows);
    this.version.value += 1;
  }

  /** The page is left. */
  close(): void {
    this.disconnect();
    clearTimeout(this.gathering);
    clearTimeout(this.waiting);
    for (const stop of this.stops) stop();
  }

  private disconnect(): void {
    this.connection?.abort(new DOMException('not wanted any more', 'AbortError'));
    this.connection = undefined;
  }

  private async connect(): Promise<void> {
    const connection = new AbortController();
    this.connection = connection;
    const { rate, ...filter } = this.asked!;
    const query = queryString({ ...filtersOf(filter), rate: rate || undefined, last_event_id: this.state.value.at });
    const isMine = () => this.connection === connection;
    try {
      for await (const found of events(`/api/v1/logs/tail?${query}`, connection.signal)) {
        if (!isMine()) return;
        if (this.state.value.phase === 'connecting') this.happen({ type: 'answered' });
        if (found.length) this.take(found);
        if (!isMine()) return;
      }
      if (!isMine()) return;
      this.connection = undefined;
      this.happen({ type: 'ended' });
    } catch (error) {
      if (!isMine()) return;
      this.connection = undefined;
      const wrong = asApiError(error);
      if (wrong.status === 400 && wrong.where === 'last_event_id') this.add({ kind: 'gap' }, 0);
      this.happen({ type: 'failed', error: wrong });
    }
  }

  private take(found: readonly ServerEvent[]): void {
    const now = Date.now();
    let at = '';
    let more = false;
    for (const { event, id, data } of found) {
      if (event !== 'end') at = id;
      if (event !== 'open' && event !== 'end') more = true;
      if (event === '') {
        const hit = parsedJson(data) as Hit;
        this.rates.add(hit.level, now);
        this.add({ kind: 'line', hit }, data.length);
      } else if (event === 'missed') {
        this.add({ kind: 'missed', lines: (JSON.parse(data) as { lines: number }).lines }, 0);
      } else if (event === 'gap') this.add({ kind: 'gap' }, 0);
      else if (event === 'end') this.add({ kind: 'end', reason: (JSON.parse(data) as { reason: string }).reason }, 0);
    }
    this.happen({ type: 'took', at, more });
    if (this.isFull()) {
      if (this.state.value.paused) this.happen({ type: 'full' });
      this.gather();
    }
  }

  private isFull(): boolean {
    return this.pending.length >= this.kept || this.pendingCharacters > MOST_CHARACTERS / 2;
  }

  private add(content: Content, size: number): void {
    const last = this.pending.at(-1) ?? this.rows.last;
    // Of lines that are over the rate a note comes several times a second, with nothing in between.
    if (content.kind === 'missed' && last?.content.kind === 'missed') {
      const joined = { ...last, key: (this.key += 1), content: { kind: 'missed' as const, lines: last.content.lines + content.lines } };
      if (this.pending.length) this.pending[this.pending.length - 1] = joined;
      else this.rows.replaceLast(joined);
    } else {
      this.pending.push({ key: (this.key += 1), size, height: 0, content });
      this.pendingCharacters += size;
    }
    this.gathering ??= setTimeout(() => this.gather(), GATHER_MS);
  }

  private gather(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    if (this.state.value.paused) {
      this.held.value = this.pending.reduce((sum, { content }) => sum + (content.kind === 'line' ? 1 : 0), 0);
      return;
    }
    this.held.value = 0;
    this.rows.push(this.pending);
    this.pending = [];
    this.pendingCharacters = 0;
    this.version.value += 1;
  }
}
