/** One COPY or ADD at work, through the workers that no link leads astray. */
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import { parseChmod } from '../build/chmod.ts';
import { CopyTar, type CopyRules } from '../build/copy-tar.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { archiveKind, plainTar } from './build-archive.ts';
import { foundItems, ROOT, within, type CopyInput, type FileRoot, type FoundSource } from './build-copy-sources.ts';
import { fileBytes, isDirectory, isFolder, isLink, itemsOf, lookup, type CopyItem } from './build-items.ts';
import { Pieces } from './build-pieces.ts';
import type { BuildParts } from './build-parts.ts';

/** What is left to be copied when its place is made: in the order of the layer's tar. */
export interface Placed {
  /** A file that is only there to be left out of the layer; one character a byte. */
  readonly mark: string;
  readonly items: readonly { readonly path: string; readonly rules: CopyRules }[];
}

/** One COPY or ADD at work in a view of its target. */
export class Copying {
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
    if (this.#leftOut(item, root)) return;
    const target = (given?.target ?? (item.kind === 'folder' ? destination : await this.#nameFor(item.asked))).replace(/(.)\/+$/, '$1');
    let top = latin1(target);
    const rules = this.#rules(item, root, () => top);
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

  /** A file that somebody left out by its own name. */
  #leftOut(item: CopyItem, root: FileRoot): boolean {
    return item.kind !== 'folder' && within(item, root, this.#input)(posix.basename(item.path)) === undefined;
  }

  /** `top`: what the item itself is to be called; a folder is there already. */
  #rules(item: CopyItem, root: FileRoot, top: () => string): CopyRules {
    const mode = this.#mode();
    const inside = within(item, root, this.#input);
    return {
      rename: (name) => {
        const path = inside(name);
        if (path === undefined || (path === '' && item.kind === 'folder')) return undefined;
        return path === '' ? top() : `${top() === '' ? '' : `${top()}/`}${path}`;
      },
      ...(this.#owner !== undefined ? { owner: this.#owner } : root.owned ? { owner: ROOT } : {}),
      ...(mode === undefined ? {} : { mode }),
    };
  }

  /**
   * Makes the folder that the items of a source go to, where nothing in it is in their way and none is an archive to be
   * unpacked: then the layer is that folder, and what follows. Undefined, and nothing done, where it is not so simple.
   */
  async place(source: Extract<FoundSource, { kind: 'path' }>, found: readonly CopyItem[], at: string): Promise<Placed | undefined> {
    const { destination, add, unpack } = this.#input.step;
    const items = found.filter((item) => !this.#leftOut(item, source.root));
    const [first] = items;
    const folder = items.length === 1 && first!.kind === 'folder';
    if (first === undefined || (!folder && items.some(({ kind }) => kind !== 'file'))) return undefined;
    const targets = folder ? [posix.join(destination, 'x')] : await Promise.all(items.map(({ asked }) => this.#nameFor(asked)));
    const above = posix.dirname(targets[0]!);
    const names = folder ? await this.#files.list(at, first.path) : targets.map((target) => posix.basename(target));
    if (new Set(names).size < names.length || targets.some((target) => posix.dirname(target) !== above)) return undefined;
    const stat = await lookup(this.#files, this.#target, above);
    if (stat !== undefined && !isDirectory(stat)) return undefined;
    const there = new Set(stat === undefined ? [] : await this.#files.list(this.#target, above));
    if (names.some((name) => there.has(name))) return undefined;
    if (add && unpack !== false && !folder)
      for (const { path } of items) if ((await archiveKind(fileBytes(this.#files, at, path))) !== undefined) return undefined;
    let real = '';
    // with something in it the folder, and those above, are part of the layer, as they are
    const mark = `.kobako-${randomBytes(12).toString('hex')}`;
    await this.#unpack(async (out) => {
      real = folder
        ? await this.#folder(out, destination.replace(/(.)\/+$/, '$1'), this.#topModes(above, undefined))
        : posix.dirname(await this.#parents(out, targets[0]!));
      out.file(latin1(posix.join(real, mark)), Buffer.alloc(0), { ...ROOT, mode: 0o600, mtime: this.#input.now });
    });
    const wanted = items.map((item, index) => ({
      path: item.path,
      rules: this.#rules(item, source.root, () => latin1(folder ? real : posix.join(real, posix.basename(targets[index]!)))),
      name: latin1(names[index]!),
    }));
    return { mark: posix.join(real, mark), items: wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
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
