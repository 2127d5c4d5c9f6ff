/** What the main thread and a layer worker say to each other. One task at a time. */
import { EngineError, type ErrorKind } from '../base/errors.ts';
import type { ArchiveOptions, Change, FileStat, LayerInfo, LayerRequest, SnapshotDriver, UnpackOptions, Usage } from './contract.ts';
import type { TreeSource } from './layer-tree.ts';

export interface IngestTask {
  readonly kind: 'ingest';
  readonly driver: SnapshotDriver['name'];
  /** The new layer's folder; exists, and is removed by the worker when it fails. */
  readonly dir: string;
  readonly request: Omit<LayerRequest, 'blob'>;
  /** The request's, where its blob is kept. */
  readonly partial?: string | undefined;
  /** Where the bytes are; without it they come as `chunk` messages. */
  readonly file?: { readonly path: string; readonly offset?: number; readonly length?: number } | undefined;
}

export type Task =
  | IngestTask
  /** Removes trees. */
  | { readonly kind: 'remove'; readonly paths: readonly string[] }
  | { readonly kind: 'usage'; readonly path: string; readonly without?: readonly string[] }
  | { readonly kind: 'changes'; readonly upper: string; readonly lower: readonly TreeSource[] }
  | { readonly kind: 'diff'; readonly upper: string; readonly lower: readonly TreeSource[]; readonly without: readonly string[] }
  | { readonly kind: 'stat'; readonly root: string; readonly path: string }
  | { readonly kind: 'list'; readonly root: string; readonly path: string }
  | { readonly kind: 'archive'; readonly root: string; readonly path: string; readonly options: ArchiveOptions }
  /** Its bytes come as `chunk` messages. */
  | { readonly kind: 'unpack'; readonly root: string; readonly path: string; readonly options: UnpackOptions };

/** What a task gives. */
export interface TaskResults {
  ingest: LayerInfo;
  remove: undefined;
  usage: Usage;
  changes: readonly Change[];
  diff: undefined;
  stat: FileStat;
  list: readonly string[];
  archive: undefined;
  unpack: undefined;
}

export type ToWorker =
  | { readonly op: 'task'; readonly task: Task }
  /** The next bytes of a layer. */
  | { readonly op: 'chunk'; readonly bytes: Uint8Array }
  | { readonly op: 'end' }
  /** Some of a task's output has been taken: there is room for more. */
  | { readonly op: 'more' }
  /** Gives the task up. */
  | { readonly op: 'abort' };

export type FromWorker =
  /** A layer's bytes may come: from this place on. */
  | { readonly event: 'ready'; readonly resumeAt: number }
  /** All bytes that have been worked on so far; the memory of the last piece comes back, to be used again. */
  | { readonly event: 'taken'; readonly total: number; readonly memory?: ArrayBuffer }
  | { readonly event: 'data'; readonly bytes: Uint8Array }
  | { readonly event: 'done'; readonly value: unknown }
  | { readonly event: 'failed'; readonly error: WireError };

/** An error as a message; classes do not survive. */
export interface WireError {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly stack?: string | undefined;
  /** Where it is about the path that a task was given: the errno's name. */
  readonly code?: string | undefined;
}

export function packError(error: unknown, what: string): WireError {
  if (error instanceof EngineError) {
    return { kind: error.kind, message: error.message, hint: error.hint, code: (error.detail as { code?: string } | undefined)?.code };
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  const kind = ERRNO_KINDS[code ?? ''] ?? 'internal';
  return { kind, message: `${what}: ${code === 'ENOSPC' ? 'no space left on device' : message}`, ...(kind === 'internal' && { stack }) };
}

export function unpackError(error: WireError): EngineError {
  return new EngineError(error.kind, error.message, {
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.stack !== undefined && { cause: error.stack }),
    ...(error.code !== undefined && { detail: { code: error.code } }),
  });
}

/** What the file system says of a layer's entries. */
const ERRNO_KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOSPC: 'exhausted',
  EDQUOT: 'exhausted',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOMEM: 'exhausted',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'not-found',
  ENAMETOOLONG: 'invalid',
  EFBIG: 'invalid',
  EMLINK: 'invalid',
  ELOOP: 'invalid',
  ENOTDIR: 'invalid',
  EISDIR: 'invalid',
  // somebody else is at work there, or has mounted something
  EBUSY: 'conflict',
  EEXIST: 'conflict',
  ENOTEMPTY: 'conflict',
  EXDEV: 'invalid',
  // attributes that the kernel does not take
  EINVAL: 'invalid',
  ERANGE: 'invalid',
  E2BIG: 'invalid',
};
