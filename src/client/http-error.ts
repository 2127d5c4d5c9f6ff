/** What a daemon, or the way to it, has against a request, as the error to throw. */
import { EngineError, type ErrorKind } from '../base/errors.ts';
import type { Address } from './address.ts';

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'denied',
  403: 'denied',
  404: 'not-found',
  409: 'conflict',
  413: 'invalid',
  415: 'invalid',
  429: 'exhausted',
  499: 'cancelled',
  501: 'unavailable',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
  507: 'exhausted',
};

/** What kind of failure a status stands for. */
export function kindOf(status: number): ErrorKind {
  return KINDS[status] ?? (status < 500 ? 'invalid' : 'internal');
}

/** For people who need the status itself. */
export interface HttpErrorDetail {
  readonly status: number;
}

/** An answer of status 400 or more; `body` is `{"message": …}`, or what a proxy wrote. */
export function answerError(status: number, body: string): EngineError<HttpErrorDetail> {
  const message =
    messageOf(body) ?? (body.trim() === '' ? `the daemon answers with status ${status}` : `the daemon answers with status ${status}: ${body.trim()}`);
  return new EngineError(kindOf(status), message, { detail: { status } });
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = (JSON.parse(body) ?? {}) as { message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** What stood in the way of a request or of its answer. */
export function connectionError(error: unknown, { url }: Address, signal: AbortSignal | undefined): EngineError {
  if (error instanceof EngineError) return error;
  if (signal?.aborted) return new EngineError('cancelled', 'context canceled', { cause: signal.reason });
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') {
    return new EngineError('denied', `permission denied while trying to connect to the Docker daemon socket at ${url}: ${message}`, { cause: error });
  }
  if (['ENOENT', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(code ?? '')) {
    return new EngineError('unavailable', `Cannot connect to the Docker daemon at ${url}. Is the docker daemon running?`, { cause: error });
  }
  return new EngineError('unavailable', `error during connect: ${url}: ${message}`, { cause: error });
}
