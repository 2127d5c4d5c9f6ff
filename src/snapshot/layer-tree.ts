/** Layers as trees to look into: what a container's writable layer is compared with. */
import { closeSync, constants, lstatSync, openSync, readdirSync } from 'node:fs';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';
import type { TarType } from '../tar/contract.ts';

/** Where a tree is, as data for a worker. */
export type TreeSource = { readonly kind: 'dir'; readonly path: string } | { readonly kind: 'erofs'; readonly index: string; readonly device: string };

export interface TreeNode {
  readonly type: TarType | 'socket' | 'whiteout';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** 0 but for files. */
  readonly size: number;
  /** Nanoseconds. */
  readonly mtime: bigint;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly inode: bigint;
  readonly links: number;
  /** Of a folder: nothing below shows. */
  readonly opaque: boolean;
  readonly capability: Buffer | undefined;
}

/** One layer. Paths are latin1 strings without slashes at their ends; the root is ''. Their folders are real ones. */
export interface LayerTree {
  node(path: string): TreeNode | undefined;
  /** Names in a folder. */
  names(path: string): string[];
  close(): void;
}

/** What stands below a writable layer, merged as overlayfs merges it. */
export class MergedTree {
  readonly #layers: readonly LayerTree[];
  /** For each folder the layers that show in it. */
  readonly #folders = new Map<string, readonly LayerTree[]>();

  /** Topmost first. */
  constructor(layers: readonly LayerTree[]) {
    this.#layers = layers;
    this.#folders.set('', untilOpaque(layers));
  }

  /** What is there; the folder that it is in must have been asked for before, from the root on. */
  node(path: string): TreeNode | undefined {
    const slash = path.lastIndexOf('/');
    const above = this.#folders.get(slash === -1 ? '' : path.slice(0, slash)) ?? [];
    const merged: LayerTree[] = [];
    let top: TreeNode | undefined;
    for (const layer of above) {
      const node = layer.node(path);
      if (node === undefined) continue;
      if (node.type === 'whiteout') break;
      if (node.type !== 'dir') {
        top ??= node;
        break;
      }
      top ??= node;
      merged.push(layer);
      if (node.opaque) break;
    }
    if (top?.type === 'dir') this.#folders.set(path, merged);
    return top;
  }

  /** What a folder shows, in order. */
  names(path: string): string[] {
    const names = new Set((this.#folders.get(path) ?? []).flatMap((layer) => layer.names(path)));
    return [...names].toSorted().filter((name) => this.node(path === '' ? name : `${path}/${name}`) !== undefined);
  }

  close(): void {
    for (const layer of this.#layers) layer.close();
  }
}

function untilOpaque(layers: readonly LayerTree[]): readonly LayerTree[] {
  const end = layers.findIndex((layer) => layer.node('')?.opaque === true);
  return end === -1 ? layers : layers.slice(0, end + 1);
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A layer that is a folder as overlayfs reads it; it may be changing. Links in it lead no further than to its root. */
export class FolderTree implements LayerTree {
  readonly #files: RawFiles;
  readonly #root: ThreadRoot;
  readonly #fd: number;
  /** The folder that is the thread's root while inside. */
  #at: number;

  constructor(files: RawFiles, root: ThreadRoot, path: string) {
    this.#files = files;
    this.#root = root;
    this.#fd = this.#at = openSync(path, FOLDER);
  }

  node(path: string): TreeNode | undefined {
    return this.inside(() => nodeAt(this.#files, path));
  }

  names(path: string): string[] {
    return this.inside(() => readdirSync(pathBytes(path), 'buffer').map((name) => name.toString('latin1')));
  }

  /** Does something with the folder as the thread's root. */
  inside<T>(what: () => T): T {
    this.#root.enter(this.#fd);
    try {
      return what();
    } finally {
      this.#root.leave();
    }
  }

  /** While inside: does something with a folder of it as the thread's root. One that has vanished is left out. */
  deeper(folder: Buffer, what: () => void): void {
    let fd;
    try {
      fd = openSync(folder, FOLDER);
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
    const outer = this.#at;
    try {
      this.#root.enter((this.#at = fd));
      what();
    } finally {
      this.#root.enter((this.#at = outer));
      closeSync(fd);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export function pathBytes(path: string): Buffer {
  return Buffer.from(`/${path}`, 'latin1');
}

/** The second is of overlays in user namespaces. */
const OPAQUE_MARKS = ['trusted.overlay.opaque', 'user.overlay.opaque'];

function nodeAt(files: RawFiles, path: string): TreeNode | undefined {
  const where = pathBytes(path);
  const stat = lstatSync(where, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const device = Number(stat.rdev);
  const type = typeOf(Number(stat.mode), device);
  return {
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: type === 'file' ? Number(stat.size) : 0,
    mtime: stat.mtimeNs,
    devMajor: (device >>> 8) & 0xfff,
    devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00),
    inode: stat.ino,
    links: Number(stat.nlink),
    opaque: type === 'dir' && OPAQUE_MARKS.some((name) => files.getXattr(where, name)?.toString() === 'y'),
    capability: type === 'file' ? files.getXattr(where, 'security.capability') : undefined,
  };
}

function typeOf(mode: number, device: number): TreeNode['type'] {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return 'dir';
    case constants.S_IFLNK:
      return 'symlink';
    case constants.S_IFCHR:
      return device === 0 ? 'whiteout' : 'char';
    case constants.S_IFBLK:
      return 'block';
    case constants.S_IFIFO:
      return 'fifo';
    case constants.S_IFSOCK:
      return 'socket';
    default:
      return 'file';
  }
}
