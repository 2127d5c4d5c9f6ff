import type { CliContext } from './context.ts';

/** Does something that goes on until it ends by itself or ^C ends it; docker's exit code is 130 then. */
export async function untilInterrupted(context: CliContext, work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const stop = new AbortController();
  let code = 0;
  const off = context.onSignal((signal) => {
    if (signal !== 2 && signal !== 15) return;
    code = 128 + signal;
    stop.abort();
  });
  try {
    await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    off();
  }
  return code;
}
