/** What happens in a build, on its way to those who are told of it. */
import type { BuildEvent } from '../build/contract.ts';

/** How much of what programs say waits for a listener that is slow. Bytes. */
const QUEUED_LOGS = 16 * 1024 * 1024;
/** So much of it does not wait for the end of a pause. Bytes. */
const MUCH_LOGS = 256 * 1024;
const CLIPPED = Buffer.from('\n[output clipped]\n');

/** In their order; of what programs say only so many bytes, and then that there was more; of how far something is only the newest. */
export class EventQueue {
  readonly #limit: number;
  #events: BuildEvent[] = [];
  #logBytes = 0;
  /** Where among the events a status is. */
  readonly #statuses = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(event: BuildEvent): void {
    if (event.kind === 'log') {
      const before = this.#logBytes;
      this.#logBytes += event.data.length;
      if (before > this.#limit) return;
      this.#events.push(this.#logBytes > this.#limit ? { ...event, data: CLIPPED } : event);
    } else if (event.kind === 'status') {
      const key = `${event.vertex} ${event.id}`;
      const at = this.#statuses.get(key) ?? this.#events.length;
      this.#statuses.set(key, at);
      this.#events[at] = event;
    } else {
      this.#events.push(event);
    }
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  get all(): readonly BuildEvent[] {
    return this.#events;
  }

  take(): readonly BuildEvent[] {
    const events = this.#events;
    this.#events = [];
    this.#logBytes = 0;
    this.#statuses.clear();
    return events;
  }
}

/** Somebody who is told of it, by and by. */
export class Listener {
  readonly queue = new EventQueue(QUEUED_LOGS);
  #for: 'event' | 'end' = 'event';
  #done: () => void = () => {};

  /** Resolves when something has happened, or only at the end; after so many milliseconds in any case, and when much has been said. */
  wait(what: 'event' | 'end', most?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = most === undefined ? undefined : setTimeout(resolve, most);
      this.#for = what;
      this.#done = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  wake(what: 'event' | 'end'): void {
    if (what === 'end' || this.#for === 'event' || this.queue.logBytes > MUCH_LOGS) this.#done();
  }
}
