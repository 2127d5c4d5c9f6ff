import type { CliContext } from './context.ts';

/** SIGHUP, SIGINT, SIGTERM. */
const ENDING = [1, 2, 15];

/** Does something that goes on until it ends by itself, or ^C or the terminal's end does it; docker's exit code is 128 and the signal's number then. */
export async function untilInterrupted(context: CliContext, work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const stop = new AbortController();
  let code = 0;
  const off = context.onSignal((signal) => {
    if (!ENDING.includes(signal)) return;
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
