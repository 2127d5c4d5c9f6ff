/** A path of a container as Docker's clients give it (moby: daemon/archive.go), and what lies there. */
import { closeSync, constants, fstatSync, type BigIntStats } from 'node:fs';
import type { FileStat } from './contract.ts';
import { partsOf, shown, type Rooted } from './rooted.ts';

export interface RootedPath {
  /** From the root; `..` has taken its names away before any link was looked at. */
  readonly names: readonly string[];
  /** It ended in `/` or `/.`: a folder, through a link too. */
  readonly folder: boolean;
  /** What its top is called in an archive: its last name, `.` where it ended in one, `/` for the root. */
  readonly base: string;
  /** The same as it was given: perhaps `..`. */
  readonly called: string;
  /** For messages. */
  readonly text: string;
}

/** Throws `invalid` for what can be no path. */
export function rootedPath(path: string): RootedPath {
  const names: string[] = [];
  for (const part of partsOf(path)) {
    if (part === '..') names.pop();
    else names.push(part);
  }
  const dot = /(^|\/)\.\/*$/.test(path) || path === '';
  const text = shown(names);
  const base = dot ? '.' : (names.at(-1) ?? '/');
  return {
    names,
    folder: dot || path.endsWith('/'),
    base,
    called: /(^|\/)\.\.\/*$/.test(path) ? '..' : base,
    text: dot ? `${text === '/' ? '' : text}/.` : path.endsWith('/') && text !== '/' ? `${text}/` : text,
  };
}

/** Throws what `Rooted` throws. */
export function statRooted(rooted: Rooted, path: RootedPath): FileStat {
  const stat = lookAt(rooted, path);
  return {
    name: Buffer.from(path.called, 'latin1').toString(),
    size: Number(stat.size),
    mode: goMode(Number(stat.mode)),
    mtime: stat.mtimeNs,
    linkTarget: stat.isSymbolicLink() ? shown(rooted.follow(path.names)) : '',
  };
}

/** Names in a folder. Throws what `Rooted` throws. */
export function listRooted(rooted: Rooted, { names }: RootedPath): string[] {
  const folder = rooted.folder(rooted.root, names);
  try {
    return rooted.names(folder).map((name) => Buffer.from(name, 'latin1').toString());
  } finally {
    rooted.close(folder);
  }
}

function lookAt(rooted: Rooted, { names, folder }: RootedPath): BigIntStats {
  if (folder || names.length === 0) {
    const found = rooted.folder(rooted.root, names);
    try {
      return fstatSync(found.fd, { bigint: true });
    } finally {
      rooted.close(found);
    }
  }
  const place = rooted.place(names)!;
  try {
    const fd = rooted.hold(place.folder, place.name);
    try {
      return fstatSync(fd, { bigint: true });
    } finally {
      closeSync(fd);
    }
  } finally {
    rooted.close(place.folder);
  }
}

const GO_TYPES: ReadonlyMap<number, number> = new Map([
  [constants.S_IFDIR, 2 ** 31],
  [constants.S_IFLNK, 2 ** 27],
  [constants.S_IFBLK, 2 ** 26],
  [constants.S_IFCHR, 2 ** 26 + 2 ** 21],
  [constants.S_IFIFO, 2 ** 25],
  [constants.S_IFSOCK, 2 ** 24],
]);

/** A mode of stat(2) as Go's os.FileMode. */
export function goMode(mode: number): number {
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (GO_TYPES.get(mode & constants.S_IFMT) ?? 0) + special + (mode & 0o777);
}
