/** How gRPC tells of failures. */
import { EngineError } from '../base/errors.ts';

/** gRPC's codes, those that are used here. */
export const CODES = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  OUT_OF_RANGE: 11,
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

/** The code for a failure of this engine. BuildKit has Unknown for all that fails in a build; clients print the others' names. */
export function codeOf(error: unknown): number {
  if (error instanceof GrpcError) return error.code;
  return error instanceof EngineError && error.kind === 'cancelled' ? CODES.CANCELLED : CODES.UNKNOWN;
}
