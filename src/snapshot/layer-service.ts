/** The worker's side: does one task after the other as the main thread says. Everything here is synchronous inside. */
import type { MessagePort } from 'node:worker_threads';
import { EngineError } from '../base/errors.ts';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';
import { changesOf } from './changes.ts';
import type { SnapshotDriver } from './contract.ts';
import { diffTar } from './diff-tar.ts';
import { LayerJob } from './layer-job.ts';
import { FolderTree, MergedTree, type LayerTree, type TreeSource } from './layer-tree.ts';
import type { OpenLayerWriter } from './layer-writer.ts';
import { removeTree, usageOf } from './walk.ts';
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
    if (event.event === 'done' || event.event === 'failed') finished();
    port.postMessage(event, transfer);
  };
  if (task.kind === 'ingest') return ingest(say, parts, task);
  if (task.kind === 'diff') return diff(port, say, parts, task);
  try {
    say({ event: 'done', value: simple(parts, task) });
  } catch (error) {
    say({ event: 'failed', error: packError(error, `layer ${task.kind}`) });
  }
  return { message: () => {} };
}

function simple(parts: LayerServiceParts, task: Exclude<Task, { kind: 'ingest' | 'diff' }>): unknown {
  switch (task.kind) {
    case 'remove':
      for (const path of task.paths) removeTree(Buffer.from(path));
      return undefined;
    case 'usage': {
      // a container may be changing it: no link of its making leads out
      const tree = new FolderTree(parts.files, parts.root, task.path);
      try {
        return tree.inside(() => usageOf('/'));
      } finally {
        tree.close();
      }
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

function open(parts: LayerServiceParts, source: TreeSource): LayerTree {
  return source.kind === 'dir' ? new FolderTree(parts.files, parts.root, source.path) : parts.openTree(source);
}

type Say = (event: FromWorker, transfer?: ArrayBuffer[]) => void;

function ingest(say: Say, parts: LayerServiceParts, task: IngestTask): Running {
  let job: LayerJob | undefined;
  let over = false;
  const fail = (error: unknown) => {
    if (over) return;
    over = true;
    const packed = packError(error, job?.what ?? 'cannot unpack the layer');
    job?.abort();
    try {
      removeTree(Buffer.from(task.dir));
    } catch {
      // the main thread sees that it is still there, and it is told in any case
    }
    say({ event: 'failed', error: packed });
  };
  /** What is asked for, in its order, one at a time. */
  let last: Promise<void> = Promise.resolve();
  const then = (step: (job: LayerJob) => Promise<void>) => {
    last = last.then(async () => {
      if (!over) await step(job!);
    });
    last = last.catch(fail);
  };
  try {
    const writer = parts.writers[task.driver];
    if (writer === undefined) throw new EngineError('internal', `the worker has no driver ${task.driver}`);
    job = new LayerJob(task, parts.files, writer);
    say({ event: 'ready', resumeAt: job.resumeAt });
    const taken = () => say({ event: 'taken', total: job!.received });
    then((at) => at.readFiles(taken));
    const finish = async (at: LayerJob) => {
      const info = await at.finish();
      over = true;
      say({ event: 'done', value: info });
    };
    if (task.file !== undefined) then(finish);
    return {
      message(message) {
        if (message.op === 'chunk') {
          then(async (at) => {
            const memory = message.bytes.buffer as ArrayBuffer;
            await at.write(Buffer.from(memory, message.bytes.byteOffset, message.bytes.byteLength));
            say({ event: 'taken', total: at.received, memory }, [memory]);
          });
        } else if (message.op === 'end') then(finish);
        else if (message.op === 'abort') {
          job!.cancel();
          then(async () => fail(new EngineError('cancelled', 'the layer was given up')));
        }
      },
    };
  } catch (error) {
    fail(error);
    return { message: () => {} };
  }
}

function diff(port: MessagePort, say: (event: FromWorker) => void, parts: LayerServiceParts, task: { upper: string }): Running {
  let upper: FolderTree | undefined;
  let pieces: Generator<Buffer> | undefined;
  let room = WINDOW;
  const stop = (event: FromWorker) => {
    pieces = undefined;
    upper?.close();
    upper = undefined;
    say(event);
  };
  const go = () => {
    try {
      while (room > 0 && pieces !== undefined) {
        const next = pieces.next();
        if (next.done === true) return stop({ event: 'done', value: undefined });
        const bytes = new Uint8Array(next.value);
        room -= bytes.length;
        port.postMessage({ event: 'data', bytes } satisfies FromWorker, [bytes.buffer]);
      }
    } catch (error) {
      stop({ event: 'failed', error: packError(error, 'cannot read the layer') });
    }
  };
  try {
    upper = new FolderTree(parts.files, parts.root, task.upper);
    pieces = diffTar(upper, parts.files);
    queueMicrotask(go);
  } catch (error) {
    stop({ event: 'failed', error: packError(error, 'cannot read the layer') });
  }
  return {
    message(message) {
      if (pieces === undefined) return;
      if (message.op === 'more') {
        room = WINDOW;
        go();
      } else if (message.op === 'abort') {
        pieces.return(undefined);
        stop({ event: 'failed', error: { kind: 'cancelled', message: 'the diff was given up' } });
      }
    },
  };
}
