/** One COPY or ADD at work, through the workers that no link leads astray. */
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
      pieces.stop();
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
