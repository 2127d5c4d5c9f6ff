/** RUN --mount: what is shown to a step while it runs, and stays in no layer. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { LayerRef } from '../build/contract.ts';
import type { BuildRequest } from '../build/contract.ts';
import { ContentHash } from '../build/copy-tar.ts';
import type { RunStep, Source } from '../build/dockerfile/plan.ts';
import type { MountOption } from '../runtime/run-options.ts';
import { cacheFolder, cacheKey, type CacheWish } from './build-cache-mounts.ts';
import { notThere, type FileRoot } from './build-copy-sources.ts';
import { itemsOf, type CopyItem } from './build-items.ts';
import { mountable, viewOf } from './build-layer.ts';
import { secretFolder, workFolder, type BuildParts } from './build-parts.ts';

type Mount = RunStep['mounts'][number];

const STRICTEST = ['locked', 'private', 'shared'] as const;

export interface MountsInput {
  readonly request: BuildRequest;
  root(source: Source): Promise<FileRoot>;
  layers(source: Source): Promise<readonly LayerRef[]>;
}

export interface GivenMounts {
  readonly mounts: readonly MountOption[];
  readonly env: readonly string[];
  /** What only the mounting needed goes. */
  readonly started: () => void;
}

export interface RunMounts {
  /** What the step's result depends on: no secret, and nothing of a cache. */
  readonly key: unknown;
  use<T>(signal: AbortSignal, work: (given: GivenMounts) => Promise<T>): Promise<T>;
}

export async function runMounts(parts: BuildParts, step: RunStep, input: MountsInput): Promise<RunMounts> {
  const keys: unknown[] = [step.files];
  for (const mount of step.mounts) {
    const { type, target, id, sharing, source, readOnly, env, uid, gid, mode, size } = mount;
    const content = type === 'bind' ? await contentKey(parts, mount, input) : undefined;
    keys.push([type, target, id, sharing, type === 'bind' ? content : source, readOnly, env, uid, gid, mode, size]);
  }
  return { key: keys, use: (signal, work) => new Mounting(parts, input, signal).use(step, work) };
}

async function contentKey(parts: BuildParts, mount: Mount, input: MountsInput): Promise<unknown> {
  const from: Source = mount.origin ?? { kind: 'context' };
  if (from.kind === 'stage' || from.kind === 'image') return [(await input.layers(from)).map(({ diffId }) => diffId), mount.source];
  const root = await input.root(from);
  const { rooted } = parts.engine.images().driver;
  return root.open(async (at) => {
    const hash = new ContentHash();
    const [item] = await itemsOf(rooted, at, mount.source, false).catch((error: unknown) => {
      throw error instanceof EngineError && error.kind === 'not-found' ? notThere(mount.source, error) : error;
    });
    const reader = hash.take({ rename: (name) => name, owner: { uid: 0, gid: 0 } });
    for await (const chunk of rooted.archive(at, item!.path, { digests: true })) reader.push(chunk);
    reader.end();
    return hash.digest();
  });
}

class Mounting {
  readonly #parts: BuildParts;
  readonly #input: MountsInput;
  readonly #signal: AbortSignal;
  readonly #stack = new AsyncDisposableStack();
  readonly #mounts: MountOption[] = [];
  readonly #env: string[] = [];
  readonly #early: Disposable[] = [];
  #agents = 0;

  constructor(parts: BuildParts, input: MountsInput, signal: AbortSignal) {
    this.#parts = parts;
    this.#input = input;
    this.#signal = signal;
  }

  async use<T>(step: RunStep, work: (given: GivenMounts) => Promise<T>): Promise<T> {
    await using _stack = this.#stack;
    const folder = this.#stack.use(workFolder(this.#parts, 'mounts')).path;
    this.#files(step, folder);
    const binds: (() => Promise<void>)[] = [];
    for (const mount of step.mounts) {
      switch (mount.type) {
        case 'bind':
          binds.push(() => this.#bind(mount, folder));
          break;
        case 'cache':
          binds.push(async () => this.#cache(mount, caches.get(mount)!));
          break;
        case 'tmpfs':
          this.#mounts.push(plainMount('tmpfs', 'tmpfs', mount.target, mount.size > 0 ? [`size=${mount.size}`] : []));
          break;
        case 'secret':
          await this.#secret(mount);
          break;
        default:
          await this.#ssh(mount);
      }
    }
    const caches = await this.#caches(step);
    for (const bind of binds) await bind();
    const started = () => {
      for (const each of this.#early.splice(0)) each[Symbol.dispose]();
    };
    return await work({ mounts: this.#mounts, env: this.#env, started });
  }

  #files(step: RunStep, folder: string): void {
    for (const [index, { path, content, mode }] of step.files.entries()) {
      const file = `${folder}/file-${index}`;
      writeFileSync(file, content);
      chmodSync(file, mode);
      this.#mounts.push(plainMount('bind', file, path, ['ro']));
    }
  }

  async #bind(mount: Mount, folder: string): Promise<void> {
    const from: Source = mount.origin ?? { kind: 'context' };
    if (from.kind === 'stage' || from.kind === 'image' || from.kind === 'scratch') {
      const layers = await mountable(
        this.#parts,
        (await this.#input.layers(from)).map(({ diffId }) => diffId),
      );
      const look = <T>(use: (at: string) => Promise<T>) => viewOf(this.#parts, layers, undefined, use);
      if (!mount.readOnly) return look((at) => this.#copied(at, mount, folder));
      const whole = posix.normalize(`/${mount.source}`) === '/';
      const item = whole ? undefined : await look((at) => this.#source(at, mount));
      const { driver } = this.#parts.engine.images();
      const root = driver.root(layers, undefined, '');
      if (root.kind !== 'overlay') throw new EngineError('internal', 'layers without an overlay');
      const file = item !== undefined && item.kind !== 'folder';
      this.#push({ kind: 'layers', lower: root.lower, file }, mount.target, item && below(item), ['ro']);
      return;
    }
    const root = await this.#input.root(from);
    await root.open(async (at) => {
      if (!mount.readOnly) return this.#copied(at, mount, folder);
      this.#push({ kind: 'folder', path: at }, mount.target, below(await this.#source(at, mount)), ['ro']);
    });
  }

  /** What is to be shown, links followed. Throws `not-found` where it is nothing. */
  async #source(at: string, { source }: Mount): Promise<CopyItem> {
    const { rooted } = this.#parts.engine.images().driver;
    const [item] = await itemsOf(rooted, at, source, false).catch((error: unknown) => {
      throw error instanceof EngineError && error.kind === 'not-found' ? notThere(posix.normalize(`/${source}`), error) : error;
    });
    return item!;
  }

  /** Of what may be written to the step gets a copy, which is thrown away. */
  async #copied(at: string, mount: Mount, folder: string): Promise<void> {
    const { rooted } = this.#parts.engine.images().driver;
    const { path } = await this.#source(at, mount);
    const copy = `${folder}/copy-${this.#mounts.length}`;
    mkdirSync(copy, { mode: 0o755 });
    await rooted.unpack(copy, '/', rooted.archive(at, path, { contentOnly: path === '/' }), {});
    this.#mounts.push(plainMount('bind', posix.join(copy, posix.basename(path)), mount.target, []));
  }

  /** The folders of the caches. Of several mounts of one cache the strictest counts for all. */
  async #caches({ mounts }: RunStep): Promise<ReadonlyMap<Mount, string>> {
    const wanted = new Map<string, { readonly wish: CacheWish; readonly mounts: readonly Mount[] }>();
    for (const mount of mounts) {
      if (mount.type !== 'cache') continue;
      const wish = { ...mount, origin: await this.#beginning(mount) };
      const key = cacheKey(wish);
      const known = wanted.get(key);
      const sharing = STRICTEST.find((each) => each === known?.wish.sharing || each === mount.sharing);
      wanted.set(key, { wish: { ...wish, sharing }, mounts: [...(known?.mounts ?? []), mount] });
    }
    const folders = new Map<Mount, string>();
    for (const [, { wish, mounts: of }] of [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const folder = this.#stack.use(await cacheFolder(this.#parts, wish, (to) => this.#fill(of[0]!, to), this.#signal));
      for (const mount of of) folders.set(mount, folder.path);
    }
    return folders;
  }

  async #fill(mount: Mount, folder: string): Promise<void> {
    if (mount.origin === undefined || mount.origin.kind === 'scratch') return;
    const { rooted } = this.#parts.engine.images().driver;
    const layers = await this.#input.layers(mount.origin);
    const copy = (at: string) => rooted.unpack(folder, '/', rooted.archive(at, mount.source === '' ? '/' : mount.source, { contentOnly: true }), {});
    if (layers.length > 0) {
      await viewOf(
        this.#parts,
        layers.map(({ diffId }) => diffId),
        undefined,
        copy,
      );
    } else await (await this.#input.root(mount.origin)).open(copy);
  }

  #cache(mount: Mount, path: string): void {
    const nested = mount.origin === undefined && mount.source !== '' && mount.source !== '/' ? posix.normalize(`/${mount.source}`).slice(1) : undefined;
    this.#push({ kind: 'folder', path }, mount.target, nested, mount.readOnly ? ['ro'] : []);
  }

  /** What a new cache begins with. */
  async #beginning({ origin, source }: Mount): Promise<unknown> {
    if (origin === undefined || origin.kind === 'scratch') return undefined;
    return [origin.kind, (await this.#input.layers(origin)).map(({ diffId }) => diffId), source];
  }

  async #secret(mount: Mount): Promise<void> {
    const { env, required, mode = 0o400, uid = 0, gid = 0 } = mount;
    const id = mount.id === '' ? posix.basename(mount.target) : mount.id;
    const target = mount.target === '' && (env === undefined || env === '') ? `/run/secrets/${posix.basename(id)}` : mount.target;
    const value = await this.#input.request.secret?.(id, this.#signal);
    if (value === undefined) {
      if (required) throw invalid(`secret ${id}: not found`);
      return;
    }
    if (env !== undefined && env !== '') this.#env.push(`${env}=${Buffer.from(value).toString()}`);
    if (target === '') return;
    const memory = secretFolder();
    if (memory === undefined) {
      throw new EngineError('unavailable', `secret ${id}: this machine has no file system in memory to keep it in`, { hint: 'mount a tmpfs at /dev/shm' });
    }
    this.#stack.use(memory);
    // its mount keeps the file while the step runs
    this.#early.push(memory);
    const path = `${memory.path}/secret`;
    writeFileSync(path, value, { mode: 0o600 });
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    this.#mounts.push(plainMount('bind', path, target, ['ro', 'nosuid', 'nodev', 'noexec']));
  }

  async #ssh(mount: Mount): Promise<void> {
    const id = mount.id === '' ? 'default' : mount.id;
    const agent = await this.#input.request.ssh?.(id, this.#signal);
    if (agent === undefined) {
      if (mount.required) throw invalid(`unset ssh forward key ${id}`);
      return;
    }
    this.#stack.use(agent);
    const target = mount.target === '' ? `/run/buildkit/ssh_agent.${this.#agents}` : mount.target;
    this.#agents++;
    if (mount.uid !== undefined || mount.gid !== undefined) chownSync(agent.path, mount.uid ?? 0, mount.gid ?? 0);
    if (mount.mode !== undefined) chmodSync(agent.path, mount.mode);
    this.#mounts.push(plainMount('bind', agent.path, target, []));
    if (this.#agents === 1) this.#env.push(`SSH_AUTH_SOCK=${target}`);
  }

  #push(found: NonNullable<MountOption['found']>, target: string, subpath: string | undefined, options: readonly string[]): void {
    const type = found.kind === 'layers' ? 'image' : 'volume';
    this.#mounts.push({ type, source: '', target, options, create: false, found, ...(subpath === undefined ? {} : { subpath }) });
  }
}

/** From the root; undefined for that itself. */
function below({ path }: CopyItem): string | undefined {
  return path === '/' ? undefined : path.slice(1);
}

function plainMount(type: 'bind' | 'tmpfs', source: string, target: string, options: readonly string[]): MountOption {
  return { type, source, target, options, create: false };
}
