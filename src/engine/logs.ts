/** Reads a container's json-file log, oldest file first, and follows it over rotation. */
import { dirname } from 'node:path';
import type { LogLine, LogsOptions } from './containers-contract.ts';
import { LogFiles } from './log-files.ts';
import { FolderWatch } from './log-watch.ts';

/** The longest that a timer takes. */
const LONGEST_MS = 2 ** 31 - 1;

type ReadOptions = Pick<LogsOptions, 'follow' | 'tail' | 'since' | 'until' | 'signal'>;

/**
 * The log's lines as they are in its files, in pieces that end where a line does; each is good until the next is asked
 * for. With `follow` it ends when `alive` says no and all has been read, or at the time `until`; with the signal at once.
 * Of `since` and `until` only so much is respected: there may be older and later lines.
 */
export async function* readLogPieces(path: string, options: ReadOptions, alive: () => boolean): AsyncGenerator<Buffer, void, undefined> {
  const { follow = false, tail, since, until, signal } = options;
  const files = new LogFiles(path);
  const changes = follow ? new FolderWatch(dirname(path)) : undefined;
  const wake = () => changes?.wake();
  const end = until === undefined ? Infinity : Number(until / 1_000_000n);
  const timer = follow && end - Date.now() < LONGEST_MS ? setTimeout(wake, end - Date.now()) : undefined;
  signal?.addEventListener('abort', wake, { once: true });
  try {
    if (tail !== undefined && tail >= 0) await files.skipToLast(tail, () => signal?.aborted === true);
    else if (since !== undefined && since > 0n) files.skipOlderThan(Number(since / 1_000_000n));
    for (;;) {
      // asked before the rest is read
      const goesOn = follow && Date.now() < end && alive();
      for await (const piece of files.read()) {
        if (signal?.aborted) return;
        yield piece;
      }
      if (!goesOn) return;
      await changes!.next();
      if (signal?.aborted) return;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', wake);
    changes?.close();
    files.close();
  }
}

/** The same, line by line. One that a full disk cut is left out. */
export async function* readLog(path: string, options: ReadOptions, alive: () => boolean): AsyncGenerator<LogLine> {
  for await (const piece of readLogPieces(path, options, alive)) yield* entriesOf(piece);
}

export function* entriesOf(piece: Buffer): Generator<LogLine> {
  for (const line of piece.toString().split('\n')) {
    const entry = line === '' ? undefined : parseEntry(line);
    if (entry !== undefined) yield entry;
  }
}

/** Undefined for what is no line of a log. */
export function parseEntry(line: string): LogLine | undefined {
  try {
    const entry = JSON.parse(line) as LogLine;
    const whole = typeof entry.log === 'string' && typeof entry.time === 'string' && (entry.stream === 'stdout' || entry.stream === 'stderr');
    return whole ? entry : undefined;
  } catch {
    return undefined;
  }
}
