/** The options of an OCI mount, sorted into what the kernel takes them as: attributes, propagation, and file system data. */
import { ATTR, MS } from '../kernel/constants.ts';

export interface MountOptions {
  readonly bind: boolean;
  /** Whether a bind takes the mounts below it along. */
  readonly recursive: boolean;
  /** MOUNT_ATTR_* to set and to clear on this mount only. */
  readonly set: number;
  readonly clear: number;
  /** The same for this mount and all below it (`rro` and friends). */
  readonly recursiveSet: number;
  readonly recursiveClear: number;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, or 0; with MS_REC for the r-forms. Applied in this order. */
  readonly propagation: readonly number[];
  /** What the file system itself is told: `['size', '64m']`, or `['newinstance']`. */
  readonly data: readonly (readonly [string, string?])[];
  /** Copy what the image has at the destination into the new tmpfs. */
  readonly copyUp: boolean;
  /** Map the owners of the mount: `idmap` or `ridmap`. */
  readonly idmap: 'none' | 'top' | 'recursive';
}

const SET: Readonly<Record<string, number>> = {
  ro: ATTR.RDONLY,
  nosuid: ATTR.NOSUID,
  nodev: ATTR.NODEV,
  noexec: ATTR.NOEXEC,
  nodiratime: ATTR.NODIRATIME,
  nosymfollow: ATTR.NOSYMFOLLOW,
};
const CLEAR: Readonly<Record<string, number>> = {
  rw: ATTR.RDONLY,
  suid: ATTR.NOSUID,
  dev: ATTR.NODEV,
  exec: ATTR.NOEXEC,
  diratime: ATTR.NODIRATIME,
  symfollow: ATTR.NOSYMFOLLOW,
};
const ATIME: Readonly<Record<string, number>> = {
  noatime: ATTR.NOATIME,
  relatime: ATTR.RELATIME,
  norelatime: ATTR.RELATIME,
  strictatime: ATTR.STRICTATIME,
  nostrictatime: ATTR.RELATIME,
  atime: ATTR.RELATIME,
};
const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.PRIVATE,
  shared: MS.SHARED,
  slave: MS.SLAVE,
  unbindable: MS.UNBINDABLE,
  rprivate: MS.PRIVATE | MS.REC,
  rshared: MS.SHARED | MS.REC,
  rslave: MS.SLAVE | MS.REC,
  runbindable: MS.UNBINDABLE | MS.REC,
};
const IGNORED = new Set([
  'defaults',
  'async',
  'auto',
  'noauto',
  'user',
  'nouser',
  'users',
  '_netdev',
  'nofail',
  'loud',
  'silent',
  'acl',
  'noacl',
  'mand',
  'nomand',
  'norbind',
  'nobind',
]);

/** The propagation flag that `linux.rootfsPropagation` or a mount option names; undefined for an unknown one. */
export function propagationFlag(name: string): number | undefined {
  return PROPAGATION[name];
}

/** Sorts a mount's options. What no table knows is data for the file system, as mount(8) does it. */
export function parseMountOptions(options: readonly string[], type: string | undefined): MountOptions {
  const out = {
    bind: type === 'bind' || type === 'rbind',
    recursive: type === 'rbind',
    set: 0,
    clear: 0,
    recursiveSet: 0,
    recursiveClear: 0,
    propagation: [] as number[],
    data: [] as [string, string?][],
    copyUp: false,
    idmap: 'none' as 'none' | 'top' | 'recursive',
  };
  for (const option of options) {
    const plain = option.startsWith('r') ? option.slice(1) : '';
    if (option === 'bind' || option === 'rbind') {
      out.bind = true;
      out.recursive ||= option === 'rbind';
    } else if (SET[option] !== undefined) {
      out.set |= SET[option];
      out.clear &= ~SET[option];
    } else if (CLEAR[option] !== undefined) {
      out.clear |= CLEAR[option];
      out.set &= ~CLEAR[option];
    } else if (ATIME[option] !== undefined) {
      out.clear |= ATTR.ATIME;
      out.set = (out.set & ~ATTR.ATIME) | ATIME[option];
    } else if (PROPAGATION[option] !== undefined) {
      out.propagation.push(PROPAGATION[option]);
    } else if (SET[plain] !== undefined) {
      out.recursiveSet |= SET[plain];
    } else if (CLEAR[plain] !== undefined) {
      out.recursiveClear |= CLEAR[plain];
    } else if (ATIME[plain] !== undefined) {
      out.recursiveClear |= ATTR.ATIME;
      out.recursiveSet |= ATIME[plain];
    } else if (option === 'tmpcopyup') {
      out.copyUp = true;
    } else if (option === 'idmap' || option === 'ridmap') {
      out.idmap = option === 'idmap' ? 'top' : 'recursive';
    } else if (option === 'sync' || option === 'dirsync' || option === 'lazytime' || option === 'nolazytime') {
      out.data.push([option]);
    } else if (option !== '' && !IGNORED.has(option) && !option.startsWith('x-')) {
      const equals = option.indexOf('=');
      out.data.push(equals < 0 ? [option] : [option.slice(0, equals), option.slice(equals + 1)]);
    }
  }
  return out;
}
