/** The folders that containers write to: `writable/ID/diff` and `writable/ID/work` in the driver's folder. */
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import type { Change, DiffOptions, Usage, WritableLayer } from './contract.ts';
import type { LayerStore } from './layer-store.ts';
import type { TreeSource } from './layer-tree.ts';
import { piecesOf } from './pieces.ts';
import type { WorkerPool } from './worker-pool.ts';

export class Writables {
  readonly #dir: string;
  readonly #pool: WorkerPool;
  readonly #store: LayerStore;

  constructor(dir: string, pool: WorkerPool, store: LayerStore) {
    this.#dir = `${dir}/writable`;
    this.#pool = pool;
    this.#store = store;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }

  create(id: string): WritableLayer {
    const { dir, work } = this.#paths(id);
    try {
      mkdirSync(`${this.#dir}/${id}`, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      throw new EngineError('conflict', `the writable layer ${id} exists already`);
    }
    mkdirSync(dir);
    chmodSync(dir, 0o755); // it is the container's /
    mkdirSync(work, { mode: 0o700 });
    return { dir, work };
  }

  /** Throws `not-found`. */
  get(id: string): WritableLayer {
    const paths = this.#paths(id);
    if (!existsSync(paths.dir)) throw new EngineError('not-found', `the writable layer ${id} does not exist`);
    return paths;
  }

  list(): readonly string[] {
    return readdirSync(this.#dir);
  }

  remove(id: string): void {
    this.#paths(id);
    // with the one that overlayfs makes
    this.#store.trash(`${this.#dir}/${id}`, true, ['diff', 'work/work', 'work']);
  }

  usage(id: string, { without = [] }: DiffOptions): Promise<Usage> {
    return this.#pool.do({ kind: 'usage', path: this.get(id).dir, without });
  }

  async changes(lower: readonly TreeSource[], id: string): Promise<readonly Change[]> {
    const changes = await this.#pool.do({ kind: 'changes', upper: this.get(id).dir, lower });
    return changes.map(({ kind, path }) => ({ kind, path: Buffer.from(path) })); // a message makes plain bytes of it
  }

  diff(lower: readonly TreeSource[], id: string, { without = [] }: DiffOptions): AsyncGenerator<Buffer> {
    return piecesOf(this.#pool, { kind: 'diff', upper: this.get(id).dir, lower, without });
  }

  #paths(id: string): WritableLayer {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$/.test(id)) throw invalid(`invalid id of a writable layer: ${JSON.stringify(id)}`);
    return { dir: `${this.#dir}/${id}/diff`, work: `${this.#dir}/${id}/work` };
  }
}
