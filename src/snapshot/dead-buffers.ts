/** The garbage of a thread that works with buffers. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes outside of V8's heap that may wait to be collected. A thread that has just unpacked a layer has 5 to 12 MB. */
const MOST = 16 << 20;

let collect: (() => void) | undefined;

/**
 * Collects once dead buffers have piled up; for a thread that is between two tasks. V8 counts objects, and a thread that
 * unpacks makes so few that 64 MB of buffers would wait behind them: half a megabyte more with each layer. Takes some 5 ms.
 */
export function collectDeadBuffers(): void {
  if (getHeapStatistics().external_memory < MOST) return;
  if (collect === undefined) {
    // the way to V8's own function in a program that was not started for it: contexts that are made meanwhile have it
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
