/** Extended attributes as EROFS keeps them behind an inode. */
import { invalid } from '../../base/errors.ts';
import { quote } from '../../tar/numbers.ts';
import { ErofsCannotHold } from './cannot-hold.ts';

/** Of the header before the entries. */
export const HEADER_SIZE = 12;

/** Prefixes that EROFS knows, by number. Others have no place in it. */
const PREFIXES = [
  ['user.', 1],
  ['trusted.', 4],
  ['security.', 6],
] as const;

const ACLS: Readonly<Record<string, number>> = { 'system.posix_acl_access': 2, 'system.posix_acl_default': 3 };

/** What overlayfs takes as "nothing below shows through", and what it takes as that with `userxattr`. */
export const OPAQUE = entry(4, Buffer.from('overlay.opaque'), Buffer.from('y'));
export const USER_OPAQUE = entry(1, Buffer.from('overlay.opaque'), Buffer.from('y'));

/**
 * The entries of these attributes, one after the other; empty for none. Left out is what the kernel would not keep on
 * such a file either, and overlayfs's own marks: those are made from whiteouts only.
 */
export function encodeXattrs(xattrs: ReadonlyMap<string, Buffer>, type: 'file' | 'dir' | 'other', file: Buffer): Buffer {
  const refuse = (name: string, what: string) => invalid(`invalid archive: ${quote(file)} has the attribute ${quote(Buffer.from(name))}, which is ${what}`);
  const entries: Buffer[] = [];
  for (const [name, value] of [...xattrs].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (/^(trusted|user)\.overlay\./.test(name)) continue;
    const acl = ACLS[name];
    if (acl !== undefined) {
      if (type === 'other' || (acl === 3 && type !== 'dir')) continue;
      if (!isAcl(value)) throw refuse(name, 'no access control list');
      entries.push(entry(acl, Buffer.alloc(0), value));
      continue;
    }
    const prefix = PREFIXES.find(([text]) => name.startsWith(text) && name.length > text.length);
    if (prefix === undefined || (prefix[0] === 'user.' && type === 'other')) continue;
    if (Buffer.byteLength(name) > 255) throw refuse(name, 'too long a name');
    if (name === 'security.capability') if (!isCapability(value)) throw refuse(name, 'no set of capabilities');
    if (value.length > 0xffff) throw new ErofsCannotHold(`an extended attribute of ${value.length} bytes`);
    entries.push(entry(prefix[1], Buffer.from(name.slice(prefix[0].length)), value));
  }
  return Buffer.concat(entries);
}

/** What `encodeXattrs` has made. */
export function decodeXattrs(bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const nameLength = bytes[at]!;
    const index = bytes[at + 1]!;
    const valueAt = at + 4 + nameLength;
    const end = valueAt + bytes.readUInt16LE(at + 2);
    const prefix = PREFIXES.find(([, number]) => number === index)?.[0] ?? Object.entries(ACLS).find(([, number]) => number === index)?.[0];
    if (prefix !== undefined) found.set(prefix + bytes.toString('utf8', at + 4, valueAt), bytes.subarray(valueAt, end));
    at = (end + 3) & ~3;
  }
  return found;
}

/** The bytes behind an inode: header and entries. */
export function xattrsSize(entries: number): number {
  if (entries === 0) return 0;
  // i_xattr_icount has 16 bits
  if (entries / 4 + 1 > 0xffff) throw new ErofsCannotHold(`${entries} bytes of extended attributes`);
  return HEADER_SIZE + entries;
}

function entry(index: number, name: Buffer, value: Buffer): Buffer {
  const size = 4 + name.length + value.length;
  const bytes = Buffer.alloc((size + 3) & ~3);
  bytes.writeUInt8(name.length, 0);
  bytes.writeUInt8(index, 1);
  bytes.writeUInt16LE(value.length, 2);
  name.copy(bytes, 4);
  value.copy(bytes, 4 + name.length);
  return bytes;
}

/** As the kernel's validheader(): revisions 2 and 3 of struct vfs_cap_data. */
function isCapability(value: Buffer): boolean {
  const revision = value.length >= 4 ? value.readUInt32LE(0) >>> 24 : 0;
  return (revision === 2 && value.length === 20) || (revision === 3 && value.length === 24);
}

/** setxattr(2) refuses what is no ACL; EROFS would keep it, and then nobody could open the file. */
function isAcl(value: Buffer): boolean {
  if (value.length < 4 || value.length > 0xffff || (value.length - 4) % 8 !== 0 || value.readUInt32LE(0) !== 2) return false;
  for (let at = 4; at < value.length; at += 8) {
    if (![1, 2, 4, 8, 0x10, 0x20].includes(value.readUInt16LE(at)) || value.readUInt16LE(at + 2) > 7) return false;
  }
  return true;
}
