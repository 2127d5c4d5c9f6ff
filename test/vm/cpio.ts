/** The one archive format that the kernel unpacks as an initramfs: cpio "newc" (Documentation/driver-api/early-userspace/buffer-format.rst). */
export interface CpioEntry {
  /** Relative, without a leading slash. */
  readonly path: string;
  /** File type and permission bits, as in stat(2). */
  readonly mode: number;
  /** A regular file's bytes, or a symbolic link's target. */
  readonly data?: Uint8Array | string;
  /** A device node's numbers. */
  readonly device?: readonly [major: number, minor: number];
}

export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;

/** The archive, owned by root, with a fixed time; a folder must come before what lies in it. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => add(parts, index + 1, entry));
  add(parts, 0, { path: 'TRAILER!!!', mode: 0 });
  return Buffer.concat(parts);
}

function add(parts: Buffer[], inode: number, entry: CpioEntry): void {
  const data = Buffer.from(entry.data ?? '');
  const name = Buffer.from(`${entry.path}\0`);
  const links = (entry.mode & 0o170000) === S_IFDIR ? 2 : 1;
  const [major, minor] = entry.device ?? [0, 0];
  const fields = [inode, entry.mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  parts.push(header, name, padding(header.length + name.length), data, padding(data.length));
}

function padding(length: number): Buffer {
  return Buffer.alloc(-length & 3);
}
