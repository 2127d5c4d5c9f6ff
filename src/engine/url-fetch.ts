/** What users' URLs lead to, over HTTP: whoever is asked there may be slow, and may say nothing any more. */
import type { EngineError } from '../base/errors.ts';

/** Milliseconds until there is an answer. */
const ANSWER = 30_000;
/** Milliseconds without a byte. */
const IDLE = 60_000;

export interface FetchOptions {
  readonly signal: AbortSignal | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly redirect: 'follow' | 'manual';
  /** The error of what does not come, by why that is. */
  readonly failed: (why: string, cause: unknown) => EngineError;
  /** For tests. */
  readonly answerMs?: number;
  readonly idleMs?: number;
}

export interface Fetched {
  readonly response: Response;
  /** Throws the signal's reason, or that the rest does not come. */
  body(): AsyncGenerator<Buffer>;
}

/** Throws the signal's reason, or that there is no answer. */
export async function fetchUrl(at: URL, options: FetchOptions): Promise<Fetched> {
  const { signal, headers, redirect, failed, answerMs = ANSWER, idleMs = IDLE } = options;
  const late = new AbortController();
  const explained = (error: unknown): unknown => (signal?.aborted === true ? signal.reason : failed(describe(error), error));
  const timer = setTimeout(() => late.abort(new Error('no answer in time')), answerMs);
  try {
    const all = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
    const response = await fetch(at, { redirect, headers, signal: all });
    return { response, body: () => bodyOf(response, late, idleMs, explained) };
  } catch (error) {
    throw explained(error);
  } finally {
    clearTimeout(timer);
  }
}

async function* bodyOf(response: Response, late: AbortController, idleMs: number, explained: (error: unknown) => unknown): AsyncGenerator<Buffer> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      // only here: who takes his time with a piece is not late
      const timer = setTimeout(() => late.abort(new Error('no data in time')), idleMs);
      const next = await reader.read().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
  } catch (error) {
    throw explained(error);
  } finally {
    void reader.cancel().catch(() => {});
  }
}

function describe(error: unknown): string {
  const { cause, message } = error as { cause?: unknown; message: string };
  return cause instanceof Error ? cause.message : message;
}
