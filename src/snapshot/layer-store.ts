/**
 * Layers on disk, the same for all drivers. In the driver's folder:
 *
 *     layers/HEX/   a layer under its diff id: `layer.json` and what the driver's writer has made
 *     tmp/          layers on their way in
 *     trash/        what is being removed
 *
 * A layer is synced before it is renamed to its name, so that the name means "whole" after a crash of the machine too:
 * a rename can reach the disk before the data that it is about. The next layer is at work meanwhile. Without `sync` only a
 * crash of the process is survived, which is right for a folder on a tmpfs, or where a lost layer is pulled again anyway.
 */
import { uniqueName } from '../base/unique-name.ts';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { digestHex, type Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import { ByteSender } from './byte-sender.ts';
import type { LayerInfo, LayerIngest, LayerProgress, LayerRequest, SnapshotDriver } from './contract.ts';
import { layerSync, type LayerSync } from './layer-sync.ts';
import type { RunningTask, WorkerPool } from './worker-pool.ts';
import type { FromWorker, IngestTask } from './worker-protocol.ts';

/** So many files are removed at once, without a thread. */
const FEW = 64;
/** Bytes: the file of a folder that has but few names is smaller, on every file system. */
const FEW_NAMES_SIZE = 64 << 10;
/** Of so many layers the size is kept in memory. */
const MOST_SIZES = 10_000;
/** What lies in `tmp` or `trash` for longer, in milliseconds, has probably been left there. */
const LEFT_MS = 60_000;

export interface LayerStoreOptions {
  readonly driver: SnapshotDriver['name'];
  readonly dir: string;
  readonly pool: WorkerPool;
  readonly sync?: ((folder: string) => Promise<void>) | undefined;
}

interface IngestOptions {
  readonly progress?: LayerProgress;
  readonly signal?: AbortSignal;
}

export class LayerStore {
  readonly #options: LayerStoreOptions;
  /** Files that layers are written to at the moment. */
  readonly #partials = new Set<string>();
  /** One after the other: a thread each, beside those of the next pull, would be too many. */
  #removals = Promise.resolve();
  readonly #sync: LayerSync;
  readonly #sizes = new Map<Digest, number>();

  constructor(options: LayerStoreOptions) {
    this.#options = options;
    const { sync, dir } = options;
    this.#sync = sync === undefined ? async () => {} : layerSync(sync, dir);
    for (const name of ['layers', 'tmp', 'trash']) mkdirSync(`${options.dir}/${name}`, { recursive: true, mode: 0o700 });
  }

  has(diffId: Digest): boolean {
    return existsSync(this.path(diffId));
  }

  list(): readonly Digest[] {
    return readdirSync(`${this.#options.dir}/layers`).map((hex): Digest => `sha256:${hex}`);
  }

  path(diffId: Digest): string {
    return `${this.#options.dir}/layers/${digestHex(diffId)}`;
  }

  /** `info`'s, kept in memory: of what is named by its content it is always the same. Throws `not-found` for one that never was there. */
  contentSize(diffId: Digest): number {
    const known = this.#sizes.get(diffId);
    if (known !== undefined) return known;
    const size = this.info(diffId).contentSize;
    if (this.#sizes.size >= MOST_SIZES) this.#sizes.clear();
    this.#sizes.set(diffId, size);
    return size;
  }

  /** As it was when the layer arrived. Throws `not-found`. */
  info(diffId: Digest): LayerInfo {
    try {
      return JSON.parse(readFileSync(`${this.path(diffId)}/layer.json`, 'utf8')) as LayerInfo;
    } catch (error) {
      throw new EngineError('not-found', `layer ${diffId} does not exist`, { cause: error });
    }
  }

  async ingest(request: LayerRequest, options: IngestOptions = {}): Promise<LayerIngest> {
    const ingest = new Ingest(this.#task(request, undefined), options);
    await this.#run(ingest, request, options.signal);
    return ingest;
  }

  async ingestFile(request: LayerRequest, file: NonNullable<IngestTask['file']>, options: IngestOptions = {}): Promise<LayerInfo> {
    const ingest = new Ingest(this.#task(request, file), options);
    await this.#run(ingest, request, options.signal);
    return ingest.result;
  }

  remove(diffId: Digest): void {
    this.#sizes.delete(diffId);
    this.trash(this.path(diffId), false);
  }

  /**
   * Takes a folder's name away and removes it in the background. Nothing there is fine. `small`: a few files are not large,
   * and are removed at once. `folders`, the deepest first, are all there is where nobody put anything into it.
   */
  trash(path: string, small = true, folders: readonly string[] = []): void {
    if (folders.length > 0 && removedEmpty(path, folders)) return;
    const to = `${this.#options.dir}/trash/${uniqueName()}`;
    try {
      renameSync(path, to);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    if (!hasFew(to)) this.#discard([to]);
    else if (!small) this.#later(() => rm(to, { recursive: true }).catch(() => this.#options.pool.do({ kind: 'remove', paths: [to] })));
    else if (!removed(to)) this.#discard([to]);
  }

  sweep(): void {
    const left = this.#left();
    if (left.length > 0) this.#discard(left);
  }

  untidy(): boolean {
    const old = Date.now() - LEFT_MS;
    return this.#left().some((path) => (statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? old) < old);
  }

  #left(): string[] {
    return ['tmp', 'trash'].flatMap((name) => readdirSync(`${this.#options.dir}/${name}`).map((entry) => `${this.#options.dir}/${name}/${entry}`));
  }

  /** When removals in the background are done. */
  async settled(): Promise<void> {
    for (let last; last !== this.#removals;) await (last = this.#removals);
  }

  #discard(paths: readonly string[]): void {
    this.#later(() => this.#options.pool.do({ kind: 'remove', paths }));
  }

  #later(remove: () => Promise<void>): void {
    // what cannot be removed now is in `trash` for the next sweep
    this.#removals = this.#removals.then(remove).catch(() => {});
  }

  #task({ blob, ...request }: LayerRequest, file: IngestTask['file']): IngestTask {
    const dir = `${this.#options.dir}/tmp/${uniqueName()}`;
    return { kind: 'ingest', driver: this.#options.driver, dir, request, partial: blob?.partial, file };
  }

  /** Resolves when the worker is ready for bytes. */
  async #run(ingest: Ingest, request: LayerRequest, signal: AbortSignal | undefined): Promise<void> {
    if (isAborted(signal)) throw new EngineError('cancelled', 'the layer was given up');
    const partial = request.blob?.partial;
    if (partial !== undefined && this.#partials.has(partial)) throw new EngineError('conflict', `${partial} is being written already`);
    if (partial !== undefined) this.#partials.add(partial);
    const onAbort = () => ingest.abort();
    let running;
    try {
      await mkdir(ingest.task.dir, { mode: 0o700 });
      running = await this.#options.pool.run<'ingest'>(ingest.task, (event) => ingest.onEvent(event), signal);
    } catch (error) {
      if (partial !== undefined) this.#partials.delete(partial);
      rmSync(ingest.task.dir, { recursive: true, force: true });
      throw error;
    }
    ingest.begin(
      running,
      running.result.then(
        (info) => this.#settle(ingest.task, request, info),
        (error: EngineError) => {
          // bytes that are known to be wrong must not be the beginning of the next try
          if (error.kind === 'invalid' && partial !== undefined) rmSync(partial, { force: true });
          if (existsSync(ingest.task.dir)) this.trash(ingest.task.dir); // the worker could not
          throw error;
        },
      ),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    const over = () => {
      signal?.removeEventListener('abort', onAbort);
      if (partial !== undefined) this.#partials.delete(partial);
    };
    ingest.result.then(over, over);
    if (isAborted(signal)) onAbort();
    await ingest.ready;
  }

  /** Gives blob and layer their names, once they are on the disk. Not synchronous: where much is written a rename waits, too. */
  async #settle(task: IngestTask, { blob }: LayerRequest, info: LayerInfo): Promise<LayerInfo> {
    try {
      await this.#sync(task.dir, blob?.partial);
    } catch (error) {
      this.trash(task.dir);
      throw error;
    }
    if (blob !== undefined) await rename(blob.partial, typeof blob.path === 'string' ? blob.path : blob.path(info.digest));
    try {
      await rename(task.dir, this.path(info.diffId));
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      this.trash(task.dir); // it is there already, from another image
    }
    return info;
  }
}

/** Whether a tree has but few files: then its removal is less work than the start of a thread. Nobody writes to it now. */
function hasFew(path: string): boolean {
  let left = FEW;
  const isSmall = (folder: Buffer): boolean => {
    if (statSync(folder).size > FEW_NAMES_SIZE) return false;
    const entries = readdirSync(folder, { withFileTypes: true, encoding: 'buffer' });
    left -= entries.length;
    return left >= 0 && entries.every((entry) => !entry.isDirectory() || isSmall(Buffer.concat([folder, Buffer.from('/'), entry.name])));
  };
  try {
    return isSmall(Buffer.from(path));
  } catch {
    return false;
  }
}

/** False where there is more than these folders; perhaps not all of them are there any more then. */
function removedEmpty(path: string, folders: readonly string[]): boolean {
  try {
    for (const folder of folders) rmdirSync(`${path}/${folder}`);
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** False where something stands in the way; perhaps not all of it is there any more then. */
function removed(path: string): boolean {
  try {
    rmSync(path, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** One layer on its way in, as its caller sees it. */
class Ingest implements LayerIngest {
  readonly task: IngestTask;
  readonly #options: IngestOptions;
  readonly #ready = Promise.withResolvers<void>();
  resumeAt = 0;
  result!: Promise<LayerInfo>;
  #post: RunningTask<LayerInfo>['post'] = () => {};
  #sender: ByteSender | undefined;
  #finished = false;

  constructor(task: IngestTask, options: IngestOptions) {
    this.task = task;
    this.#options = options;
    this.#ready.promise.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  begin(running: RunningTask<LayerInfo>, result: Promise<LayerInfo>): void {
    this.#post = running.post;
    this.result = result;
    const over = (error?: Error) => {
      this.#finished = true;
      this.#sender?.end(error);
    };
    result.then(
      () => over(),
      (error: Error) => {
        over(error);
        this.#ready.reject(error);
      },
    );
  }

  onEvent(event: FromWorker): void {
    if (event.event === 'ready') {
      this.resumeAt = event.resumeAt;
      this.#sender = new ByteSender((message, transfer) => this.#post(message, transfer), event.resumeAt);
      this.#ready.resolve();
    } else if (event.event === 'taken') {
      this.#sender?.onTaken(event);
      this.#options.progress?.(event.total);
    }
  }

  /** Nobody has it before it is ready. */
  write(chunk: Uint8Array): Promise<void> {
    return this.#sender!.write(chunk);
  }

  finish(): Promise<LayerInfo> {
    this.#sender?.flush();
    this.#post({ op: 'end' });
    return this.result;
  }

  /** What has come is kept in `partial`. */
  abort(): void {
    this.#sender?.flush();
    this.#post({ op: 'abort' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#finished) return;
    this.abort();
    await this.result.catch(() => {});
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
