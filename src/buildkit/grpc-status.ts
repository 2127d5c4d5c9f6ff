/** How gRPC tells of failures. */
import { EngineError, type ErrorKind } from '../base/errors.ts';

/** gRPC's codes, those that are used here. */
export const CODES = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** A call that the other side has answered with a failure. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'GrpcError';
    this.code = code;
  }
}

/** The code for a failure of this engine. BuildKit has Unknown for what fails in a build. */
export function codeOf(error: unknown): number {
  if (error instanceof GrpcError) return error.code;
  return error instanceof EngineError ? codeOfKind(error.kind) : CODES.UNKNOWN;
}

function codeOfKind(kind: ErrorKind): number {
  switch (kind) {
    case 'not-found':
      return CODES.NOT_FOUND;
    case 'conflict':
      return CODES.ALREADY_EXISTS;
    case 'denied':
      return CODES.PERMISSION_DENIED;
    case 'unavailable':
      return CODES.UNAVAILABLE;
    case 'exhausted':
      return CODES.RESOURCE_EXHAUSTED;
    case 'cancelled':
      return CODES.CANCELLED;
    case 'invalid':
    case 'internal':
      return CODES.UNKNOWN;
  }
}
