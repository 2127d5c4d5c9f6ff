/** Reads an EROFS index as the kernel would, for tests: written from the format's description, sharing nothing with the writer. */
import assert from 'node:assert/strict';

export interface ReadInode {
  readonly nid: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: bigint;
  readonly nlink: number;
  readonly size: number;
  readonly rdev: number;
  /** By full name; of overlayfs's own too. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a file: its bytes from the tar. */
  readonly content?: Buffer;
}

const PREFIXES = ['', 'user.', 'system.posix_acl_access', 'system.posix_acl_default', 'trusted.', '', 'security.'];

/** Everything below the root by path (bytes as latin1), the root as the empty path. Asserts what the format demands. */
export function readErofs(index: Buffer, tar: Buffer): Map<string, ReadInode> {
  const found = new Map<string, ReadInode>();
  assert.equal(index.readUInt32LE(1024), 0xe0f5e1e2, 'magic');
  assert.equal(index[1036], 9, 'blocks of 512 bytes');
  assert.equal(index.length % 512, 0, 'whole blocks');
  assert.equal(index.readUInt32LE(1060), index.length / 512, 'blocks');
  assert.equal(index.readUInt16LE(1110), 1, 'one extra device');
  assert.equal(index.readUInt32LE(index.readUInt16LE(1112) * 128 + 64), Math.ceil(tar.length / 512), 'blocks of the tar');
  const root = index.readUInt16LE(1038);
  const seen = new Set<number>();

  const walk = (nid: number, path: string, parent: number): void => {
    const inode = readInode(index, tar, nid);
    found.set(path, inode.inode);
    seen.add(nid);
    if ((inode.inode.mode & 0o170000) !== 0o040000) return;
    let before = '';
    const names = new Set<string>();
    for (const [name, child, type] of entries(inode.bytes)) {
      assert.ok(before === '' || before < name, `${JSON.stringify(path)}: ${JSON.stringify(before)} comes before ${JSON.stringify(name)}`);
      before = name;
      names.add(name);
      if (name === '.') assert.equal(child, nid);
      else if (name === '..') assert.equal(child, parent);
      else {
        assert.equal(type, [0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7][index.readUInt16LE(child * 32 + 4) >> 12], `type of ${name}`);
        walk(child, path === '' ? name : `${path}/${name}`, nid);
      }
    }
    assert.ok(names.has('.') && names.has('..'));
  };
  walk(root, '', root);
  assert.equal(Number(index.readBigUInt64LE(1040)), seen.size, 'number of inodes');
  return found;
}

function readInode(index: Buffer, tar: Buffer, nid: number): { inode: ReadInode; bytes: Buffer } {
  const at = nid * 32;
  const format = index.readUInt16LE(at);
  assert.equal(format & 1, 1, 'extended inode');
  const layout = (format >> 1) & 7;
  const count = index.readUInt16LE(at + 2);
  const attributes = count === 0 ? 0 : 12 + 4 * (count - 1);
  const mode = index.readUInt16LE(at + 4);
  const size = Number(index.readBigUInt64LE(at + 8));
  const union = index.readUInt32LE(at + 16);
  const type = mode & 0o170000;
  let bytes: Buffer = Buffer.alloc(0);
  if (layout === 4) bytes = chunks(index, tar, size, union, Math.ceil((at + 64 + attributes) / 8) * 8);
  else if (size > 0) bytes = flat(index, size, layout === 2, union, at + 64 + attributes);
  const inode: ReadInode = {
    nid,
    mode,
    uid: index.readUInt32LE(at + 24),
    gid: index.readUInt32LE(at + 28),
    mtime: index.readBigInt64LE(at + 32) * 1_000_000_000n + BigInt(index.readUInt32LE(at + 40)),
    nlink: index.readUInt32LE(at + 44),
    size,
    rdev: type === 0o020000 || type === 0o060000 ? union : 0,
    xattrs: xattrs(index, at + 64, attributes),
    ...(type === 0o120000 ? { target: bytes.toString('latin1') } : {}),
    ...(type === 0o100000 ? { content: bytes } : {}),
  };
  return { inode, bytes };
}

function flat(index: Buffer, size: number, inline: boolean, block: number, tailAt: number): Buffer {
  const tail = inline ? size % 512 : 0;
  if (tail > 0) assert.equal(Math.floor(tailAt / 512), Math.floor((tailAt + tail - 1) / 512), 'what is inline stays in its block');
  const whole = size - tail;
  const from = whole > 0 ? block * 512 : 0;
  assert.ok(from + whole <= index.length, 'inside the index');
  return Buffer.concat([index.subarray(from, from + whole), index.subarray(tailAt, tailAt + tail)]);
}

function chunks(index: Buffer, tar: Buffer, size: number, format: number, at: number): Buffer {
  assert.equal(format & ~0x3f, 0);
  assert.equal(format & 0x20, 0x20, 'with indexes');
  const chunk = 512 * 2 ** (format & 31);
  const bytes = Buffer.alloc(size);
  for (let start = 0; start < size; start += chunk, at += 8) {
    const block = index.readUInt32LE(at + 4);
    if (block === 0xffffffff) continue;
    assert.equal(index.readUInt16LE(at + 2), 1, 'of the tar');
    assert.ok(block * 512 < tar.length, 'inside the tar');
    tar.copy(bytes, start, block * 512, block * 512 + Math.min(chunk, size - start));
  }
  return bytes;
}

function xattrs(index: Buffer, start: number, size: number): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = start + 12; at < start + size;) {
    const length = index[at]!;
    const value = index.readUInt16LE(at + 2);
    const name = PREFIXES[index[at + 1]!]! + index.toString('utf8', at + 4, at + 4 + length);
    found[name] = index.toString('latin1', at + 4 + length, at + 4 + length + value);
    at += Math.ceil((4 + length + value) / 4) * 4;
  }
  return found;
}

function* entries(bytes: Buffer): Generator<[name: string, nid: number, type: number]> {
  for (let start = 0; start < bytes.length; start += 512) {
    const block = bytes.subarray(start, start + 512);
    const first = block.readUInt16LE(8);
    for (let at = 0; at < first; at += 12) {
      const from = block.readUInt16LE(at + 8);
      let to = at + 12 < first ? block.readUInt16LE(at + 20) : block.length;
      if (at + 12 >= first && block.indexOf(0, from) >= 0) to = block.indexOf(0, from);
      yield [block.toString('latin1', from, to), Number(block.readBigUInt64LE(at)), block[at + 10]!];
    }
  }
}
