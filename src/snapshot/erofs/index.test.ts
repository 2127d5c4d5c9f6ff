import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { readErofs, type ReadInode } from '../../../test/support/erofs-reader.ts';
import { archive, paxRecord, rawHeader, withBody, type RawFields } from '../../../test/support/raw-archive.ts';
import type { Digest } from '../../base/digest.ts';
import { EngineError } from '../../base/errors.ts';
import type { TarEntry } from '../../tar/contract.ts';
import { TarReader } from '../../tar/reader.ts';
import { ErofsBuilder } from './builder.ts';
import { ErofsCannotHold } from './cannot-hold.ts';
import { crc32c } from './crc32c.ts';
import { writeIndex } from './index-writer.ts';

/** The index of an archive, with what the index says is in it. */
function indexOf(tar: Buffer): { index: Buffer; files: Map<string, ReadInode> } {
  const builder = new ErofsBuilder();
  const reader = new TarReader(builder);
  for (let at = 0; at < tar.length; at += 1000) reader.push(tar.subarray(at, at + 1000));
  reader.end();
  const pieces: Buffer[] = [];
  const diffId: Digest = `sha256:${createHash('sha256').update(tar).digest('hex')}`;
  const length = writeIndex(builder, { diffId, size: tar.length }, (piece) => pieces.push(Buffer.from(piece)));
  const index = Buffer.concat(pieces);
  assert.equal(length, index.length);
  return { index, files: readErofs(index, tar) };
}

const filesOf = (...parts: Buffer[]) => indexOf(archive(...parts)).files;
const file = (name: string | Buffer, body = '', fields: Partial<RawFields> = {}) => withBody({ name, ...fields }, body);
const dir = (name: string | Buffer, fields: Partial<RawFields> = {}) => rawHeader({ name, type: '5', mode: 0o755, ...fields });
const link = (name: string, linkName: string) => rawHeader({ name, linkName, type: '1', mode: 0o644 });
const symlink = (name: string, linkName: string | Buffer) => rawHeader({ name, linkName, type: '2', mode: 0o777 });
const pax = (...records: Buffer[]) => withBody({ name: 'pax', type: 'x' }, Buffer.concat(records));
const fails = (pattern: RegExp, ...parts: Buffer[]) =>
  assert.throws(
    () => filesOf(...parts),
    (error: Error) => error instanceof EngineError && error.kind === 'invalid' && pattern.test(error.message),
  );
const cannotHold = (...parts: Buffer[]) => assert.throws(() => filesOf(...parts), ErofsCannotHold);
const names = (files: Map<string, ReadInode>) => [...files.keys()].filter((path) => path !== '');
const isWhiteout = (inode: ReadInode | undefined) => inode !== undefined && (inode.mode & 0o170000) === 0o020000 && inode.rdev === 0;
const isOpaque = (inode: ReadInode | undefined) => inode?.xattrs['trusted.overlay.opaque'] === 'y';

test('CRC-32C of the standard vector', () => {
  assert.equal((crc32c(0xffff_ffff, Buffer.from('123456789')) ^ 0xffff_ffff) >>> 0, 0xe3069283);
});

test('a small index, byte by byte', () => {
  const { index } = indexOf(archive(dir('./', { mtime: 1 }), file('f', 'hi\n', { uid: 70000, mtime: 2 })));
  const words = (from: number, to: number) => (index.toString('hex', from, to).match(/.{8}/g) ?? []).join(' ');
  assert.equal(index.length, 1536);
  assert.equal(
    index.subarray(0, 1024).every((byte) => byte === 0),
    true,
  );
  // magic, (checksum), features; block bits, root; inodes; time; blocks; metadata and shared attributes at block 0
  assert.equal(words(1024, 1028), 'e2e1f5e0');
  assert.equal(words(1032, 1072), '03000000 09002800 02000000 00000000 00000000 00000000 00000000 03000000 00000000 00000000');
  // incompatible features; algorithms, devices; slot of the first
  assert.equal(words(1104, 1116), '0c000000 00000100 09000000');
  assert.equal(
    index.toString('latin1', 1152, 1216),
    createHash('sha256')
      .update(archive(dir('./', { mtime: 1 }), file('f', 'hi\n', { uid: 70000, mtime: 2 })))
      .digest('hex'),
  );
  assert.equal(words(1216, 1224), '05000000 00000000');
  // the root: inline, mode 040755, 39 bytes; owner, time, links; its entries
  assert.equal(
    words(1280, 1344),
    '05000000 ed410000 28000000 00000000 ffffffff 01000000 00000000 00000000 01000000 00000000 00000000 02000000 00000000 00000000 00000000 00000000',
  );
  assert.equal(words(1344, 1380), '28000000 00000000 24000200 28000000 00000000 25000200 2c000000 00000000 27000100');
  const checked = Buffer.from(index.subarray(1024, 1536));
  checked.writeUInt32LE(0, 4);
  assert.equal(index.readUInt32LE(1028), crc32c(0xffff_ffff, checked));
});

describe('kinds of files', () => {
  test('files, folders, links, devices, FIFOs; owners, modes, times', () => {
    const files = filesOf(
      dir('d/', { mode: 0o1777, uid: 5, gid: 6, mtime: 1234 }),
      file('d/f', 'content', { mode: 0o4711, uid: 100_000, gid: 4_000_000_000 }),
      file('d/empty'),
      rawHeader({ name: 'd/same', linkName: 'd/f', type: '1', mode: 0o4711, uid: 100_000, gid: 4_000_000_000 }),
      symlink('l', '../anywhere'),
      rawHeader({ name: 'c', type: '3', devMajor: 4095, devMinor: 1048575, mode: 0o600 }),
      rawHeader({ name: 'b', type: '4', devMajor: 8, devMinor: 300 }),
      rawHeader({ name: 'p', type: '6', mode: 0o622 }),
    );
    assert.deepEqual(names(files).toSorted(), ['b', 'c', 'd', 'd/empty', 'd/f', 'd/same', 'l', 'p']);
    const { mode, uid, gid, mtime, nlink } = files.get('d')!;
    assert.deepEqual({ mode, uid, gid, mtime, nlink }, { mode: 0o041777, uid: 5, gid: 6, mtime: 1234_000000000n, nlink: 2 });
    const f = files.get('d/f')!;
    assert.deepEqual([f.mode, f.uid, f.gid, f.nlink, f.content?.toString()], [0o104711, 100_000, 4_000_000_000, 2, 'content']);
    assert.equal(files.get('d/same')!.nid, f.nid);
    assert.deepEqual([files.get('d/empty')!.size, files.get('l')!.target, files.get('l')!.mode], [0, '../anywhere', 0o120777]);
    assert.equal(files.get('c')!.rdev, 0xffffffff);
    assert.equal(files.get('b')!.rdev, (300 & 0xff) | (8 << 8) | ((300 & ~0xff) << 12));
    assert.equal(files.get('p')!.mode, 0o010622);
    assert.equal(files.get('')!.nlink, 3);
  });

  test('times before 1970, to the nanosecond', () => {
    const times = ['-1.5', '1234567890.123456789', '-0.000000001', '8589934592.5'];
    const files = filesOf(...times.flatMap((time, index) => [pax(paxRecord('mtime', time)), file(`f${index}`)]));
    assert.deepEqual(
      times.map((_, index) => files.get(`f${index}`)!.mtime),
      [-1_500000000n, 1234567890_123456789n, -1n, 8589934592_500000000n],
    );
  });

  test('names of any bytes; folders of many blocks; long names and links', () => {
    const odd = Buffer.from([0x66, 0xff, 0xfe, 0x0a]);
    const long = 'n'.repeat(255);
    const many = Array.from({ length: 300 }, (_, index) => `!many/${'x'.repeat(index % 90)}${index}`);
    const target = 't'.repeat(4095);
    const files = filesOf(
      file(odd, 'odd'),
      pax(paxRecord('path', `!many/${long}`)),
      file('x'),
      pax(paxRecord('path', `!many/${'m'.repeat(255)}`)),
      file('x'),
      ...many.map((name) => file(name, name)),
      pax(paxRecord('linkpath', target)),
      symlink('long', 'x'),
      symlink('medium', 'm'.repeat(99)),
    );
    assert.equal(files.get(odd.toString('latin1'))!.content!.toString(), 'odd');
    assert.ok(files.has(`!many/${long}`) && files.has(`!many/${'m'.repeat(255)}`));
    for (const name of many) assert.equal(files.get(name)!.content!.toString(), name);
    assert.equal(files.get('long')!.target, target);
    assert.equal(files.get('medium')!.target, 'm'.repeat(99));
    fails(/file name too long/, pax(paxRecord('path', 'n'.repeat(256))), file('x'));
    fails(/"l" is a symbolic link to a path of 4096 bytes/, pax(paxRecord('linkpath', 't'.repeat(4096))), symlink('l', 'x'));
    fails(/is a symbolic link to nothing/, symlink('l', ''));
  });

  test('sparse files: holes where runs are whole blocks', () => {
    const sparse = (runs: [number, number][], realSize: number, body: string) =>
      Buffer.concat([
        rawHeader({ name: 's', type: 'S', magic: 'gnu', sparse: runs, realSize, size: body.length }),
        Buffer.from(body),
        Buffer.alloc((512 - (body.length % 512)) % 512),
      ]);
    const a = 'a'.repeat(1024);
    const holes = filesOf(
      sparse(
        [
          [4096, 1024],
          [8192, 5],
        ],
        8197,
        `${a}12345`,
      ),
    ).get('s')!;
    const wanted = Buffer.alloc(8197);
    wanted.write(a, 4096);
    wanted.write('12345', 8192);
    assert.deepEqual(holes.content, wanted);
    assert.equal(
      filesOf(sparse([[1 << 20, 0]], 1 << 20, ''))
        .get('s')!
        .content!.every((byte) => byte === 0),
      true,
    );
    cannotHold(sparse([[100, 1024]], 8192, a));
    cannotHold(sparse([[0, 5]], 8192, '12345'));
    cannotHold(sparse([[512, 512]], 2 ** 42, a.slice(512)));
  });
});

describe('as unpacking into an empty folder', () => {
  test('names are cleaned; parents are made', () => {
    const files = filesOf(file('./a//b/./c'), file('/abs/f'), file('x/../y'));
    assert.deepEqual(names(files).toSorted(), ['a', 'a/b', 'a/b/c', 'abs', 'abs/f', 'y']);
    const { mode, uid, gid, mtime } = filesOf(file('a/b/c', '', { mtime: 5, uid: 6 })).get('a/b')!;
    assert.deepEqual({ mode, uid, gid, mtime }, { mode: 0o040755, uid: 0, gid: 0, mtime: 5_000000000n });
    for (const name of ['..', '../x', 'a/../../x', '/..']) fails(/outside of the layer/, file(name));
    fails(/is not a folder/, file('./'));
  });

  test('a later entry replaces an earlier one; folders are kept', () => {
    const files = filesOf(
      file('f', 'old'),
      link('g', 'f'),
      file('f', 'new'),
      dir('d', { mode: 0o700 }),
      file('d/in'),
      dir('d/', { mode: 0o711, mtime: 9 }),
      dir('gone'),
      file('gone/in'),
      file('gone', 'a file'),
      file('back'),
      dir('back'),
      file('back/in'),
    );
    assert.deepEqual(names(files).toSorted(), ['back', 'back/in', 'd', 'd/in', 'f', 'g', 'gone']);
    assert.deepEqual([files.get('f')!.content!.toString(), files.get('g')!.content!.toString(), files.get('f')!.nlink], ['new', 'old', 1]);
    assert.deepEqual([files.get('d')!.mode, files.get('d')!.mtime], [0o040711, 9_000000000n]);
  });

  test('a folder that was replaced does not come back', () => {
    const files = filesOf(dir('d'), file('d/old'), file('d'), dir('d'), file('d/new'));
    assert.deepEqual(names(files), ['d', 'd/new']);
  });

  test('paths lead through symbolic links, inside the layer', () => {
    const files = filesOf(
      symlink('lib', 'usr/lib'),
      file('lib/a', 'a'),
      symlink('evil', '/etc'),
      file('evil/passwd', 'inside'),
      symlink('up', '../../../tmp/x'),
      file('up/f'),
      link('hard', 'lib/a'),
    );
    assert.deepEqual(names(files).toSorted(), ['etc', 'etc/passwd', 'evil', 'hard', 'lib', 'tmp', 'tmp/x', 'tmp/x/f', 'up', 'usr', 'usr/lib', 'usr/lib/a']);
    assert.equal(files.get('hard')!.nid, files.get('usr/lib/a')!.nid);
    fails(/too many levels of symbolic links/, symlink('a', 'b'), symlink('b', 'a'), file('a/f'));
    const over = filesOf(file('f'), file('f/g'), file('h'), symlink('l', 'h'), file('l/g'));
    assert.deepEqual(names(over).toSorted(), ['f', 'f/g', 'h', 'h/g', 'l']);
    assert.ok(isOpaque(over.get('f')) && isOpaque(over.get('h')));
  });

  test('links only to what is there', () => {
    fails(/no file of this layer/, link('a', 'b'));
    fails(/no file of this layer/, link('a', 'b/c'));
    fails(/no file of this layer/, file('.wh.w'), link('a', 'w'));
    fails(/outside of the layer/, link('a', '../etc/passwd'));
    fails(/no file of this layer/, dir('d'), link('a', 'd'));
    fails(/no file of this layer/, file('d/e/f'), link('d', 'd/e/f'));
    assert.equal(filesOf(file('a', 'x'), link('a', './a')).get('a')!.content!.toString(), 'x');
    const files = filesOf(symlink('s', '/etc/passwd'), link('t', 's'));
    assert.equal(files.get('t')!.target, '/etc/passwd');
  });

  test('devices whose numbers do not exist', () => {
    fails(/device number 4096:0/, rawHeader({ name: 'c', type: '3', devMajor: 4096 }));
    fails(/device number 0:1048576/, rawHeader({ name: 'c', type: '3', devMinor: 1048576 }));
  });
});

describe('whiteouts', () => {
  test('become 0:0 devices and opaque folders', () => {
    const files = filesOf(
      file('a/.wh.b'),
      file('.wh.c'),
      dir('d'),
      file('d/.wh..wh..opq'),
      file('e/.wh..wh..opq'),
      file('.wh..wh.plnk/x'),
      file('.wh..wh.aufs'),
    );
    assert.ok(isWhiteout(files.get('a/b')) && isWhiteout(files.get('c')));
    assert.ok(isOpaque(files.get('d')) && isOpaque(files.get('e')));
    assert.ok(!isOpaque(files.get('a')));
    assert.ok(!names(files).some((name) => name.includes('.wh..wh..opq') || name === '.wh..wh.aufs'));
  });

  test('never hide what the layer itself has, before or after', () => {
    const files = filesOf(
      file('a', 'kept'),
      file('.wh.a'),
      file('.wh.b'),
      file('b', 'kept'),
      dir('c'),
      file('c/in'),
      file('.wh.c'),
      file('.wh.d'),
      dir('d'),
      file('.wh.e'),
      file('e/in'),
    );
    assert.equal(files.get('a')!.content!.toString(), 'kept');
    assert.equal(files.get('b')!.content!.toString(), 'kept');
    for (const name of ['c', 'd', 'e']) assert.ok(isOpaque(files.get(name)), name);
    assert.ok(files.has('c/in') && files.has('e/in'));
  });

  test('are left out where nothing from below shows anyway', () => {
    const files = filesOf(file('d/e/.wh.x'), file('d/.wh..wh..opq'), file('e/.wh.y'), file('f', ''), file('f/.wh.z'));
    assert.deepEqual(names(files).toSorted(), ['d', 'd/e', 'e', 'e/y', 'f']);
    assert.deepEqual(names(filesOf(file('a/.wh.x'), file('.wh..wh..opq'))), ['a']);
  });

  test('with an impossible name', () => {
    for (const name of ['.wh.', '.wh..', '.wh...', 'a/.wh...']) fails(/no whiteout of anything/, file(name));
  });

  test('an opaque folder keeps its mark and its attributes', () => {
    const files = filesOf(
      pax(paxRecord('SCHILY.xattr.user.k', 'v')),
      dir('d'),
      file('d/.wh..wh..opq'),
      dir('d'),
      pax(paxRecord('SCHILY.xattr.user.k', 'w')),
      dir('d'),
    );
    assert.deepEqual(files.get('d')!.xattrs, { 'user.k': 'w', 'trusted.overlay.opaque': 'y' });
  });
});

describe('extended attributes', () => {
  const withXattrs = (records: Record<string, string | Buffer>, entry: Buffer) =>
    Buffer.concat([pax(...Object.entries(records).map(([name, value]) => paxRecord(`SCHILY.xattr.${name}`, value))), entry]);

  test('are kept where the kernel would keep them', () => {
    const acl = Buffer.from('0200000001000600ffffffff04000400ffffffff20000400ffffffff', 'hex');
    const files = filesOf(
      withXattrs(
        { 'user.a': 'x', 'user.é': '', 'security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex'), 'system.posix_acl_access': acl },
        file('f', 'body'),
      ),
      withXattrs({ 'system.posix_acl_default': acl }, dir('d')),
      withXattrs({ 'user.a': 'x', 'security.b': 'y' }, symlink('l', 'f')),
      withXattrs({ 'user.big': 'v'.repeat(60_000), 'user.b': 'w'.repeat(700) }, file('big', 'body')),
    );
    assert.deepEqual(Object.keys(files.get('f')!.xattrs).toSorted(), ['security.capability', 'system.posix_acl_access', 'user.a', 'user.é']);
    assert.equal(files.get('f')!.xattrs['system.posix_acl_access'], acl.toString('latin1'));
    assert.equal(files.get('f')!.content!.toString(), 'body');
    assert.deepEqual(Object.keys(files.get('d')!.xattrs), ['system.posix_acl_default']);
    assert.deepEqual(files.get('l')!.xattrs, { 'security.b': 'y' });
    assert.deepEqual([files.get('big')!.xattrs['user.big']!.length, files.get('big')!.content!.toString()], [60_000, 'body']);
  });

  test('that would give overlayfs orders, or that nobody knows, are left out', () => {
    const files = filesOf(
      withXattrs(
        { 'trusted.overlay.redirect': '/etc', 'user.overlay.whiteout': 'y', 'trusted.x': 'y', 'btrfs.compression': 'zstd', 'user.': 'nameless' },
        dir('d'),
      ),
    );
    assert.deepEqual(files.get('d')!.xattrs, { 'trusted.x': 'y' });
  });

  test('a link replaces what was said of its file; capabilities go with the owner', () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const files = filesOf(
      withXattrs({ 'user.a': '1', 'security.capability': capability }, file('f', 'x', { mode: 0o600, uid: 1, mtime: 1 })),
      withXattrs({ 'user.b': '2' }, rawHeader({ name: 'g', linkName: 'f', type: '1', mode: 0o4755, uid: 2, mtime: 3 })),
      symlink('s', 'f'),
      rawHeader({ name: 't', linkName: 's', type: '1', mode: 0o600, uid: 3 }),
    );
    const { mode, uid, mtime, xattrs } = files.get('f')!;
    assert.deepEqual({ mode, uid, mtime, xattrs }, { mode: 0o104755, uid: 2, mtime: 3_000000000n, xattrs: { 'user.a': '1', 'user.b': '2' } });
    assert.deepEqual([files.get('s')!.mode, files.get('s')!.uid], [0o120777, 3]);
  });

  test('a file of thousands of attributes may have as many names as it likes', { timeout: 60_000 }, () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, number) => [`user.${number.toString(36)}`, 'x']));
    const named = (number: number) => rawHeader({ name: `l${number}`, linkName: 'f', type: '1' });
    const again = withXattrs({ 'user.1': 'x' }, dir('d'));
    const builder = new ErofsBuilder();
    const reader = new TarReader(builder);
    reader.push(withXattrs(many, file('f')));
    for (let number = 0; number < 20_000; number++) reader.push(named(number));
    reader.push(withXattrs(many, dir('d')));
    for (let number = 0; number < 20_000; number++) reader.push(again);
    const kept = ['f', 'l19999', 'd'].map((name) => builder.xattrs[builder.tree.xattrs.array[builder.tree.lookup(builder.tree.root, name)!]!]!.length);
    assert.deepEqual(kept, Array<number>(3).fill(5000 * 8));
  });

  test('broken capabilities are refused', () => {
    fails(/no set of capabilities/, withXattrs({ 'security.capability': 'x' }, file('f')));
  });

  test('a broken list of access rights is refused', () => {
    fails(/no access control list/, withXattrs({ 'system.posix_acl_access': 'rwx' }, file('f')));
  });

  test('too long for EROFS', () => {
    cannotHold(withXattrs({ 'user.a': 'v'.repeat(65536) }, file('f')));
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`user.${index}`, 'v'.repeat(60_000)]));
    cannotHold(withXattrs(many, file('f')));
  });
});

describe('what would take too much memory is not held', () => {
  const entry = (fields: Partial<TarEntry>): TarEntry => ({
    type: 'file',
    name: Buffer.from('f'),
    linkName: Buffer.alloc(0),
    mode: 0o644,
    uid: 0,
    gid: 0,
    userName: '',
    groupName: '',
    size: 0,
    mtime: 0n,
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
    dataOffset: 512,
    ...fields,
  });
  const fill = (fields: (index: number) => Partial<TarEntry>): number => {
    const builder = new ErofsBuilder();
    for (let index = 0; ; index++) {
      try {
        builder.entry(entry(fields(index)));
      } catch (error) {
        assert.ok(error instanceof ErofsCannotHold, String(error));
        return index;
      }
    }
  };

  test('links', () => {
    const linkName = Buffer.alloc(4095, 'x');
    const count = fill((index) => ({ type: 'symlink', name: Buffer.from(`${index}`), linkName }));
    assert.ok(count > 10_000 && count * 4095 < 1 << 26, String(count));
  });

  test('attributes', () => {
    const count = fill((index) => ({ xattrs: new Map([['user.x', Buffer.alloc(60_000, `${index}`)]]) }));
    assert.ok(count * 60_000 < 1 << 26, String(count));
  });

  test('files', () => {
    // also the same one again and again
    assert.ok(fill(() => ({})) < 1 << 20);
  });
});
