/** What a worker's task gives piece by piece. */
import type { WorkerPool } from './worker-pool.ts';
import type { Task } from './worker-protocol.ts';

/** Runs the task as fast as its pieces are taken. Leaving the loop early gives it up. */
export async function* piecesOf(pool: WorkerPool, task: Extract<Task, { kind: 'diff' | 'archive' }>): AsyncGenerator<Buffer> {
  const pieces: Buffer[] = [];
  let wake: (() => void) | undefined;
  let error: Error | undefined;
  let over = false;
  const running = await pool.run<'diff' | 'archive'>(task, (event) => {
    if (event.event === 'data') pieces.push(Buffer.from(event.bytes.buffer, event.bytes.byteOffset, event.bytes.byteLength));
    wake?.();
  });
  running.result
    .then(
      () => (over = true),
      (failure: Error) => {
        error = failure;
        over = true;
      },
    )
    .then(() => wake?.());
  try {
    for (;;) {
      const piece = pieces.shift();
      if (piece !== undefined) yield piece;
      else if (over) break;
      else {
        running.post({ op: 'more' });
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    if (error !== undefined) throw error;
  } finally {
    running.post({ op: 'abort' });
  }
}
