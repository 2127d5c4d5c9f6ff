import { EngineError, type ErrorKind } from '../base/errors.ts';
import { BodyBrokenOff, BodyTooLarge } from './http/request-body.ts';

/** The status of what a route throws. Where Docker answers otherwise (304, 401 of a registry), the route does it itself. */
export function statusOf(error: unknown): number {
  if (!(error instanceof EngineError)) return 500;
  if (error instanceof BodyTooLarge) return 413;
  return error instanceof BodyBrokenOff ? 400 : statusOfKind(error.kind);
}

function statusOfKind(kind: ErrorKind): number {
  switch (kind) {
    case 'not-found':
      return 404;
    case 'conflict':
      return 409;
    case 'invalid':
      return 400;
    case 'denied':
      return 403;
    case 'unavailable':
      return 503;
    case 'exhausted':
    case 'cancelled':
    case 'internal':
      return 500;
  }
}

/** Docker's document for an error. */
export function errorBody(error: unknown): { readonly message: string } {
  return { message: error instanceof Error ? error.message : String(error) };
}

/** What the log should know of an error that is no answer but a fault; undefined when it is an answer. */
export function faultText(error: unknown): string | undefined {
  if (error instanceof EngineError && error.kind !== 'internal') return undefined;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
