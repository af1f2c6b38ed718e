/** The path of the data, from what a process says of itself: pure. */

export interface Stage {
  name: string;
  held: number;
  capacity: number;
  unit: string;
  /** The share of the time since the status before in which it was full and held up who feeds it. */
  blocked: number;
}

export interface Topic {
  name: string;
  messages: number | null;
  bytes: number | null;
  oldest: number | null;
  groups: readonly { name: string; lag: number }[];
}

export interface Lane {
  name: string;
  /** Where what it makes goes. */
  into: string;
  lag: number | null;
  stages: readonly Stage[];
}

export interface Path {
  takenIn: readonly Stage[];
  topics: readonly Topic[];
  lanes: readonly Lane[];
}

type Figures = Record<string, unknown>;

export interface StatusOf {
  roles: readonly string[];
  transport: Figures;
  stages: Figures;
  /** What the parts say of themselves, by their names. */
  [part: string]: unknown;
}

/** Who reads the queue: by the first part of a stage's name. */
const LANES = [
  { name: 'processor', into: 'Index', stages: ['processor', 'index'] },
  { name: 'alerter', into: 'Alerts', stages: ['alerter'] },
  { name: 'archiver', into: 'Archive', stages: ['archiver', 'archive'] },
  { name: 'tail', into: 'Live tails', stages: ['tail'] },
] as const;

const TOPIC = 'raw-logs';

/** `seconds` passed since `before`, undefined for the first one. */
export function pathOf(now: StatusOf, before: StatusOf | undefined, seconds: number): Path {
  const stages = Object.entries(now.stages).map(([name, figures]) => stageOf(name, figures, before?.stages[name], seconds));
  const topics = Object.entries(now.transport).filter(isTopic).map(([name, figures]) => topicOf(name, figures));
  const groups = topics.find(({ name }) => name === TOPIC)?.groups ?? [];
  const lanes = LANES.map(({ name, into, stages: parts }) => ({
    name,
    into,
    lag: ownLag(now[name]) ?? groups.find((group) => group.name === name)?.lag ?? null,
    stages: parts.flatMap((part) => stages.filter((stage) => partOf(stage.name) === part)),
  }));
  const known = new Set(lanes.flatMap((lane) => lane.stages));
  return {
    takenIn: stages.filter((stage) => !known.has(stage)),
    topics,
    lanes: lanes.filter((lane) => lane.lag !== null || lane.stages.length > 0),
  };
}

/** How full it is, from 0 to 1. */
export function fill({ held, capacity }: Stage): number {
  return capacity > 0 ? Math.min(1, held / capacity) : 0;
}

/** Whether it is what the others wait for. */
export function health(stage: Stage): 'good' | 'busy' | 'blocked' {
  if (stage.blocked >= 0.05) return 'blocked';
  return fill(stage) >= 0.8 ? 'busy' : 'good';
}

function stageOf(name: string, figures: unknown, before: unknown, seconds: number): Stage {
  const { held, capacity, unit, blocked_seconds: blocked } = figures as Record<string, number & string>;
  const earlier = (before as { blocked_seconds?: number } | undefined)?.blocked_seconds;
  const share = earlier === undefined || seconds <= 0 ? 0 : Math.max(0, (Number(blocked) - earlier) / seconds);
  return { name, held: Number(held), capacity: Number(capacity), unit: String(unit), blocked: Math.min(1, share) };
}

/** What a reader hasn't fetched yet; to the queue it is also behind by what it has fetched, and not finished. */
const ownLag = (part: unknown): number | undefined => (part as { lag_messages?: number } | undefined)?.lag_messages;

const isTopic = (entry: [string, unknown]): boolean => typeof entry[1] === 'object' && entry[1] !== null && 'groups' in entry[1];

function topicOf(name: string, figures: unknown): Topic {
  const found = figures as { messages?: number; bytes?: number; oldest_us?: number | null; groups: Record<string, { lag?: number }> };
  return {
    name,
    messages: found.messages ?? null,
    bytes: found.bytes ?? null,
    oldest: found.oldest_us == null ? null : found.oldest_us / 1_000,
    groups: Object.entries(found.groups).map(([group, { lag }]) => ({ name: group, lag: lag ?? 0 })),
  };
}

const partOf = (name: string): string => name.split('.')[0]!;
