/** The files of a container's json-file log as one: oldest first, over rotation, from any line before the end. */
import { closeSync, existsSync, fstatSync, openSync, read as readFd, readdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';

const CHUNK = 1 << 18;
/** How often a file that rotation is just about to put in place is looked for. */
const GAP_TRIES = 20;
const PLACE_TRIES = 10;
/** A file's time may be so much older than what was written then. */
const COARSE_MS = 2000;
const NEWLINE = 10;

const readAt = promisify(readFd);

/** Goes through the files as rotation hands them on: `x.log.2`, `x.log.1`, `x.log`. */
export class LogFiles {
  readonly #path: string;
  readonly #buffer = Buffer.allocUnsafe(CHUNK);
  #fd: number | undefined;
  #at = 0;
  /** Bytes of an unfinished line at the beginning of the buffer. */
  #kept = 0;
  #gaps = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Before the first read: leaves out all but the last `lines` lines. Reads only these; `over` says that they are not wanted any more. */
  async skipToLast(lines: number, over: () => boolean = () => false): Promise<void> {
    if (!this.#open(0)) return;
    for (let left = lines; ;) {
      const found = await lastLines(this.#fd!, left, over);
      if (over()) return;
      this.#at = found.at;
      left -= found.lines;
      if (found.at > 0 || left <= 0 || !this.#previous()) return;
    }
  }

  /** Before the first read: leaves out files that were last written to well before this time (ms since 1970). */
  skipOlderThan(ms: number): void {
    let n = this.#oldest();
    while (n > 0 && (statSync(this.#name(n), { throwIfNoEntry: false })?.mtimeMs ?? 0) < ms - COARSE_MS) n--;
    this.#open(n);
  }

  /** What came since the last call, in pieces that end where a line does. A piece is good until the next one is asked for. */
  async *read(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      if (this.#fd === undefined && !this.#open(this.#oldest())) return;
      // looked at before the rest is read: one that has been put aside is written to no more
      const place = this.#place();
      yield* this.#drain();
      if (place === 0) return;
      if (!(await this.#next(place))) return;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#kept = 0;
  }

  #name(n: number): string {
    return n === 0 ? this.#path : `${this.#path}.${n}`;
  }

  /** The highest number. While files are moved a look at the folder may miss one: two that agree are believed. */
  #oldest(): number {
    for (let before = -1; ;) {
      const highest = Math.max(0, ...this.#numbers());
      if (highest === before) return highest;
      before = highest;
    }
  }

  #numbers(): number[] {
    const prefix = `${basename(this.#path)}.`;
    return entries(dirname(this.#path))
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)))
      .filter(Number.isInteger);
  }

  /** The number that the open file has now; undefined when it has been removed. */
  #place(): number | undefined {
    // files only move up while we look up, but a second rotation may overtake us: then we look again; the whole folder may have gone, too
    for (let tries = 0; tries < PLACE_TRIES; tries++) {
      const { ino, dev, nlink } = fstatSync(this.#fd!);
      if (nlink === 0) return undefined;
      const isOurs = (n: number) => {
        const stat = statSync(this.#name(n), { throwIfNoEntry: false });
        return stat?.ino === ino && stat.dev === dev;
      };
      if (isOurs(0)) return 0; // nearly always: no need to look at the folder
      const last = this.#oldest() + 1;
      for (let n = 0; n <= last; n++) if (isOurs(n)) return n;
    }
    return undefined;
  }

  /** Goes back to the file that was written before the open one. False: there is none. */
  #previous(): boolean {
    for (;;) {
      const place = this.#place();
      if (place === undefined) return false;
      const fd = this.#fd!;
      if (!this.#open(place + 1)) return false;
      const opened = this.#fd!;
      this.#fd = fd;
      const still = this.#place() === place;
      closeSync(still ? fd : opened);
      if (still) this.#fd = opened;
      if (still) return true;
    }
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
        await new Promise((resolve) => setTimeout(resolve, 1));
        return true;
      }
      while (below > 0 && !existsSync(this.#name(below))) below--;
    }
    this.#gaps = 0;
    const [fd, at, kept] = [this.#fd!, this.#at, this.#kept];
    if (!this.#open(below)) return true;
    // the one that we come from still has its place: so this one is its successor
    const opened = this.#fd;
    this.#fd = fd;
    const still = this.#place() === place;
    if (still) {
      closeSync(fd);
      this.#fd = opened;
    } else {
      closeSync(opened!);
      [this.#at, this.#kept] = [at, kept];
    }
    return true;
  }

  /** False, and nothing has changed: there is no such file. */
  #open(n: number): boolean {
    try {
      this.#fd = openSync(this.#name(n), 'r');
    } catch {
      return false;
    }
    this.#at = 0;
    this.#kept = 0;
    return true;
  }

  async *#drain(): AsyncGenerator<Buffer, void, undefined> {
    const fd = this.#fd!;
    const buffer = this.#buffer;
    // with one file only, rotation empties it
    if (fstatSync(fd).size < this.#at) this.#at = this.#kept = 0;
    for (;;) {
      // what is so long without an end is no line of a log
      if (this.#kept === buffer.length) this.#kept = 0;
      const { bytesRead } = await readAt(fd, buffer, this.#kept, buffer.length - this.#kept, this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      const filled = this.#kept + bytesRead;
      const end = buffer.subarray(0, filled).lastIndexOf(NEWLINE) + 1;
      if (end > 0) yield buffer.subarray(0, end);
      buffer.copyWithin(0, end, filled);
      this.#kept = filled - end;
    }
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Where the last lines of a file begin, and how many there are. What has no end yet is none. */
async function lastLines(fd: number, wanted: number, over: () => boolean): Promise<{ at: number; lines: number }> {
  let end = fstatSync(fd).size;
  if (wanted <= 0) return { at: end, lines: 0 };
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, end));
  // each line's beginning is seen at the end of the line before it
  for (let seen = 0; ;) {
    if (end === 0 || over()) return { at: 0, lines: seen };
    const from = Math.max(0, end - buffer.length);
    const { bytesRead } = await readAt(fd, buffer, 0, end - from, from);
    const block = buffer.subarray(0, bytesRead);
    for (let at = block.lastIndexOf(NEWLINE); at >= 0; at = at === 0 ? -1 : block.lastIndexOf(NEWLINE, at - 1)) {
      if (seen++ === wanted) return { at: from + at + 1, lines: wanted };
    }
    end = from;
  }
}
