/** Panels ask a few at a time, those at the top of the view first, so that a page of fifty doesn't hold the server. */

const AT_ONCE = 4;

interface Waiting {
  priority: number;
  start: () => void;
}

/** `run` gives what `job` gives, once it is its turn. The lowest `priority` comes first. */
export class Queue {
  private running = 0;
  private waiting: Waiting[] = [];

  constructor(private readonly atOnce = AT_ONCE) {}

  /** Rejects with the signal's reason as soon as it is aborted; a job that waits then never begins. */
  async run<T>(priority: number, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.running < this.atOnce) this.running += 1;
    else await this.turn(priority, signal);
    try {
      return await job();
    } finally {
      this.running -= 1;
      const next = this.waiting.shift();
      if (next) {
        this.running += 1;
        next.start();
      }
    }
  }

  private turn(priority: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const gone = () => {
        this.waiting = this.waiting.filter((one) => one !== entry);
        reject(signal.reason);
      };
      const entry: Waiting = {
        priority,
        start: () => {
          signal.removeEventListener('abort', gone);
          resolve();
        },
      };
      signal.addEventListener('abort', gone, { once: true });
      const at = this.waiting.findIndex((one) => one.priority > priority);
      this.waiting.splice(at < 0 ? this.waiting.length : at, 0, entry);
    });
  }
}

export const queue = new Queue();
