/** Containers on disk: one folder each, one JSON document in it, named only when it is whole. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { uniqueName } from '../base/unique-name.ts';
import { EngineError } from '../base/errors.ts';
import type { Spec } from '../runtime/spec.ts';
import { parseJson, toJson } from '../runtime/validate.ts';
import { commandOf } from './container-document.ts';
import { erase } from './container-erase.ts';
import { ContainerExits, readExit } from './container-exits.ts';
import { ContainerNames } from './container-names.ts';
import { ContainerPlaces, entries } from './container-places.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerExit, ContainerInfo } from './contract.ts';
import { lives, owner, ownerLives } from './process-id.ts';

export class ContainerStore extends ContainerPlaces {
  readonly #names: ContainerNames;

  /** What has been read, where no other process writes. */
  readonly #cache: Map<string, ContainerRecord> | undefined;
  readonly #exits = new ContainerExits((id) => this.#cache?.has(id) === true);
  readonly #specs = new Map<string, Spec>();

  /** What has places in networks as containers have, and is none: steps of builds. Only in memory: they end with this process. */
  readonly #guests = new Map<string, ContainerRecord>();

  /**
   * `root`: of what outlives the machine's next start. `owned`: no other process changes what is there, so that what has
   * been read is known. Throws `invalid` for a folder whose name leaves no room for a socket's (unix(7): 107 bytes).
   */
  constructor(stateDir: string, { root = stateDir, owned = false }: { readonly root?: string; readonly owned?: boolean } = {}) {
    super(stateDir, root);
    this.#names = new ContainerNames(`${root}/names`, (holder) => this.#holds(holder));
    if (owned) {
      this.#cache = new Map();
      for (const id of entries(this.dir)) if (!id.startsWith('.')) this.load(id);
    }
  }

  /**
   * The folder of a new container appears with its record and what `fill` puts into it, or not at all. `name`: to be
   * this container's alone; throws Docker's `conflict` when it is another's.
   */
  create(record: ContainerRecord, name: string | undefined, fill: (dir: string) => void): void {
    const { id } = record;
    const work = this.#work(id, owner());
    mkdirSync(`${work}/root`, { recursive: true, mode: 0o711 });
    try {
      mkdirSync(this.sockets, { recursive: true, mode: 0o700 });
      if (name !== undefined) this.#names.claim(name, id);
      fill(work);
      writeFileSync(`${work}/container.json`, JSON.stringify(record), { mode: 0o600 });
      renameSync(work, this.paths(id).dir);
      this.#cache?.set(id, record);
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      if (name !== undefined) this.#names.release(name, id);
      throw error;
    }
  }

  /** Throws Docker's `conflict` where a name is another container's already. It may become so at any moment. */
  checkName(name: string): void {
    this.#names.check(name);
  }

  /** A folder on its way in or out; the next sweep removes that of a process which is no more. */
  #work(id: string, of: string): string {
    return `${this.dir}/.${of}-${id}`;
  }

  #holds(holder: string): boolean {
    const [id = '', of = ''] = holder.split('@');
    const { dir } = this.paths(id);
    // twice: it may get its final name between the looks
    return existsSync(dir) || (ownerLives(of) && existsSync(this.#work(id, of))) || existsSync(dir);
  }

  /** Known by its id to `load` and `save` until it is disposed of, and among no containers. */
  admit(guest: ContainerRecord): Disposable {
    mkdirSync(this.sockets, { recursive: true, mode: 0o700 });
    this.#guests.set(guest.id, guest);
    return {
      [Symbol.dispose]: () => {
        this.#guests.delete(guest.id);
        rmSync(this.socket(guest.id), { force: true });
      },
    };
  }

  guests(): readonly ContainerRecord[] {
    return [...this.#guests.values()];
  }

  save(record: ContainerRecord): void {
    if (this.#guests.has(record.id)) return void this.#guests.set(record.id, record);
    this.#write(record);
    this.#cache?.set(record.id, record);
  }

  /**
   * For an engine that owns its data root. On disk now, for who finds it there after this process has been killed; known
   * here from the call of what is returned, which gives it, with what was changed meanwhile: undefined where it was removed.
   */
  saveAhead(record: ContainerRecord, change: Partial<ContainerRecord>): () => ContainerRecord | undefined {
    const { id } = record;
    const before = this.load(id);
    const after = { ...record, ...change };
    if (!this.#guests.has(id)) this.#write(after);
    return () => {
      if (this.load(id) !== before) return this.note(id, change);
      this.remember(after);
      return after;
    };
  }

  #write(record: ContainerRecord): void {
    const { record: path } = this.paths(record.id);
    const temporary = `${path}.${uniqueName()}`;
    try {
      writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new EngineError('not-found', `No such container: ${record.id}`, { cause: error });
      throw error;
    }
  }

  /**
   * As `save`, for what the next start of an engine finds out by itself: one that owns its data root knows it alone, and
   * it is on disk with the next change.
   */
  remember(record: ContainerRecord): void {
    if (this.#cache === undefined || this.#guests.has(record.id)) return this.save(record);
    if (!this.#cache.has(record.id)) throw new EngineError('not-found', `No such container: ${record.id}`);
    this.#cache.set(record.id, record);
  }

  /** Changes a container's record, as it is now; undefined when it is no more. */
  change(id: string, change: Partial<ContainerRecord>): ContainerRecord | undefined {
    const now = this.load(id);
    if (now === undefined) return undefined;
    const record = { ...now, ...change };
    this.save(record);
    return record;
  }

  /**
   * Changes what has happened to a container, which is so whether or not there is room for it on the disk. An engine that
   * owns its data root then knows it alone; it is on disk with the next change that finds room.
   */
  note(id: string, change: Partial<ContainerRecord>): ContainerRecord | undefined {
    try {
      return this.change(id, change);
    } catch (error) {
      const now = this.#cache?.get(id);
      if (now === undefined || (error as NodeJS.ErrnoException).code === undefined) throw error;
      const record = { ...now, ...change };
      this.#cache!.set(id, record);
      return record;
    }
  }

  load(id: string): ContainerRecord | undefined {
    const known = this.#guests.get(id) ?? this.#cache?.get(id);
    if (known !== undefined) return known;
    try {
      const record = JSON.parse(readFileSync(this.paths(id).record, 'utf8')) as ContainerRecord;
      this.#cache?.set(id, record);
      return record;
    } catch {
      return undefined;
    }
  }

  /** The spec of its last start, written before its program runs. */
  saveSpec(id: string, spec: Spec): void {
    writeFileSync(`${this.paths(id).dir}/spec.json`, toJson(spec), { mode: 0o600 });
    if (this.#cache !== undefined) this.#specs.set(id, spec);
  }

  /** Undefined for one that was never started. */
  spec(id: string): Spec | undefined {
    const known = this.#specs.get(id);
    if (known !== undefined) return known;
    try {
      const spec = parseJson(readFileSync(`${this.paths(id).dir}/spec.json`, 'utf8'), 'spec.json', { nulls: true }) as Spec;
      if (this.#cache?.has(id)) this.#specs.set(id, spec);
      return spec;
    } catch {
      return undefined;
    }
  }

  /** Gives a container another name. Throws Docker's `conflict` when it is another's. */
  rename(record: ContainerRecord, name: string): ContainerRecord {
    this.#names.claim(name, record.id);
    const renamed = { ...record, name };
    try {
      this.save(renamed);
    } catch (error) {
      this.#names.release(name, record.id);
      throw error;
    }
    this.#names.release(record.name, record.id);
    return renamed;
  }

  /** Forgets how a container ended: it is to start again. */
  forgetExit(id: string): void {
    this.#exits.forget(id);
    rmSync(this.paths(id).exit, { force: true });
  }

  /** The container is gone at once; its files are when it resolves. */
  remove({ id, name }: Pick<ContainerRecord, 'id' | 'name'>): Promise<void> {
    const aside = `${this.dir}/.${owner()}-gone-${id}`;
    this.#cache?.delete(id);
    this.#exits.forget(id);
    this.#specs.delete(id);
    try {
      renameSync(this.paths(id).dir, aside);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    this.#names.release(name, id);
    this.removeSockets(id);
    return erase(aside);
  }

  /** Sockets of the container's monitor and of its execs', when none of them lives. */
  removeSockets(id: string): void {
    for (const name of entries(this.sockets)) if (name.startsWith(id.slice(0, 12))) rmSync(`${this.sockets}/${name}`, { force: true });
  }

  all(): ContainerRecord[] {
    if (this.#cache !== undefined) return [...this.#cache.values()];
    return entries(this.dir).flatMap((id) => (id.startsWith('.') ? [] : (this.load(id) ?? [])));
  }

  /** By id, unique beginning of an id, or name. Docker's words when there is none. */
  find(text: string): ContainerRecord {
    const known = this.#cache?.get(text);
    if (known !== undefined) return known;
    const all = this.all();
    const name = text.replace(/^\//, '');
    const exact = all.find((record) => record.id === text || record.name === name);
    if (exact !== undefined) return exact;
    const beginning = text === '' ? [] : all.filter((record) => record.id.startsWith(text));
    if (beginning.length > 1) throw new EngineError('invalid', `multiple IDs found with provided prefix: ${text}`);
    if (beginning[0] === undefined) throw new EngineError('not-found', `No such container: ${text}`);
    return beginning[0];
  }

  /** Keeps how a container ended, unless that is known already; gives what is kept. */
  saveExit(id: string, exit: ContainerExit): ContainerExit {
    return this.#exits.save(id, this.paths(id).exit, exit);
  }

  /** Keeps how a container ended as its monitor tells it, whether or not it could write that down. */
  takeExit(id: string, exit: ContainerExit): void {
    if (!this.#exits.told(id, this.paths(id).exit, exit)) this.saveExit(id, exit);
  }

  /** How it ended since it was started last. */
  exit(id: string): ContainerExit | undefined {
    return this.#exits.of(id, this.paths(id).exit);
  }

  /** How an exec ended whose starter did not live to be told. */
  execExit(id: string, exec: string): ContainerExit | undefined {
    return readExit(this.execPath(id, exec));
  }

  info(record: ContainerRecord): ContainerInfo {
    const { id, name, createdAt, rootfs, config, process } = record;
    const ended = this.ended(record);
    const exit = ended ? this.exit(id) : record.previous;
    const alive = process !== undefined && !ended;
    return {
      id,
      name,
      state: alive ? 'running' : process === undefined && exit === undefined ? 'created' : 'exited',
      pid: alive ? process!.pid : 0,
      args: commandOf(config),
      tty: config.Tty,
      createdAt,
      exit,
      logPath: this.paths(id).log,
      rootfs,
    };
  }

  /** Its program has ended and all that it wrote is where it belongs: known by its exit record, or nobody is left to write one. */
  ended(record: ContainerRecord): boolean {
    const fate = this.#fate(record);
    return fate === 'told' || (fate === 'untold' && !lives(record.process));
  }

  /** Its monitor was killed: nobody else will ever say how it ended. */
  lost(record: ContainerRecord): boolean {
    return this.#fate(record) === 'untold' && existsSync(this.paths(record.id).record);
  }

  /** `untold`: its monitor has gone without a word. Undefined for one that has no process. */
  #fate({ id, process, monitor }: ContainerRecord): 'watched' | 'told' | 'untold' | undefined {
    if (process === undefined) return undefined;
    if (this.exit(id) !== undefined) return 'told';
    if (lives(monitor)) return 'watched';
    // a monitor writes the record and then goes: it may have done both since
    return this.exit(id) === undefined ? 'untold' : 'told';
  }

  /** Its maker was killed: half made, or to be removed at its end. */
  abandoned(record: ContainerRecord): boolean {
    if (lives(record.maker)) return false;
    if (record.removing) return true;
    if (record.process === undefined) return record.pending === true && !lives(record.monitor);
    return record.hostConfig.AutoRemove && this.ended(record);
  }

  /** Removes what belongs to no container: what a killed process was making or removing, names, sockets. */
  tidy(): void {
    const sockets = entries(this.sockets);
    const names = this.#names.list();
    const folders = entries(this.dir);
    for (const name of folders) {
      const of = /^\.([\d.]+)-/.exec(name)?.[1];
      if (of !== undefined && !ownerLives(of)) rmSync(`${this.dir}/${name}`, { recursive: true, force: true });
    }
    this.#names.tidy(names);
    const known = new Set(folders.map((id) => id.slice(0, 12)));
    for (const name of sockets) if (!known.has(name.slice(0, 12))) rmSync(`${this.sockets}/${name}`, { force: true });
  }
}
