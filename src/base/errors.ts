/** What kind of failure it is. Each door maps a kind to its own status (HTTP status, exit code) in one switch. */
export type ErrorKind = 'not-found' | 'conflict' | 'invalid' | 'denied' | 'unavailable' | 'exhausted' | 'cancelled' | 'internal';

export interface ErrorOptionsOf<D> {
  /** The operation that failed, as `container run`. */
  readonly op?: string;
  readonly detail?: D;
  readonly cause?: unknown;
  /** What the user can do about it. */
  readonly hint?: string;
}

/** The one error that the engine throws. The message is lower case, has no full stop, and names what the user named. */
export class EngineError<D = unknown> extends Error {
  readonly kind: ErrorKind;
  readonly op: string | undefined;
  readonly detail: D | undefined;
  readonly hint: string | undefined;

  constructor(kind: ErrorKind, message: string, options: ErrorOptionsOf<D> = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'EngineError';
    this.kind = kind;
    this.op = options.op;
    this.detail = options.detail;
    this.hint = options.hint;
  }
}

/** A system call that failed. `code` is the errno's name, as Node names it. */
export class SyscallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path: string | undefined;

  constructor(syscall: string, errno: number, code: string, message: string, path?: string) {
    super(path === undefined ? `${syscall}: ${message}` : `${syscall} ${path}: ${message}`);
    this.name = 'SyscallError';
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.path = path;
  }
}

export function invalid(message: string, hint?: string): EngineError {
  return new EngineError('invalid', message, hint === undefined ? {} : { hint });
}
