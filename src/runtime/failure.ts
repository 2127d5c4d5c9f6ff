/** A failed plan as one sentence that names what the user gave. */
import { constants } from 'node:os';
import { EngineError, SyscallError } from '../base/errors.ts';
import { explainStep } from './explain.ts';
import { OPS, type Op, type Plan } from '../plan/ops.ts';

/** What the helper says of an operation that failed. */
export interface StepFailure {
  /** The operation's position in the plan; -1 when the plan itself was refused. */
  readonly index: number;
  readonly errno: number;
  readonly detail: string;
}

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number as number, name]));

/** The C library's words for the errors that a plan meets; users and scripts know them. */
const WORDS: Readonly<Record<string, string>> = {
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  EIO: 'input/output error',
  E2BIG: 'argument list too long',
  ENOEXEC: 'exec format error',
  EBADF: 'bad file descriptor',
  EAGAIN: 'resource temporarily unavailable',
  ENOMEM: 'cannot allocate memory',
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EXDEV: 'invalid cross-device link',
  ENODEV: 'no such device',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EINVAL: 'invalid argument',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  ENAMETOOLONG: 'file name too long',
  ENOSYS: 'function not implemented',
  ELOOP: 'too many levels of symbolic links',
  ETXTBSY: 'text file busy',
  ECANCELED: 'operation canceled',
  ESRCH: 'no such process',
  ETIMEDOUT: 'timed out',
  ECONNREFUSED: 'connection refused',
  EOPNOTSUPP: 'operation not supported',
};

export interface StepDetail {
  readonly step: number;
  readonly op: string;
  /** Docker's exit code for it: 127 the program or its folder is not found, 126 not executable, 125 anything else. */
  readonly exitCode: 125 | 126 | 127;
  /** The step as `explain` shows it, where that says more than the message. */
  readonly shown?: string;
}

/** The error for a failed step. Its cause is a SyscallError; its detail has the exit code that Docker would give. */
export function describeFailure(plan: Plan, failure: StepFailure): EngineError<StepDetail> {
  const op = plan.ops[failure.index];
  if (op === undefined) {
    return new EngineError<StepDetail>('internal', `the helper refused the plan: ${failure.detail || 'malformed'}`, {
      detail: { step: failure.index, op: '', exitCode: 125 },
      hint: 'the helper and the engine may be of different builds: run npm ci',
    });
  }
  const code = NAMES.get(failure.errno) ?? `errno ${failure.errno}`;
  const exec = op.op === 'exec' || op.op === 'check-exec';
  const syscall = OPS[op.op].man.replace(/\(.*/, '');
  const cause = new SyscallError(syscall, failure.errno, code, WORDS[code] ?? code, failure.detail || undefined);
  const missing = code === 'ENOENT' || (exec && code === 'ENOTDIR');
  const exitCode = missing && (exec || op.op === 'cwd') ? 127 : exec ? 126 : 125;
  return new EngineError<StepDetail>(kindOf(code, exec), sentence(op, code, failure.detail, exec), {
    detail: { step: failure.index, op: op.op, exitCode, ...(exec ? {} : { shown: explainStep(op, failure.index) }) },
    cause,
    hint: hintFor(op, code),
  });
}

function sentence(op: Op, code: string, detail: string, exec: boolean): string {
  const subject = op.subject ?? op.op;
  const words = WORDS[code] ?? code;
  if (exec) {
    const file = op.op === 'exec' ? op.argv[0]! : op.op === 'check-exec' ? op.file : '';
    // runc's words, which docker and its users look for
    if (!file.includes('/') && code === 'ENOENT') return `exec: ${JSON.stringify(file)}: executable file not found in $PATH`;
    return code === 'ENOENT' && op.op === 'check-exec' ? `exec: ${JSON.stringify(file)}: stat ${file}: ${words}` : `exec: ${JSON.stringify(file)}: ${words}`;
  }
  // runc's words, which docker passes on
  if (op.op === 'cwd' && code !== 'EPERM') return `chdir to cwd (${JSON.stringify(op.path)}) set in config.json failed: ${words}`;
  // what the hook said of itself is all there is to say
  if (op.op === 'hook' && detail !== '' && (code === 'ECHILD' || code === 'ETIMEDOUT')) return `error running ${subject}: ${detail}`;
  if (op.op === 'open' && code === 'EXDEV') return `${subject}: it leads out of there`;
  const named = detail !== '' && !subject.includes(detail) ? `${subject}: ${detail}` : subject;
  return `${named}: ${words}`;
}

function kindOf(code: string, exec: boolean): 'not-found' | 'invalid' | 'denied' | 'exhausted' | 'internal' {
  if (exec) return 'invalid';
  if (code === 'ENOENT') return 'not-found';
  if (code === 'EPERM' || code === 'EACCES') return 'denied';
  if (code === 'ENOSPC' || code === 'ENOMEM' || code === 'EMFILE' || code === 'EAGAIN') return 'exhausted';
  if (code === 'EINVAL' || code === 'ENOTDIR' || code === 'ELOOP' || code === 'EXDEV') return 'invalid';
  return 'internal';
}

function hintFor(op: Op, code: string): string | undefined {
  if (op.op === 'clone' && code === 'EPERM') return 'making namespaces needs root (CAP_SYS_ADMIN)';
  if (op.op === 'clone' && code === 'ENOSPC') return 'a limit in /proc/sys/user (max_*_namespaces) is reached';
  if (op.op === 'exec' && code === 'ENOEXEC') return 'the program is for another kind of processor, or a script without a #! line';
  if (op.op === 'fs-create' && code === 'ENODEV') return 'the kernel has no support for this file system';
  if (op.op === 'write-file' && op.path.endsWith('attr/apparmor/exec') && code === 'ENOENT') {
    return 'the profile is not loaded: aa-status lists those that are, apparmor_parser -r FILE loads one';
  }
  if (op.op === 'check-process') return 'the container to join has just ended';
  if (op.op === 'mount-setattr' && op.userns !== undefined)
    return 'the owners of this file system cannot be mapped by this kernel (mount_setattr(2), MOUNT_ATTR_IDMAP)';
  if (op.op === 'id-map' && code === 'EPERM') return 'see /etc/subuid and /etc/subgid';
  return undefined;
}
