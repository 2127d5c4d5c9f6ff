/** Reads a container's json-file log, oldest file first, and follows it over rotation. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { LogEntry, LogOptions } from './contract.ts';

const POLL_MS = 50;
const CHUNK = 1 << 16;
/** How often a file that rotation is just about to put in place is looked for. */
const GAP_TRIES = 20;

/** Entries in their order. With `follow` it ends when `alive` says no and all has been read. */
export async function* readLog(path: string, { follow = false, tail }: LogOptions, alive: () => boolean): AsyncGenerator<LogEntry> {
  const reader = new Reader(path);
  const wanted = tail !== undefined && tail >= 0 ? tail : undefined;
  try {
    if (wanted === undefined) yield* reader.read();
    else yield* await lastOf(reader.read(), wanted);
    while (follow) {
      const running = alive();
      yield* reader.read();
      if (!running) return;
      await pause(POLL_MS);
    }
  } finally {
    reader.close();
  }
}

async function lastOf(entries: AsyncIterable<LogEntry>, count: number): Promise<LogEntry[]> {
  let last: LogEntry[] = [];
  for await (const entry of entries) {
    last.push(entry);
    if (last.length >= 2 * count + 1024) last = last.slice(last.length - count);
  }
  return last.slice(last.length - Math.min(count, last.length));
}

/** Goes through the files as rotation hands them on: `x.log.2`, `x.log.1`, `x.log`. */
class Reader {
  readonly #path: string;
  #fd: number | undefined;
  #at = 0;
  #rest = Buffer.alloc(0);
  #gaps = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** What came since the last call. */
  async *read(): AsyncGenerator<LogEntry> {
    for (;;) {
      if (this.#fd === undefined && !this.#open(this.#oldest())) return;
      // looked at before the rest is read: one that has been put aside is written to no more
      const place = this.#place();
      yield* this.#drain();
      if (place === 0) return;
      if (!(await this.#next(place))) return;
    }
  }

  #name(n: number): string {
    return n === 0 ? this.#path : `${this.#path}.${n}`;
  }

  #oldest(): number {
    let n = 0;
    while (existsSync(this.#name(n + 1))) n++;
    return n;
  }

  /** The number that the open file has now; undefined when it has been removed. Files only move up while we look up. */
  #place(): number | undefined {
    const { ino, dev } = fstatSync(this.#fd!);
    for (let n = 0, missing = 0; missing < 2; n++) {
      const stat = statSync(this.#name(n), { throwIfNoEntry: false });
      if (stat?.ino === ino && stat.dev === dev) return n;
      if (stat === undefined) missing++;
    }
    return undefined;
  }

  /** Goes on to the file that followed the open one. False: it is not there yet. */
  async #next(place: number | undefined): Promise<boolean> {
    if (place === undefined) {
      // rotation was quicker than its reader: what is left begins with the oldest
      this.close();
      return this.#open(this.#oldest());
    }
    let below = place - 1;
    if (!existsSync(this.#name(below))) {
      if (below === 0) return false;
      // rotation is at work; a hole that stays was left by one that was killed
      if (this.#gaps++ < GAP_TRIES) {
        await pause(1);
        return true;
      }
      while (below > 0 && !existsSync(this.#name(below))) below--;
    }
    this.#gaps = 0;
    const [fd, at, rest] = [this.#fd, this.#at, this.#rest];
    this.#fd = undefined;
    if (!this.#open(below)) {
      [this.#fd, this.#at, this.#rest] = [fd, at, rest];
      return true;
    }
    // the one that we come from still has its place: so this one is its successor
    const opened = this.#fd;
    this.#fd = fd;
    const still = this.#place() === place;
    this.#fd = opened;
    if (!still) {
      this.close();
      [this.#fd, this.#at, this.#rest] = [fd, at, rest];
    } else closeSync(fd!);
    return true;
  }

  #open(n: number): boolean {
    try {
      this.#fd = openSync(this.#name(n), 'r');
    } catch {
      return false;
    }
    this.#at = 0;
    this.#rest = Buffer.alloc(0);
    return true;
  }

  *#drain(): Generator<LogEntry> {
    const buffer = Buffer.alloc(CHUNK);
    // with one file only, rotation empties it
    if (fstatSync(this.#fd!).size < this.#at) [this.#at, this.#rest] = [0, Buffer.alloc(0)];
    for (let n: number; (n = readSync(this.#fd!, buffer, 0, CHUNK, this.#at)) > 0;) {
      this.#at += n;
      const all = Buffer.concat([this.#rest, buffer.subarray(0, n)]);
      const end = all.lastIndexOf(10) + 1;
      this.#rest = all.subarray(end);
      yield* parse(all.toString('utf8', 0, end));
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#rest = Buffer.alloc(0);
  }
}

function parse(text: string): LogEntry[] {
  return text
    .split('\n')
    .filter(Boolean)
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as LogEntry];
      } catch {
        return []; // a line that a full disk cut
      }
    });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
