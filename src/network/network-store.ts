/** Networks on disk: one JSON document each, named only when it is whole. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { EngineError, invalid } from '../base/errors.ts';
import type { FileLocks } from '../kernel/contract.ts';
import type { Family } from './address.ts';
import type { NetworkRecord } from './contract.ts';

const ID = /^[0-9a-f]{64}$/;

export interface NetworkStoreOptions {
  /** Of the documents; made at the first write. */
  readonly dir: string;
  /** No other process changes what is there: what has been read is known, and no lock is needed. */
  readonly owned: boolean;
  readonly locks: FileLocks;
  /** Those that are there in any case, in Docker's order. What is on disk under the same id is shown instead. */
  readonly predefined: () => readonly NetworkRecord[];
}

/** What one network gave out last, by family. */
type Cursor = Partial<Record<Family, string>>;

export class NetworkStore {
  readonly #options: NetworkStoreOptions;
  readonly #cursors = new Map<string, Cursor>();
  #cache: Map<string, NetworkRecord> | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NetworkStoreOptions) {
    this.#options = options;
  }

  /** Predefined ones first, then by age. */
  all(): readonly NetworkRecord[] {
    const stored = this.#stored();
    const predefined = this.#options.predefined().map((network) => stored.get(network.id) ?? network);
    const ids = new Set(predefined.map(({ id }) => id));
    const others = [...stored.values()].filter(({ id }) => !ids.has(id));
    return [...predefined, ...others.toSorted((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0))];
  }

  isPredefined({ id }: Pick<NetworkRecord, 'id'>): boolean {
    return this.#options.predefined().some((network) => network.id === id);
  }

  /** By id, name, or the beginning of an id, in this order. Undefined for none; throws `invalid` where several begin so. */
  search(text: string): NetworkRecord | undefined {
    const all = this.all();
    const exact = all.find(({ id }) => id === text) ?? all.find(({ name }) => name === text);
    if (exact !== undefined) return exact;
    const beginning = all.filter(({ id }) => id.startsWith(text));
    if (beginning.length > 1) throw invalid(`network ${text} is ambiguous (${beginning.length} matches found based on ID prefix)`);
    return beginning[0];
  }

  /** As `search`; throws `not-found`. */
  find(text: string): NetworkRecord {
    const found = this.search(text);
    if (found === undefined) throw new EngineError('not-found', `network ${text} not found`);
    return found;
  }

  load(id: string): NetworkRecord | undefined {
    const stored = this.#cache === undefined && !this.#options.owned ? this.#read(id) : this.#stored().get(id);
    return stored ?? this.#options.predefined().find((network) => network.id === id);
  }

  /** One after another, also among processes: what is read and written in `work` is one change. `work` must not wait for another. */
  async change<T>(work: () => T | Promise<T>): Promise<T> {
    const locked = async () => {
      using _lock = this.#options.owned ? undefined : await this.#options.locks.lock(`${this.#options.dir}/.lock`, 'exclusive');
      return await work();
    };
    const mine = this.#turn.then(locked, locked);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  /** On disk when it returns. */
  save(record: NetworkRecord): void {
    this.#write(record.id, JSON.stringify(record));
    this.#cache?.set(record.id, record);
  }

  /**
   * Keeps a predefined network as it came to be, and gives what is kept: where others may work on the folder, what the
   * first of them wrote. With `replace` it is as given. A folder that takes no file changes nothing about it.
   */
  settle(record: NetworkRecord, replace: boolean): NetworkRecord {
    const before = this.#stored().get(record.id);
    if (before !== undefined && (!replace || JSON.stringify(before) === JSON.stringify(record))) return replace ? record : before;
    try {
      this.#write(record.id, JSON.stringify(record), replace);
    } catch {
      return record;
    }
    this.#cache?.set(record.id, record);
    return this.#stored().get(record.id) ?? record;
  }

  /** Removes what a process left behind that was killed as it wrote. Only where no other process writes. */
  tidy(): void {
    const { dir } = this.#options;
    for (const name of entries(dir)) if (/^\.[0-9a-f]{12}$/.test(name)) rmSync(`${dir}/${name}`, { force: true });
  }

  remove(id: string): void {
    rmSync(this.#path(id), { force: true });
    rmSync(this.#cursorPath(id), { force: true });
    this.#cursors.delete(id);
    this.#cache?.delete(id);
  }

  /** The address that the network gave out last, as a number. */
  last(id: string, family: Family): bigint | undefined {
    const text = (this.#options.owned ? this.#cursors.get(id) : this.#readCursor(id))?.[family];
    return text === undefined ? undefined : BigInt(text);
  }

  /** It gave this one out. Not worth an fsync: what is lost is that an address may come again sooner. */
  gave(id: string, family: Family, value: bigint): void {
    const cursor = { ...(this.#options.owned ? this.#cursors.get(id) : this.#readCursor(id)), [family]: String(value) };
    if (this.#options.owned) return void this.#cursors.set(id, cursor);
    mkdirSync(this.#options.dir, { recursive: true, mode: 0o700 });
    const temporary = `${this.#options.dir}/.${randomBytes(6).toString('hex')}`;
    writeFileSync(temporary, JSON.stringify(cursor), { mode: 0o600 });
    renameSync(temporary, this.#cursorPath(id));
  }

  #readCursor(id: string): Cursor | undefined {
    try {
      return JSON.parse(readFileSync(this.#cursorPath(id), 'utf8')) as Cursor;
    } catch {
      return undefined;
    }
  }

  #stored(): Map<string, NetworkRecord> {
    if (this.#cache !== undefined) return this.#cache;
    const found = new Map<string, NetworkRecord>();
    for (const name of entries(this.#options.dir)) {
      const id = name.replace(/\.json$/, '');
      if (!ID.test(id) || id === name) continue;
      const record = this.#read(id);
      if (record !== undefined) found.set(id, record);
    }
    if (this.#options.owned) this.#cache = found;
    return found;
  }

  /** Undefined for one that is not there, or was removed just now. */
  #read(id: string): NetworkRecord | undefined {
    if (!ID.test(id)) return undefined;
    try {
      const record = JSON.parse(readFileSync(this.#path(id), 'utf8')) as NetworkRecord;
      return record.id === id ? record : undefined;
    } catch {
      return undefined;
    }
  }

  #path(id: string): string {
    return `${this.#options.dir}/${id}.json`;
  }

  #cursorPath(id: string): string {
    return `${this.#options.dir}/${id}.last`;
  }

  /** Without `replace` what is there stays. */
  #write(id: string, text: string, replace = true): void {
    const { dir } = this.#options;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const temporary = `${dir}/.${randomBytes(6).toString('hex')}`;
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
      if (replace) renameSync(temporary, this.#path(id));
      else linkSync(temporary, this.#path(id));
    } catch (error) {
      if (replace || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      closeSync(fd);
      rmSync(temporary, { force: true });
    }
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
