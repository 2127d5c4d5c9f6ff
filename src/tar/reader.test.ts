import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { TarEntry } from './contract.ts';
import { TarReader } from './reader.ts';
import { archive, END, paxRecord, rawHeader, withBody } from '../../test/support/raw-archive.ts';

interface Read extends TarEntry {
  /** The file as a reader of it sees it. */
  content: Buffer;
}

function read(bytes: Buffer, piece = bytes.length || 1): Read[] {
  const out: Read[] = [];
  let open = false;
  const reader = new TarReader({
    entry(entry) {
      assert.equal(open, false);
      open = true;
      out.push({ ...entry, content: Buffer.alloc(entry.size) });
    },
    data(chunk, at) {
      assert.ok(open && chunk.length > 0);
      chunk.copy(out.at(-1)!.content, at);
    },
    entryEnd() {
      assert.equal(open, true);
      open = false;
    },
  });
  for (let at = 0; at < bytes.length; at += piece) reader.push(bytes.subarray(at, at + piece));
  reader.end();
  assert.equal(open, false);
  assert.equal(reader.position, bytes.length);
  return out;
}

const refused = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EngineError, String(error));
  assert.equal(error.kind, 'invalid');
  assert.match(error.message, message);
  return true;
};

describe('tar reader', () => {
  test('all types, with every piece size that could split a header', () => {
    const bytes = archive(
      rawHeader({ name: 'dir/', type: '5', mode: 0o1755, uid: 1, gid: 2, mtime: 1_000_000_000 }),
      withBody({ name: 'dir/file', mode: 0o4711, userName: 'me', groupName: 'us' }, 'hello'),
      withBody({ name: 'empty' }, ''),
      withBody({ name: 'block' }, Buffer.alloc(512, 7)),
      rawHeader({ name: 'hard', type: '1', linkName: 'dir/file', size: 99 }),
      rawHeader({ name: 'soft', type: '2', linkName: '../x' }),
      rawHeader({ name: 'c', type: '3', devMajor: 1, devMinor: 3 }),
      rawHeader({ name: 'b', type: '4', devMajor: 8, devMinor: 1_000_000 }),
      rawHeader({ name: 'p', type: '6' }),
      withBody({ name: 'contiguous', type: '7' }, 'x'),
    );
    const whole = read(bytes);
    assert.deepEqual(
      whole.map((e) => [e.type, e.name.toString(), e.linkName.toString(), e.mode, e.size, e.content.toString('latin1')]),
      [
        ['dir', 'dir/', '', 0o1755, 0, ''],
        ['file', 'dir/file', '', 0o4711, 5, 'hello'],
        ['file', 'empty', '', 0o644, 0, ''],
        ['file', 'block', '', 0o644, 512, '\u0007'.repeat(512)],
        ['link', 'hard', 'dir/file', 0o644, 0, ''],
        ['symlink', 'soft', '../x', 0o644, 0, ''],
        ['char', 'c', '', 0o644, 0, ''],
        ['block', 'b', '', 0o644, 0, ''],
        ['fifo', 'p', '', 0o644, 0, ''],
        ['file', 'contiguous', '', 0o644, 1, 'x'],
      ],
    );
    assert.equal(whole[0]!.mtime, 10n ** 18n);
    assert.deepEqual([whole[0]!.uid, whole[0]!.gid, whole[1]!.userName, whole[1]!.groupName], [1, 2, 'me', 'us']);
    assert.deepEqual([whole[6]!.devMajor, whole[6]!.devMinor, whole[7]!.devMajor, whole[7]!.devMinor], [1, 3, 8, 1_000_000]);
    assert.deepEqual([whole[1]!.dataOffset, whole[3]!.dataOffset], [1024, 2560]);
    for (const piece of [1, 3, 100, 511, 512, 513, 700, 1024]) assert.deepEqual(read(bytes, piece), whole);
  });

  test('pax: names, numbers, times with fractions, attributes of both kinds, and values that take back', () => {
    const long = Buffer.concat([Buffer.from('d/'.repeat(200)), Buffer.from([0xff, 0xfe])]);
    const capability = Buffer.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0x3d, 0x0a]);
    const pax = Buffer.concat([
      paxRecord('path', long),
      paxRecord('uid', '4294967294'),
      paxRecord('gid', '70000'),
      paxRecord('size', '3'),
      paxRecord('mtime', '1700000000.123456789999'),
      paxRecord('atime', '-1.5'),
      paxRecord('ctime', ''),
      paxRecord('uname', 'ü'),
      paxRecord('SCHILY.xattr.security.capability', capability),
      paxRecord('LIBARCHIVE.xattr.user.a%3Db', Buffer.from('value').toString('base64')),
      paxRecord('LIBARCHIVE.xattr.security.capability', 'AAAA'),
      paxRecord('comment', 'ignored'),
    ]);
    const [entry, next] = read(
      archive(withBody({ name: 'pax', type: 'x' }, pax), withBody({ name: 'short', size: 3 }, 'abc'), withBody({ name: 'plain' }, 'x')),
    );
    assert.deepEqual(entry!.name, long);
    assert.deepEqual([entry!.uid, entry!.gid, entry!.mtime, entry!.atime, entry!.ctime], [4294967294, 70000, 1700000000123456789n, -1500000000n, undefined]);
    assert.deepEqual([...entry!.xattrs].toSorted(), [
      ['security.capability', capability],
      ['user.a=b', Buffer.from('value')],
    ]);
    assert.equal(entry!.userName, 'ü');
    assert.equal(entry!.content.toString(), 'abc');
    assert.deepEqual([next!.name.toString(), next!.xattrs.size, next!.uid], ['plain', 0, 0]);
  });

  test('a global pax header is checked and not applied, as Docker does', () => {
    const global = withBody({ name: 'g', type: 'g' }, Buffer.concat([paxRecord('comment', 'a commit'), paxRecord('uid', '7')]));
    const [entry] = read(archive(global, withBody({ name: 'a' }, '')));
    assert.deepEqual([entry!.name.toString(), entry!.uid], ['a', 0]);
    assert.throws(() => read(archive(withBody({ name: 'g', type: 'g' }, 'nonsense'), withBody({ name: 'a' }, ''))), refused(/malformed record/));
  });

  test('GNU: long names, base-256 numbers; ustar: prefix; v7: no magic', () => {
    const name = `${'n'.repeat(300)}/`;
    const target = 't'.repeat(500);
    const [first, second, third, fourth] = read(
      archive(
        withBody({ name: '././@LongLink', type: 'K', magic: 'gnu' }, `${target}\0`),
        withBody({ name: '././@LongLink', type: 'L', magic: 'gnu' }, `${name}\0`),
        rawHeader({ name: 'short', type: '2', linkName: 'short', magic: 'gnu', mtime: -5, uid: 3_000_000 }),
        rawHeader({ name: 'tail', prefix: 'some/prefix' }),
        rawHeader({ name: 'folder/', type: '\0', magic: 'v7', prefix: 'no prefix here' }),
        rawHeader({ name: 'nobody', magic: 'gnu', uid: -2, gid: -2 }),
      ),
    );
    assert.deepEqual([first!.name.toString(), first!.linkName.toString(), first!.mtime, first!.uid], [name, target, -5_000_000_000n, 3_000_000]);
    assert.equal(second!.name.toString(), 'some/prefix/tail');
    assert.deepEqual([third!.type, third!.name.toString()], ['dir', 'folder/']);
    assert.deepEqual([fourth!.uid, fourth!.gid], [4294967294, 4294967294]);
  });

  test('sparse files in all four formats', () => {
    const data = Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(512, 2)]);
    const content = Buffer.alloc(10_000);
    content.fill(1, 1024, 1536);
    content.fill(2, 4096, 4608);
    const old = rawHeader({
      name: 's',
      type: 'S',
      magic: 'gnu',
      size: 1024,
      sparse: [[1024, 512]],
      sparseMore: [[[4096, 512]], [[10_000, 0]]],
      realSize: 10_000,
    });
    const v00 = [
      paxRecord('GNU.sparse.size', '10000'),
      paxRecord('GNU.sparse.numblocks', '2'),
      ...[1024, 4096].flatMap((offset) => [paxRecord('GNU.sparse.offset', String(offset)), paxRecord('GNU.sparse.numbytes', '512')]),
    ];
    const v01 = [paxRecord('GNU.sparse.size', '10000'), paxRecord('GNU.sparse.name', 's'), paxRecord('GNU.sparse.map', '1024,512,4096,512')];
    const v10 = ['major', 'minor', 'name', 'realsize'].map((key, index) => paxRecord(`GNU.sparse.${key}`, ['1', '0', 's', '10000'][index]!));
    const map = Buffer.alloc(512);
    map.write('2\n1024\n512\n4096\n512\n');
    const cases: Buffer[] = [
      archive(old, data),
      archive(withBody({ name: 'p', type: 'x' }, Buffer.concat(v00)), withBody({ name: 's' }, data)),
      archive(withBody({ name: 'p', type: 'x' }, Buffer.concat(v01)), withBody({ name: 'GNUSparseFile.0/s' }, data)),
      archive(withBody({ name: 'p', type: 'x' }, Buffer.concat(v10)), withBody({ name: 'GNUSparseFile.0/s' }, Buffer.concat([map, data]))),
    ];
    for (const bytes of cases) {
      for (const piece of [bytes.length, 1, 700]) {
        const [entry, ...rest] = read(bytes, piece);
        assert.deepEqual(rest, []);
        assert.deepEqual([entry!.name.toString(), entry!.size], ['s', 10_000]);
        assert.deepEqual(entry!.sparse, [
          { offset: 1024, length: 512 },
          { offset: 4096, length: 512 },
        ]);
        assert.deepEqual(entry!.content, content);
        assert.deepEqual(bytes.subarray(entry!.dataOffset, entry!.dataOffset + 1024), data);
      }
    }
  });

  test('what ends an archive', () => {
    const file = withBody({ name: 'a' }, 'abc');
    assert.equal(read(Buffer.concat([file, END, Buffer.from('garbage that is no header'.repeat(99))])).length, 1);
    assert.equal(read(Buffer.concat([file, Buffer.alloc(512)])).length, 1);
    assert.equal(read(file).length, 1);
    assert.deepEqual(read(Buffer.alloc(0)), []);
    assert.deepEqual(read(END), []);
    for (const cut of [1, 511, 513, 515, 600, 1023]) assert.throws(() => read(file.subarray(0, cut)), refused(/truncated/), `cut at ${cut}`);
    for (const cut of [511, 513, 514, 515, 1023]) {
      const reader = new TarReader({ entry() {}, data() {}, entryEnd() {} });
      reader.push(file.subarray(0, cut));
      if (cut >= 515) reader.end({ unpadded: true });
      else assert.throws(() => reader.end({ unpadded: true }), refused(/truncated/), `cut at ${cut}`);
    }
    assert.throws(() => read(Buffer.concat([file, Buffer.alloc(512), file])), refused(/zeros between entries/));
    assert.throws(() => read(withBody({ name: 'p', type: 'x' }, paxRecord('path', 'x'))), refused(/truncated/));
    assert.throws(() => read(archive(withBody({ name: 'p', type: 'L' }, 'x'))), refused(/between a header and its entry/));
  });

  test('hostile headers are refused', () => {
    const pax = (...records: Buffer[]) => archive(withBody({ name: 'p', type: 'x' }, Buffer.concat(records)), withBody({ name: 's' }, ''));
    const cases: [Buffer, RegExp][] = [
      [archive(rawHeader({ name: 'p', type: 'x', size: 3 * 2 ** 30 })), /a pax header of 3221225472 bytes/],
      [archive(rawHeader({ name: 'p', type: 'L', size: 1 << 20 })), /a name of 1048576 bytes/],
      [archive(rawHeader({ name: 'a', size: -1 })), /negative size/],
      [archive(rawHeader({ name: 'a', size: 2 ** 60 })), /out of range/],
      [archive(rawHeader({ name: 'a', size: Number.MAX_SAFE_INTEGER })), /has a size of/],
      [archive(rawHeader({ name: '' })), /without a name/],
      [archive(rawHeader({ name: 'a', type: 'M' })), /"a" is of type "M", which is not supported/],
      [archive(rawHeader({ name: 'a', uid: 2 ** 32 - 1 })), /has the uid 4294967295/],
      [pax(paxRecord('uid', '-1')), /no number in range/],
      [pax(paxRecord('size', '99999999999999999')), /no number in range/],
      [pax(paxRecord('path', 'a\0b')), /NUL/],
      [pax(paxRecord('mtime', 'now')), /no time/],
      [pax(Buffer.from('5 a=b\n')), /malformed record/],
      [pax(Buffer.from('999 a=b\n')), /malformed record/],
      [pax(Buffer.from('6 a=bX')), /malformed record/],
      [pax(Buffer.from('0 =\n')), /malformed record/],
      [pax(paxRecord('GNU.sparse.map', '0,5,3,2'), paxRecord('GNU.sparse.size', '9')), /out of order/],
      [pax(paxRecord('GNU.sparse.map', '0,5'), paxRecord('GNU.sparse.size', '4')), /out of range/],
      [pax(paxRecord('GNU.sparse.map', '0,5'), paxRecord('GNU.sparse.size', '9')), /differ in length/],
      [pax(paxRecord('GNU.sparse.map', '0,5')), /without its size/],
      [pax(paxRecord('GNU.sparse.offset', '1'), paxRecord('GNU.sparse.offset', '1')), /two offsets/],
      [pax(paxRecord('GNU.sparse.major', '2'), paxRecord('GNU.sparse.minor', '0')), /"2.0", which is not supported/],
      [pax(paxRecord('GNU.sparse.major', '1'), paxRecord('GNU.sparse.minor', '0'), paxRecord('GNU.sparse.realsize', '1')), /no room for its map/],
    ];
    for (const [bytes, message] of cases) assert.throws(() => read(bytes), refused(message));
    const broken = Buffer.from(archive(withBody({ name: 'a' }, 'b')));
    broken[3]! ^= 1;
    assert.throws(() => read(broken), refused(/checksum/));
  });

  test('signed checksums of old programs', () => {
    const header = Buffer.from(rawHeader({ name: 'é' }));
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + ((byte << 24) >> 24), 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    assert.equal(read(archive(header))[0]!.name.toString(), 'é');
  });

  test('what the handler throws comes out as it is', () => {
    const boom = new Error('boom');
    const reader = new TarReader({ entry: () => {}, data: () => assert.fail(boom), entryEnd: () => {} });
    assert.throws(() => reader.push(withBody({ name: 'a' }, 'abc')), boom);
  });
});

describe('tar reader against GNU tar', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kobako-tar-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'd'.repeat(120), 'e'.repeat(120)), { recursive: true });
  writeFileSync(join(tree, 'd'.repeat(120), 'e'.repeat(120), 'f'.repeat(120)), 'deep');
  writeFileSync(join(tree, 'a'), 'content of a');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xe9, 0xff])]), 'latin');
  linkSync(join(tree, 'a'), join(tree, 'hard'));
  symlinkSync('x'.repeat(200), join(tree, 'soft'));
  utimesSync(join(tree, 'a'), 1_700_000_000.25, 1_700_000_000.25);
  const sparse = openSync(join(tree, 'sparse'), 'w');
  for (let index = 0; index < 60; index++) writeSync(sparse, Buffer.alloc(4096, index + 1), 0, 4096, index * 131072);
  closeSync(sparse);
  truncateSync(join(tree, 'sparse'), 10_000_000);
  const hash = createHash('sha256')
    .update(execFileSync('cat', [join(tree, 'sparse')], { maxBuffer: 1 << 26 }))
    .digest('hex');

  for (const format of ['v7', 'ustar', 'oldgnu', 'gnu', 'pax', 'pax --sparse-version=0.0', 'pax --sparse-version=0.1', 'pax --sparse-version=1.0']) {
    test(`--format=${format}`, (t) => {
      if (spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU') !== true) return t.skip('GNU tar is not installed');
      const short = format === 'v7' || format === 'ustar';
      const args = [`--format=${format.split(' ')[0]}`, ...format.split(' ').slice(1), ...(short ? ['--exclude=d*', '--exclude=soft'] : ['--sparse'])];
      const bytes = execFileSync('tar', ['-C', tree, ...args, '-cf', '-', '.'], { maxBuffer: 1 << 26 });
      const entries = read(bytes, 65536);
      const names = entries.map((entry) => entry.name.toString('latin1')).toSorted();
      const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', '-'], { input: bytes, encoding: 'latin1' });
      assert.deepEqual(names, listed.trim().split('\n').toSorted());
      const of = (name: string) => entries.find((entry) => entry.name.toString('latin1') === name)!;
      const a = [of('./a'), of('./hard')].toSorted((x, y) => x.type.localeCompare(y.type))[0]!;
      assert.equal(a.content.toString(), 'content of a');
      assert.equal(a.mtime, format.startsWith('pax') ? 1_700_000_000_250_000_000n : 1_700_000_000_000_000_000n);
      assert.equal(createHash('sha256').update(of('./sparse').content).digest('hex'), hash);
      assert.equal(of('./sparse').sparse?.length, short ? undefined : 60);
      if (!short) assert.equal(of('./soft').linkName.length, 200);
    });
  }
});
