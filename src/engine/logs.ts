/** Reads a container's json-file log, oldest file first, and follows it over rotation. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import type { LogEntry, LogOptions } from './contract.ts';

const POLL_MS = 50;
const CHUNK = 1 << 16;

/** Entries in their order. With `follow` it ends when `alive` says no and all has been read. */
export async function* readLog(path: string, { follow = false, tail }: LogOptions, alive: () => boolean): AsyncGenerator<LogEntry> {
  const reader = new Reader(path);
  try {
    let first = [...rotated(path).flatMap((file) => parse(readFileSync(file, 'utf8'))), ...reader.read()];
    if (tail !== undefined && tail >= 0) first = first.slice(first.length - Math.min(tail, first.length));
    yield* first;
    while (follow) {
      const running = alive();
      yield* reader.read();
      if (!running) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } finally {
    reader.close();
  }
}

/** `x.log.2`, `x.log.1`: what rotation has put aside, oldest first. */
function rotated(path: string): string[] {
  const out: string[] = [];
  for (let n = 1; existsSync(`${path}.${n}`); n++) out.unshift(`${path}.${n}`);
  return out;
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

class Reader {
  readonly #path: string;
  #fd: number | undefined;
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** What came since the last call. A file that was renamed away is read to its end, then the new one. */
  read(): LogEntry[] {
    const out: LogEntry[] = [];
    for (;;) {
      if (this.#fd === undefined) {
        if (!existsSync(this.#path)) return out;
        this.#fd = openSync(this.#path, 'r');
      }
      const moved = statSync(this.#path, { throwIfNoEntry: false })?.ino !== fstatSync(this.#fd).ino;
      out.push(...this.#drain(this.#fd));
      if (!moved) return out;
      this.close();
    }
  }

  #drain(fd: number): LogEntry[] {
    const parts = [this.#rest];
    const buffer = Buffer.alloc(CHUNK);
    for (let n: number; (n = readSync(fd, buffer)) > 0;) parts.push(Buffer.from(buffer.subarray(0, n)));
    const all = Buffer.concat(parts);
    const end = all.lastIndexOf(10) + 1;
    this.#rest = all.subarray(end);
    return parse(all.toString('utf8', 0, end));
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#rest = Buffer.alloc(0);
  }
}
