/** Trying again: what may pass is tried a few times, each time later than the last. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../base/errors.ts';
import { NetworkError } from './network-error.ts';
import { cancelled } from './transport.ts';

export interface RetryPolicy {
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxWaitMs: number;
}

/** Waits before attempt `failed + 1`: twice as long each time, by half to all of it, so that many do not come back at once. */
export async function backOff(policy: RetryPolicy, failed: number, signal?: AbortSignal, atLeastMs = 0): Promise<void> {
  const most = Math.min(policy.baseMs * 2 ** (failed - 1), policy.maxWaitMs);
  const ms = Math.max(atLeastMs, most * (0.5 + Math.random() / 2));
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw cancelled(signal);
  }
}

/** Whether it is worth another try: a connection that broke, or a server that is over its head. */
export function mayPass(error: unknown): boolean {
  if (error instanceof NetworkError) return error.detail!.passing;
  const status = error instanceof EngineError ? (error.detail as { status?: number } | undefined)?.status : undefined;
  return status !== undefined && statusMayPass(status);
}

/** Milliseconds that the registry asked to wait, where it did. */
export function askedToWait(error: unknown): number {
  return (error instanceof EngineError && (error.detail as { retryAfterMs?: number } | undefined)?.retryAfterMs) || 0;
}

export function statusMayPass(status: number): boolean {
  return status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

/** A server that says nothing at all is asked twice, not `attempts` times: each time costs a whole time limit. */
export function attemptsFor(error: unknown, policy: RetryPolicy): number {
  return error instanceof NetworkError && error.detail!.code === 'TIMEOUT' ? Math.min(2, policy.attempts) : policy.attempts;
}
