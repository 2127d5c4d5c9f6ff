/** COPY and ADD: files of a context, a stage or an image into a layer, through the workers that no link leads astray. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { LayerRef } from '../build/contract.ts';
import { parseChmod } from '../build/chmod.ts';
import { ContentHash, CopyTar, type CopyRules } from '../build/copy-tar.ts';
import type { CopyStep } from '../build/dockerfile/plan.ts';
import { keyOf } from '../build/keys.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { resolveUser } from '../runtime/users.ts';
import { archiveKind, plainTar } from './build-archive.ts';
import { fileBytes, isDirectory, isFolder, isLink, itemsOf, lookup, type CopyItem } from './build-items.ts';
import { accountsOf, keepChanges, mountable, viewOf, writableLayer } from './build-layer.ts';
import { inCopyTurn, workFolder, type BuildParts } from './build-parts.ts';
import { Pieces } from './build-pieces.ts';

/** Files that something is copied from, for as long as `use` takes. */
export interface FileRoot {
  open<T>(use: (root: string) => Promise<T>): Promise<T>;
  /** Of a client's files: whoever they belong to there, here they are root's. */
  readonly owned: boolean;
  /** Whether a path from the root is no part of it. */
  readonly ignored?: ((path: string) => boolean) | undefined;
}

/** A source, with where it is found. `add`: of something fetched, which has one file or folder at its root. */
export type FoundSource =
  /** `below`: what is found is copied with its folders, from below that one on. `optional`: nothing may be found. */
  | { readonly kind: 'path'; readonly root: FileRoot; readonly path: string; readonly below?: string; readonly optional?: boolean }
  | { readonly kind: 'fetched'; readonly root: FileRoot; readonly path: string; readonly name: string; readonly key: string }
  | { readonly kind: 'file'; readonly path: string; readonly content: Buffer };

export interface CopyInput {
  readonly layers: readonly Digest[];
  readonly step: Pick<CopyStep, 'add' | 'destination' | 'chown' | 'chmod' | 'unpack'>;
  readonly sources: readonly FoundSource[];
  /** Whether a path within an item, or an item's own name, is left out. */
  readonly excluded?: ((path: string) => boolean) | undefined;
  /** Nanoseconds since 1970, of folders that are made. */
  readonly now: bigint;
  /** The destination alone is wanted. */
  readonly foldersOnly?: boolean | undefined;
}

/** What a copy depends on, besides the layers below. Throws `not-found` for a source that is none. */
export async function copyKey(parts: BuildParts, input: CopyInput): Promise<Digest> {
  const { rooted } = parts.engine.images().driver;
  const { step, sources } = input;
  const found: unknown[] = [];
  for (const source of sources) {
    if (source.kind === 'file') found.push([source.path, keyOf(source.content.toString('base64'))]);
    else if (source.kind === 'fetched') found.push([source.name, source.key]);
    else {
      const { root } = source;
      const [names, content] = await root.open(async (at) => {
        const hash = new ContentHash();
        const items = await foundItems(rooted, at, source);
        for (const item of items) {
          hash.text(item.asked);
          const reader = hash.take({ rename: within(item, root, input), owner: root.owned ? ROOT : undefined });
          for await (const chunk of rooted.archive(at, item.path)) reader.push(chunk);
          reader.end();
        }
        return [items.map(({ asked, kind }) => [asked, kind]), hash.digest()];
      });
      found.push([names, content, source.below]);
    }
  }
  return keyOf('copy', found, step.add, step.destination, step.chown, step.chmod, step.unpack);
}

const ROOT = { uid: 0, gid: 0 };

/** The files on top of the layers, as a layer of their own. */
export async function copyStep(parts: BuildParts, input: CopyInput, signal: AbortSignal): Promise<LayerRef> {
  const layers = await mountable(parts, input.layers);
  using work = workFolder(parts, 'copy');
  using _writable = writableLayer(parts, work.id);
  const owner = await ownerOf(parts, layers, input.step.chown);
  await viewOf(parts, layers, work.id, (target) => inCopyTurn(parts, () => new Copying(parts, input, target, owner, signal).all()));
  return await keepChanges(parts, layers, work.id, { without: [], signal });
}

/** As BuildKit: a name that the files below do not know is 0. */
async function ownerOf(parts: BuildParts, layers: readonly Digest[], chown: string): Promise<{ uid: number; gid: number } | undefined> {
  if (chown === '') return undefined;
  const [user = '', group = ''] = chown.split(':');
  const accounts = /^[\d:]*$/.test(chown) ? { passwd: '', group: '' } : await accountsOf(parts, layers);
  const known = (text: string) => {
    try {
      return resolveUser(text, accounts);
    } catch {
      return { uid: 0, gid: 0 };
    }
  };
  const { uid, gid } = known(user);
  // a number alone is the group's, too
  if (group === '') return { uid, gid: /^\d+$/.test(user) ? uid : gid };
  return { uid, gid: known(`0:${group}`).gid };
}

/** What an item's archive calls its insides, as paths within the item; undefined where that is left out. */
function within(item: CopyItem, root: FileRoot, { excluded }: Pick<CopyInput, 'excluded'>): (name: string) => string | undefined {
  const base = item.path.replace(/^\/+/, '');
  return (name) => {
    const slash = name.indexOf('/');
    const inside = slash < 0 ? '' : name.slice(slash + 1);
    if (inside === '' && item.kind === 'folder') return '';
    const text = Buffer.from(inside, 'latin1').toString();
    if (root.ignored?.(inside === '' ? base : posix.join(base, text)) === true) return undefined;
    if (excluded?.(inside === '' ? posix.basename(item.asked) : text) === true) return undefined;
    return inside;
  };
}

async function foundItems(files: RootedFiles, at: string, source: Extract<FoundSource, { kind: 'path' }>): Promise<CopyItem[]> {
  const items = await itemsOf(files, at, source.path, true).catch((error: unknown) => {
    if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
    if (source.optional === true) return [];
    const { path } = error.detail as { path: string };
    throw notThere(path, error);
  });
  const { ignored } = source.root;
  return ignored === undefined ? items : items.filter(({ path, kind }) => kind === 'folder' || !ignored(path.replace(/^\/+/, '')));
}

/** In BuildKit's words: with a reference that nobody but it knows. */
export function notThere(path: string, cause: unknown): EngineError {
  const reference = randomBytes(13).toString('hex').slice(0, 25);
  return new EngineError(
    'not-found',
    `failed to compute cache key: failed to calculate checksum of ref ${reference}::${reference}: ${JSON.stringify(path)}: not found`,
    { cause, detail: { missing: path } },
  );
}

/** One COPY or ADD at work in a view of its target. */
class Copying {
  readonly #files: RootedFiles;
  readonly #input: CopyInput;
  readonly #target: string;
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #signal: AbortSignal;
  /** Folders of the target that are there by now. */
  readonly #there = new Set<string>(['/']);

  constructor(parts: BuildParts, input: CopyInput, target: string, owner: { readonly uid: number; readonly gid: number } | undefined, signal: AbortSignal) {
    this.#files = parts.engine.images().driver.rooted;
    this.#input = input;
    this.#target = target;
    this.#owner = owner;
    this.#signal = signal;
  }

  async all(): Promise<void> {
    const { sources } = this.#input;
    await this.#makeTop();
    for (const source of sources) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (source.kind === 'file') await this.#inline(source);
      else await source.root.open((at) => (source.kind === 'path' ? this.#path(source, at) : this.#fetched(source, at)));
    }
  }

  /** The destination itself, where nothing is copied. */
  async #makeTop(): Promise<void> {
    const { destination } = this.#input.step;
    if (this.#input.foldersOnly !== true) return;
    await this.#unpack(async (out) => void (await this.#parents(out, posix.join(destination, 'x'))));
  }

  async #inline({ path, content }: Extract<FoundSource, { kind: 'file' }>): Promise<void> {
    const name = await this.#nameFor(path);
    await this.#unpack(async (out) => {
      const real = await this.#place(out, name);
      const fields = { ...(this.#owner ?? ROOT), mtime: this.#input.now };
      const mode = this.#mode();
      out.file(latin1(real), content, { ...fields, mode: mode?.kind === 'octal' ? mode.mode : 0o644 });
    });
  }

  async #path(source: Extract<FoundSource, { kind: 'path' }>, at: string): Promise<void> {
    const { step } = this.#input;
    for (const item of await foundItems(this.#files, at, source)) {
      if (step.add && step.unpack !== false && item.kind === 'file') {
        const kind = await archiveKind(fileBytes(this.#files, at, item.path));
        if (kind !== undefined) {
          await this.#archive(plainTar(kind, fileBytes(this.#files, at, item.path)));
          continue;
        }
      }
      await this.#item(item, source.root, at, source.below === undefined ? undefined : await this.#withFolders(item, source.below, at));
    }
  }

  async #fetched(source: Extract<FoundSource, { kind: 'fetched' }>, at: string): Promise<void> {
    const [item] = await itemsOf(this.#files, at, source.path, false);
    if (item!.kind === 'file' && this.#input.step.unpack === true) {
      const kind = await archiveKind(fileBytes(this.#files, at, item!.path));
      if (kind !== undefined) return this.#archive(plainTar(kind, fileBytes(this.#files, at, item!.path)));
    }
    await this.#item({ ...item!, asked: source.name }, source.root, at);
  }

  async #item(item: CopyItem, root: FileRoot, at: string, given?: { readonly target: string; readonly modes: ReadonlyMap<string, number> }): Promise<void> {
    const modes = given?.modes;
    const { destination } = this.#input.step;
    const inside = within(item, root, this.#input);
    if (item.kind !== 'folder' && inside(posix.basename(item.path)) === undefined) return;
    const target = (given?.target ?? (item.kind === 'folder' ? destination : await this.#nameFor(item.asked))).replace(/(.)\/+$/, '$1');
    let top = latin1(target);
    const mode = this.#mode();
    const rules: CopyRules = {
      rename: (name) => {
        const path = inside(name);
        if (path === undefined || (path === '' && item.kind === 'folder')) return undefined;
        return path === '' ? top : `${top === '' ? '' : `${top}/`}${path}`;
      },
      ...(this.#owner !== undefined ? { owner: this.#owner } : root.owned ? { owner: ROOT } : {}),
      ...(mode === undefined ? {} : { mode }),
    };
    await this.#unpack(async (out, flush) => {
      // the folder itself is a new one, or that which is there
      top = latin1(item.kind === 'folder' ? await this.#folder(out, target, this.#topModes(target, modes)) : await this.#place(out, target, modes));
      const reader = out.take(rules);
      for await (const chunk of this.#files.archive(at, item.path)) {
        if (this.#signal.aborted) throw this.#signal.reason;
        reader.push(chunk);
        await flush();
      }
      reader.end();
    });
  }

  /** Where an item is with its folders, which are as they are in the source. */
  async #withFolders({ asked }: CopyItem, below: string, at: string): Promise<{ target: string; modes: Map<string, number> }> {
    const { destination } = this.#input.step;
    const relative = posix.relative(below, `/${asked}`);
    const modes = new Map<string, number>();
    for (let folder = relative; folder !== '.' && folder !== ''; folder = posix.dirname(folder)) {
      const stat = await lookup(this.#files, at, posix.join(below, folder));
      if (stat !== undefined && isDirectory(stat)) modes.set(posix.join(destination, folder), stat.mode & 0o777);
    }
    return { target: posix.join(destination, relative), modes };
  }

  /** A folder that is made for another one's files has an octal mode, too; what a symbolic one would change it has not. */
  #topModes(target: string, modes: ReadonlyMap<string, number> | undefined): ReadonlyMap<string, number> | undefined {
    const mode = this.#mode();
    return mode?.kind === 'octal' ? new Map([...(modes ?? []), [target, mode.mode]]) : modes;
  }

  async #folder(out: CopyTar, target: string, modes: ReadonlyMap<string, number> | undefined): Promise<string> {
    try {
      return posix.dirname(await this.#parents(out, posix.join(target, 'x'), modes));
    } catch (error) {
      throw (error as Error).message === `mkdir ${target}: not a directory` ? invalid(`cannot copy to non-directory: ${target}`) : error;
    }
  }

  /** A file's place: its folders are made, and a link that is its destination by name is followed. */
  async #place(out: CopyTar, target: string, modes?: ReadonlyMap<string, number>): Promise<string> {
    const real = await this.#parents(out, target, modes);
    const stat = target === this.#input.step.destination ? await lookup(this.#files, this.#target, real) : undefined;
    return stat === undefined || !isLink(stat) ? real : this.#parents(out, stat.linkTarget);
  }

  async #archive(tar: AsyncIterable<Uint8Array>): Promise<void> {
    const folder = this.#input.step.destination.replace(/(.)\/+$/, '$1');
    let real = folder;
    await this.#unpack(async (out) => {
      real = posix.dirname(await this.#parents(out, posix.join(folder, 'x')));
    });
    await this.#files.unpack(this.#target, real, tar, this.#owner === undefined ? {} : { owner: this.#owner }).catch((error: unknown) => {
      const name = /^invalid archive: ("[^]*") is outside of/.exec((error as Error).message)?.[1];
      throw name === undefined ? error : invalid(`invalid entry name ${name}`);
    });
  }

  /** The file's name in the target. */
  async #nameFor(asked: string): Promise<string> {
    const { destination } = this.#input.step;
    const into = destination.endsWith('/') || (await isFolder(this.#files, this.#target, destination));
    return into ? posix.join(destination, posix.basename(asked)) : destination;
  }

  /** Folders above a name that are missing; links on the way lead on within the target, also where they lead to nothing. Gives the name's real place. */
  async #parents(out: CopyTar, name: string, modes?: ReadonlyMap<string, number>): Promise<string> {
    const rest = posix.dirname(name).split('/').toReversed();
    let path = '';
    for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
      if (part === '') continue;
      path += `/${part}`;
      if (this.#there.has(path)) continue;
      const stat = await lookup(this.#files, this.#target, path);
      if (stat !== undefined && isLink(stat)) {
        rest.push(...stat.linkTarget.split('/').toReversed());
        path = '';
        continue;
      }
      if (stat !== undefined && !isDirectory(stat)) throw invalid(`mkdir ${path}: not a directory`);
      if (stat === undefined) out.folder(latin1(path), { mode: modes?.get(path) ?? 0o755, ...(this.#owner ?? ROOT), mtime: this.#input.now });
      this.#there.add(path);
    }
    return posix.join(path === '' ? '/' : path, posix.basename(name));
  }

  /** What `make` writes comes into the target; `flush` waits for room. */
  async #unpack(make: (out: CopyTar, flush: () => Promise<void>) => Promise<void>): Promise<void> {
    const pieces = new Pieces();
    const out = new CopyTar((chunk) => pieces.push(chunk));
    const unpacking = this.#files.unpack(this.#target, '/', pieces, {}).catch((error: unknown) => {
      pieces.stop(error);
      throw error;
    });
    unpacking.catch(() => {});
    try {
      await make(out, () => pieces.room());
      out.end();
      pieces.end();
    } catch (error) {
      pieces.fail(error);
      await unpacking.catch(() => {});
      throw error;
    }
    await unpacking;
  }

  #mode() {
    return parseChmod(this.#input.step.chmod);
  }
}

/** Without the slash in front, one character a byte. */
function latin1(path: string): string {
  return Buffer.from(path.replace(/^\/+/, '')).toString('latin1');
}

/** Whether a link is on the way to a destination in these layers. */
export async function linksOnTheWay(parts: BuildParts, layers: readonly Digest[], destination: string): Promise<boolean> {
  if (layers.length === 0) return false;
  const { rooted } = parts.engine.images().driver;
  return viewOf(parts, layers, undefined, async (root) => {
    let path = '';
    for (const part of destination.split('/').filter((each) => each !== '')) {
      path += `/${part}`;
      const stat = await lookup(rooted, root, path);
      if (stat === undefined) return false;
      if (isLink(stat)) return true;
    }
    return false;
  });
}
