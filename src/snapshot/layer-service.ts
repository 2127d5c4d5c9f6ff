/** The worker's side: does one task after the other as the main thread says. Everything here is synchronous inside. */
import type { MessagePort } from 'node:worker_threads';
import { EngineError, type ErrorKind } from '../base/errors.ts';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';
import { changesOf } from './changes.ts';
import type { SnapshotDriver } from './contract.ts';
import { collectDeadBuffers } from './dead-buffers.ts';
import { diffTar } from './diff-tar.ts';
import { LayerJob } from './layer-job.ts';
import { FolderTree, MergedTree, type LayerTree, type TreeSource } from './layer-tree.ts';
import type { OpenLayerWriter } from './layer-writer.ts';
import { codeOf, Rooted } from './rooted.ts';
import { rootedTar } from './rooted-archive.ts';
import { listRooted, rootedPath, statRooted, type RootedPath } from './rooted-path.ts';
import { RootedUnpack } from './rooted-unpack.ts';
import { UnpackJob } from './unpack-job.ts';
import { removeDeepTree, usageOf } from './walk.ts';
import { packError, type FromWorker, type IngestTask, type Task, type ToWorker } from './worker-protocol.ts';

/** What the worker is put together from. */
export interface LayerServiceParts {
  readonly files: RawFiles;
  readonly root: ThreadRoot;
  readonly writers: Readonly<Partial<Record<SnapshotDriver['name'], OpenLayerWriter>>>;
  /** Opens a layer that is no folder. */
  openTree(source: Extract<TreeSource, { kind: 'erofs' }>): LayerTree;
}

/** Bytes of a diff that may be on their way to the main thread. */
const WINDOW = 4 << 20;

/** From this length on, in bytes, a piece goes by itself. */
const BIG = 64 << 10;
/** Headers and small files go together, in bytes: a message for each would cost more than they do. */
const TOGETHER = 256 << 10;

export function serveLayers(port: MessagePort, parts: LayerServiceParts): void {
  let running: Running | undefined;
  const finished = () => (running = undefined);
  port.on('message', (message: ToWorker) => {
    if (message.op === 'task') running = start(port, parts, message.task, finished);
    else running?.message(message);
  });
}

interface Running {
  message(message: ToWorker): void;
}

function start(port: MessagePort, parts: LayerServiceParts, task: Task, finished: () => void): Running {
  const say: Say = (event, transfer = []) => {
    const isLast = event.event === 'done' || event.event === 'failed';
    if (isLast) finished();
    port.postMessage(event, transfer);
    if (isLast) collectDeadBuffers();
  };
  if (task.kind === 'ingest') return ingest(say, parts, task);
  if (task.kind === 'unpack') return unpack(say, parts, task);
  if (task.kind === 'diff') return diff(port, say, parts, task);
  if (task.kind === 'archive') return archive(port, say, parts, task);
  try {
    say({ event: 'done', value: simple(parts, task) });
  } catch (error) {
    say({ event: 'failed', error: packError(error, `layer ${task.kind}`) });
  }
  return { message: () => {} };
}

function simple(parts: LayerServiceParts, task: Exclude<Task, { kind: 'ingest' | 'unpack' | 'diff' | 'archive' }>): unknown {
  switch (task.kind) {
    case 'remove':
      removeAll(task.paths);
      return undefined;
    case 'usage': {
      // a container may be changing it: no link of its making leads out
      const tree = new FolderTree(parts.files, parts.root, task.path);
      try {
        return tree.inside(() => usageOf('/', task.without ?? [], (folder, what) => tree.deeper(folder, what)));
      } finally {
        tree.close();
      }
    }
    case 'stat': {
      using rooted = new Rooted(parts.files, parts.root, task.root);
      const path = rootedPath(task.path);
      return at(path, () => statRooted(rooted, path));
    }
    case 'list': {
      using rooted = new Rooted(parts.files, parts.root, task.root);
      const path = rootedPath(task.path);
      return at(path, () => listRooted(rooted, path));
    }
    case 'changes': {
      const upper = new FolderTree(parts.files, parts.root, task.upper);
      const lower: LayerTree[] = [];
      try {
        for (const source of task.lower) lower.push(open(parts, source));
        return changesOf(upper, new MergedTree(lower));
      } finally {
        for (const tree of [upper, ...lower]) tree.close();
      }
    }
  }
}

/** What cannot be removed stands in no other's way. */
function removeAll(paths: readonly string[]): void {
  const failures: unknown[] = [];
  for (const path of paths) {
    try {
      removeDeepTree(Buffer.from(path));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function open(parts: LayerServiceParts, source: TreeSource): LayerTree {
  return source.kind === 'dir' ? new FolderTree(parts.files, parts.root, source.path) : parts.openTree(source);
}

type Say = (event: FromWorker, transfer?: ArrayBuffer[]) => void;

/** Work on bytes that come piece by piece; `LayerJob` is one. */
interface ByteJob {
  readonly received: number;
  /** What is at work, for messages. */
  readonly what: string;
  write(chunk: Buffer): Promise<void>;
  finish(): Promise<unknown>;
  cancel(): void;
  abort(): void;
}

function ingest(say: Say, parts: LayerServiceParts, task: IngestTask): Running {
  const open = () => {
    const writer = parts.writers[task.driver];
    if (writer === undefined) throw new EngineError('internal', `the worker has no driver ${task.driver}`);
    return new LayerJob(task, parts.files, writer);
  };
  return takeBytes(say, 'the layer', open, {
    resumeAt: (job) => job.resumeAt,
    begin: (job, taken) => job.readFiles(taken),
    alone: task.file !== undefined,
    failed: () => removeDeepTree(Buffer.from(task.dir)),
  });
}

function unpack(say: Say, parts: LayerServiceParts, task: Extract<Task, { kind: 'unpack' }>): Running {
  const open = () => {
    const rooted = new Rooted(parts.files, parts.root, task.root);
    try {
      const path = rootedPath(task.path);
      return new UnpackJob(
        rooted,
        at(path, () => new RootedUnpack(rooted, path, task.options)),
      );
    } catch (error) {
      rooted[Symbol.dispose]();
      throw error;
    }
  };
  return takeBytes(say, 'the archive', open, { resumeAt: () => 0, begin: async () => {}, alone: false, failed: () => {} });
}

interface ByteTask<J> {
  /** How many bytes it has already. */
  resumeAt(job: J): number;
  begin(job: J, taken: () => void): Promise<void>;
  /** Everything is there already: no bytes come. */
  readonly alone: boolean;
  failed(): void;
}

function takeBytes<J extends ByteJob>(say: Say, what: string, open: () => J, how: ByteTask<J>): Running {
  let job: J | undefined;
  let over = false;
  const fail = (error: unknown) => {
    if (over) return;
    over = true;
    const packed = packError(error, job?.what ?? `cannot unpack ${what}`);
    job?.abort();
    try {
      how.failed();
    } catch {
      // the main thread sees that it is still there, and it is told in any case
    }
    say({ event: 'failed', error: packed });
  };
  /** What is asked for, in its order, one at a time. */
  let last: Promise<void> = Promise.resolve();
  const then = (step: (job: J) => Promise<void>) => {
    last = last.then(async () => {
      if (!over) await step(job!);
    });
    last = last.catch(fail);
  };
  try {
    job = open();
    say({ event: 'ready', resumeAt: how.resumeAt(job) });
    const taken = () => say({ event: 'taken', total: job!.received });
    then((opened) => how.begin(opened, taken));
    const finish = async (opened: J) => {
      const value = await opened.finish();
      over = true;
      say({ event: 'done', value });
    };
    if (how.alone) then(finish);
    return {
      message(message) {
        if (message.op === 'chunk') {
          then(async (opened) => {
            const memory = message.bytes.buffer as ArrayBuffer;
            await opened.write(Buffer.from(memory, message.bytes.byteOffset, message.bytes.byteLength));
            say({ event: 'taken', total: opened.received, memory }, [memory]);
          });
        } else if (message.op === 'end') then(finish);
        else if (message.op === 'abort') {
          job!.cancel();
          then(async () => fail(new EngineError('cancelled', `${what} was given up`)));
        }
      },
    };
  } catch (error) {
    fail(error);
    return { message: () => {} };
  }
}

function diff(port: MessagePort, say: Say, parts: LayerServiceParts, task: Extract<Task, { kind: 'diff' }>): Running {
  return giveBytes(port, say, 'the layer', () => {
    const upper = new FolderTree(parts.files, parts.root, task.upper);
    return { pieces: diffTar(upper, parts.files, new Set(task.without)), close: () => upper.close() };
  });
}

function archive(port: MessagePort, say: Say, parts: LayerServiceParts, task: Extract<Task, { kind: 'archive' }>): Running {
  return giveBytes(port, say, 'the files', () => {
    const path = rootedPath(task.path);
    const rooted = new Rooted(parts.files, parts.root, task.root);
    return { pieces: locating(path, rootedTar(rooted, path, task.options)), close: () => rooted[Symbol.dispose]() };
  });
}

/** What stands in the way of the first piece is about the path. */
function* locating(path: RootedPath, pieces: Generator<Buffer>): Generator<Buffer> {
  try {
    const first = at(path, () => pieces.next());
    if (first.done === true) return;
    yield first.value;
    yield* pieces;
  } finally {
    pieces.return(undefined);
  }
}

function giveBytes(port: MessagePort, say: Say, what: string, open: () => { readonly pieces: Generator<Buffer>; close(): void }): Running {
  let source: ReturnType<typeof open> | undefined;
  let room = WINDOW;
  const stop = (event: FromWorker) => {
    const ended = source;
    source = undefined;
    ended?.pieces.return(undefined);
    ended?.close();
    say(event);
  };
  const post = (bytes: Uint8Array) => {
    room -= bytes.length;
    port.postMessage({ event: 'data', bytes } satisfies FromWorker, [bytes.buffer as ArrayBuffer]);
  };
  let small: Uint8Array | undefined;
  let gathered = 0;
  const postSmall = () => {
    if (small !== undefined) post(small.subarray(0, gathered));
    small = undefined;
    gathered = 0;
  };
  const go = () => {
    try {
      while (room > gathered && source !== undefined) {
        const next = source.pieces.next();
        if (next.done === true || next.value.length >= BIG) postSmall();
        if (next.done === true) return stop({ event: 'done', value: undefined });
        const { value } = next;
        // one that fills its memory goes as it is
        if (value.length >= BIG) post(value.length === value.buffer.byteLength ? value : new Uint8Array(value));
        else {
          if (gathered + value.length > TOGETHER) postSmall();
          small ??= new Uint8Array(TOGETHER);
          small.set(value, gathered);
          gathered += value.length;
        }
      }
      postSmall();
    } catch (error) {
      stop({ event: 'failed', error: packError(error, `cannot read ${what}`) });
    }
  };
  try {
    source = open();
    queueMicrotask(go);
  } catch (error) {
    stop({ event: 'failed', error: packError(error, `cannot read ${what}`) });
  }
  return {
    message(message) {
      if (source === undefined) return;
      if (message.op === 'more') {
        room = WINDOW;
        go();
      } else if (message.op === 'abort') {
        stop({ event: 'failed', error: { kind: 'cancelled', message: `${what}: given up` } });
      }
    },
  };
}

const WORDS: Readonly<Record<string, readonly [ErrorKind, string]>> = {
  ENOENT: ['not-found', 'no such file or directory'],
  ENOTDIR: ['invalid', 'not a directory'],
  ELOOP: ['invalid', 'too many levels of symbolic links'],
  EROFS: ['denied', 'read-only file system'],
};

/** Looks for something at a path: what the kernel says is about that. */
function at<T>(path: RootedPath, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const [kind, words] = WORDS[codeOf(error)] ?? [];
    if (kind === undefined) throw error;
    throw new EngineError(kind, `lstat ${path.text}: ${words}`, { detail: { code: codeOf(error) } });
  }
}
