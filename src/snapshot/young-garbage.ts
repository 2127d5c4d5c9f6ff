/**
 * Memory that a stream leaves behind. zlib gives each piece a buffer of its own, and V8 lets some 64 MB of such buffers
 * pile up in each thread before it collects: with three layers at once more than all the rest. A collection of young
 * objects takes a fraction of a millisecond where nothing else lives long.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes that may pile up. */
const ENOUGH = 16 << 20;

let collect: ((options: { type: 'minor' }) => void) | undefined;

export class YoungGarbage {
  #bytes = 0;

  /** So many bytes of buffers have been let go. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < ENOUGH) return;
    this.#bytes = 0;
    if (collect === undefined) {
      setFlagsFromString('--expose-gc');
      collect = runInNewContext('gc') as NonNullable<typeof collect>;
    }
    collect({ type: 'minor' });
  }
}
