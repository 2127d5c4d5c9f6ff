/** What a step's program says, on its way to who is told of the build. */
import { Writable } from 'node:stream';
import type { StepNote } from '../build/progress.ts';

type LogNote = Extract<StepNote, { kind: 'log' }>;

/** Of each of its streams, in bytes: BuildKit's. */
const MAX_LOG = 2 << 20;
const CLIPPED = '[output clipped, log limit 2MiB reached]\n';
/** Bytes that a piece counts as at least: it is kept, and takes more than they do. */
const LEAST = 32;
/** Small pieces that come within such a time after another are told together. Milliseconds, bytes. */
const PAUSE_MS = 10;
const SMALL = 4096;

/** In the order in which it is written. Disposed of, it has told all. */
export class StepSaid implements Disposable {
  readonly stdout: Writable = this.#writer(1);
  readonly stderr: Writable = this.#writer(2);
  readonly #tell: (note: LogNote) => void;
  readonly #left = { 1: MAX_LOG, 2: MAX_LOG };
  #stream: LogNote['stream'] = 1;
  #pieces: Buffer[] = [];
  #length = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor(tell: (note: LogNote) => void) {
    this.#tell = tell;
  }

  [Symbol.dispose](): void {
    this.#flush();
    clearTimeout(this.#pause);
  }

  #writer(stream: LogNote['stream']): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#left[stream] > 0) this.#add(stream, chunk);
        done();
      },
    });
  }

  #add(stream: LogNote['stream'], chunk: Buffer): void {
    if (stream !== this.#stream) this.#flush();
    this.#stream = stream;
    this.#pieces.push(chunk);
    this.#length += chunk.length;
    if (this.#pause === undefined || this.#length >= SMALL) this.#flush();
  }

  #flush(): void {
    if (this.#length === 0) return;
    const stream = this.#stream;
    const room = this.#left[stream];
    const data = Buffer.concat(this.#pieces, Math.min(this.#length, room));
    const count = Math.max(this.#length, LEAST);
    this.#pieces = [];
    this.#length = 0;
    this.#left[stream] -= count;
    this.#tell({ kind: 'log', stream, data });
    if (count >= room) this.#tell({ kind: 'log', stream, data: Buffer.from(CLIPPED) });
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#flush();
    }, PAUSE_MS);
  }
}
