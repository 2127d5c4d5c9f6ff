/** What lies at a path below a root, as the tar that Docker makes of it: `docker cp` out of a container, and its export. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, readSync, statfsSync, openSync, type BigIntStats } from 'node:fs';
import { O } from '../kernel/constants.ts';
import type { TarType } from '../tar/contract.ts';
import { TarWriter, type TarFields } from '../tar/writer.ts';
import type { ArchiveOptions } from './contract.ts';
import { tarXattrs } from './diff-tar.ts';
import { toContainer } from './id-map.ts';
import { checkDepth, codeOf, isMissing, type Rooted, type RootedFolder, type RootedPlace } from './rooted.ts';
import type { RootedPath } from './rooted-path.ts';

const PIECE = 256 << 10;
const DIGEST_SIZE = 32;
const SECOND = 1_000_000_000n;
const SLASH = Buffer.from('/');

/** File systems without files: what they show is the kernel's, endless in places, and no part of a container (statfs(2)). */
const KERNEL_FILES = new Set([
  0x9fa0, // proc
  0x62656572, // sysfs
  0x27e0eb, // cgroup
  0x63677270, // cgroup2
  0x1cd1, // devpts
  0x19800202, // mqueue
  0x64626720, // debugfs
  0x74726163, // tracefs
  0x73636673, // securityfs
  0xcafe4a11, // bpf
  0x62656570, // configfs
  0xde5e81e4, // efivars
  0x6165676c, // pstore
]);

/** The archive piece by piece; each step is synchronous and short. Throws what `Rooted` throws before the first piece. */
export function* rootedTar(rooted: Rooted, path: RootedPath, options: ArchiveOptions): Generator<Buffer> {
  const tar = new RootedTar(rooted, options);
  yield* tar.archive(path);
}

/** Read here and nowhere else: one is enough. */
const scratch = Buffer.allocUnsafeSlow(PIECE);

function digestOfFile(fd: number): Buffer {
  const hash = createHash('sha256');
  for (let count; (count = readSync(fd, scratch)) > 0;) hash.update(count === PIECE ? scratch : scratch.subarray(0, count));
  return hash.digest();
}

class RootedTar {
  readonly #rooted: Rooted;
  readonly #options: ArchiveOptions;
  readonly #out: Buffer[] = [];
  readonly #tar = new TarWriter((chunk) => void this.#out.push(chunk));
  /** The names of files that have several, by file system and inode. */
  readonly #seen = new Map<string, Buffer>();

  constructor(rooted: Rooted, options: ArchiveOptions) {
    this.#rooted = rooted;
    this.#options = options;
  }

  *archive(path: RootedPath): Generator<Buffer> {
    const { names, base } = path;
    if (this.#options.contentOnly !== true && !path.folder && names.length > 0) {
      const place = this.#rooted.place(names)!;
      try {
        const fd = this.#rooted.hold(place.folder, place.name);
        yield* this.#node(place, Buffer.from(base, 'latin1'), fd, undefined);
      } finally {
        this.#rooted.close(place.folder);
      }
    } else {
      const folder = this.#rooted.folder(this.#rooted.root, names);
      try {
        const stat = fstatSync(folder.fd, { bigint: true });
        const top = this.#options.contentOnly === true ? undefined : base === '/' ? '' : base;
        if (top !== undefined) this.#entry({ folder, name: '.' }, stat, 'dir', Buffer.from(`${top}/`, 'latin1'));
        yield* this.#folder(folder, stat, Buffer.from(top === undefined ? '' : `${top}/`, 'latin1'));
      } finally {
        this.#rooted.close(folder);
      }
    }
    this.#tar.end();
    yield* this.#flush();
  }

  *#folder(folder: RootedFolder, stat: BigIntStats, prefix: Buffer): Generator<Buffer> {
    checkDepth(folder);
    yield* this.#flush();
    for (const name of this.#rooted.names(folder)) {
      const place = { folder, name };
      let fd;
      try {
        fd = this.#rooted.hold(folder, name);
      } catch (error) {
        if (isMissing(error)) continue; // it has gone just now
        throw error;
      }
      yield* this.#node(place, Buffer.concat([prefix, Buffer.from(name, 'latin1')]), fd, stat);
    }
  }

  /** `fd` holds it, and is closed here; `above`: the folder that it was found in by going down. */
  *#node(place: RootedPlace, name: Buffer, fd: number, above: BigIntStats | undefined): Generator<Buffer> {
    const folder = this.#rooted.child(place.folder, fd, place.name);
    try {
      const stat = fstatSync(fd, { bigint: true });
      if (stat.isDirectory()) {
        const named = Buffer.concat([name, SLASH]);
        this.#entry(place, stat, 'dir', named);
        if (!this.#leftOut(folder, stat, above)) yield* this.#folder(folder, stat, named);
      } else if (stat.isFile()) {
        yield* this.#file(place, name, fd, stat);
      } else if (!stat.isSocket()) {
        this.#entry(place, stat, stat.isSymbolicLink() ? 'symlink' : stat.isFIFO() ? 'fifo' : stat.isBlockDevice() ? 'block' : 'char', name);
      }
      yield* this.#flush();
    } catch (error) {
      // it has gone, or is no link any more, just now
      if (above === undefined || !['ENOENT', 'EINVAL'].includes(codeOf(error))) throw error;
    } finally {
      this.#rooted.close(folder);
    }
  }

  /** Whether what lies in a folder is none of this archive's. */
  #leftOut(folder: RootedFolder, stat: BigIntStats, above: BigIntStats | undefined): boolean {
    if (above === undefined || stat.dev === above.dev) return false;
    if (this.#options.oneFileSystem === true) return true;
    // the devices that a container is given are not its files
    if (folder.names.length === 1 && folder.names[0] === 'dev') return true;
    return KERNEL_FILES.has(this.#rooted.held(folder.fd, (path) => statfsSync(path)).type);
  }

  *#file(place: RootedPlace, name: Buffer, held: number, stat: BigIntStats): Generator<Buffer> {
    const key = stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#seen.get(key);
    if (first !== undefined) return this.#entry(place, stat, 'link', name, { linkName: first });
    if (key !== undefined) this.#seen.set(key, name);
    const size = Number(stat.size);
    // it is known to be a file: a device that stands there now is not opened
    const fd = this.#rooted.held(held, (path) => openSync(path, constants.O_RDONLY | O.CLOEXEC));
    try {
      if (this.#options.digests === true) {
        this.#entry(place, stat, 'file', name, { size: DIGEST_SIZE });
        this.#tar.data(digestOfFile(fd));
        return yield* this.#flush();
      }
      this.#entry(place, stat, 'file', name, { size });
      for (let at = 0; at < size;) {
        const chunk = Buffer.from(new ArrayBuffer(Math.min(PIECE, size - at)));
        const count = readSync(fd, chunk, 0, chunk.length, at);
        // it has been cut just now; the header has promised more
        const piece = count === 0 ? chunk.fill(0) : chunk.subarray(0, count);
        this.#tar.data(piece);
        at += piece.length;
        yield* this.#flush();
      }
    } finally {
      closeSync(fd);
    }
  }

  #entry({ folder, name: own }: RootedPlace, stat: BigIntStats, type: TarType, name: Buffer, more: Partial<TarFields> = {}): void {
    const { uid, gid } = this.#options.ids ?? { uid: [], gid: [] };
    const device = Number(stat.rdev);
    const isDevice = type === 'char' || type === 'block';
    this.#tar.entry({
      type,
      name,
      mode: Number(stat.mode) & 0o7777,
      uid: toContainer(uid, Number(stat.uid)),
      gid: toContainer(gid, Number(stat.gid)),
      mtime: stat.mtimeNs - (((stat.mtimeNs % SECOND) + SECOND) % SECOND),
      ...(isDevice && { devMajor: (device >>> 8) & 0xfff, devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00) }),
      ...(type === 'symlink' && { linkName: this.#rooted.readLink(folder, own) }),
      xattrs: this.#rooted.in(folder, own, (at) => tarXattrs(this.#rooted.files, at)),
      ...more,
    });
  }

  *#flush(): Generator<Buffer> {
    yield* this.#out.splice(0);
  }
}
