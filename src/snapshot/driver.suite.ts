/** What every snapshot driver must do, on the real kernel, as root. `test/integration/snapshot-NAME.test.ts` runs it. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { dir, expectedTree, file, layerTar, link, node, opaque, sha256, symlink, whiteout, type LayerEntry, type Seen } from '../../test/support/layers.ts';
import { projectDir, projectNode } from '../../test/support/paths.ts';
import { archive, paxRecord, rawHeader, withBody } from '../../test/support/raw-archive.ts';
import { tempFor } from '../../test/support/temp.ts';
import type { Digest } from '../base/digest.ts';
import type { LayerInfo, LayerRequest, SnapshotDriver } from './contract.ts';

const run = promisify(execFile);

export interface DriverSubject {
  readonly name: string;
  open(dir: string): SnapshotDriver;
  /** Why it cannot be tested here. */
  readonly skip?: string | undefined;
}

export async function ingest(driver: SnapshotDriver, bytes: Buffer, request: Partial<LayerRequest> = {}, piece = 65536): Promise<LayerInfo> {
  await using incoming = await driver.ingest({ compression: 'auto', ...request });
  for (let at = incoming.resumeAt; at < bytes.length; at += piece) await incoming.write(Uint8Array.from(bytes.subarray(at, at + piece)));
  return await incoming.finish();
}

/** What a container with these layers sees; a script may change something first. */
async function seen(driver: SnapshotDriver, layers: readonly Digest[], folder: string, id: string, script?: string): Promise<Record<string, Seen>> {
  driver.createWritable(id);
  const mountPoint = `${folder}/mnt`;
  mkdirSync(mountPoint, { recursive: true });
  const root = JSON.stringify(driver.root(layers, id, mountPoint));
  const args = ['--mount', '--propagation', 'private', projectNode, `${projectDir}/test/support/list-root.ts`, root, ...(script === undefined ? [] : [script])];
  const { stdout } = await run('unshare', args, { maxBuffer: 1 << 28 });
  return JSON.parse(stdout) as Record<string, Seen>;
}

/** A tmpfs has them since Linux 6.6; a driver does without them, as Docker does. */
function keepsUserAttributes(folder: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return statfsSync(folder).type !== 0x01021994 || major > 6 || (major === 6 && minor >= 6);
}

/** Layers of a few names again and again: replaced, hidden, linked, made again. Links are never used as folders. */
function randomLayers(seed: number): LayerEntry[][] {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  const path = () => Array.from({ length: 1 + below(3) }, () => 'abc'[below(3)]!).join('/');
  const layers: LayerEntry[][] = [];
  for (let count = 1 + below(4); count > 0; count--) {
    const layer: LayerEntry[] = [];
    const visible = Object.keys(expectedTree(layers));
    for (let entries = 1 + below(25); entries > 0; entries--) {
      const more = { uid: below(3), mtime: BigInt(below(1000)) * 1_000_000_007n };
      const name = path();
      switch (below(9)) {
        case 0:
        case 1:
        case 2:
          layer.push(file(name, name.repeat(below(50)), { ...more, mode: 0o4000 + below(512) }));
          break;
        case 3:
        case 4:
          layer.push(dir(`${name}/`, { ...more, mode: below(0o2000) }));
          break;
        case 5:
          layer.push(symlink(`${name}-link`, path(), more), node('fifo', `${name}-fifo`, more));
          break;
        case 6: {
          const target = Object.entries(expectedTree([layer])).filter(([, { type }]) => type === 'file')[0]?.[0];
          if (target !== undefined && !name.startsWith(`${target}/`)) layer.push(link(`${name}-hard`, target, more));
          break;
        }
        case 7:
          if (visible.length > 0) layer.push(whiteout(visible[below(visible.length)]!));
          break;
        case 8: {
          const folders = Object.entries(expectedTree(layers)).filter(([, { type }]) => type === 'dir');
          if (folders.length > 0) layer.push(opaque(folders[below(folders.length)]![0]));
        }
      }
    }
    layers.push(layer);
  }
  return layers;
}

/** Every file below a folder, to see that nothing has changed. */
const everything = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();

const LONG = 'l'.repeat(250);
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const CORPUS: Readonly<Record<string, readonly (readonly LayerEntry[])[]>> = {
  'an empty layer': [[]],
  'a layer with only a root': [[dir('./', { mode: 0o755 })]],
  'types, owners, modes and times': [
    [
      dir('d/', { mode: 0o1777, uid: 1, gid: 2 }),
      file('d/f', 'content', { mode: 0o4755, uid: 1000, gid: 1001 }),
      file('d/g', 'x'.repeat(100_000), { mode: 0o2711, mtime: 5n }),
      file('old', '', { mtime: -1_500_000_001n }),
      file('big ids', '', { uid: 4_000_000_000, gid: 3_000_000 }),
      symlink('s', '/etc/passwd', { uid: 7, mtime: 1_000_000_001n }),
      symlink('dangling', '../../../../nowhere'),
      node('char', 'null', { mode: 0o666, devMajor: 1, devMinor: 3 }),
      node('block', 'sda', { mode: 0o660, gid: 6, devMajor: 8, devMinor: 1000 }),
      node('fifo', 'p', { mode: 0o600, uid: 5 }),
      dir('locked/', { mode: 0 }),
      file('locked/in', 'in', { mode: 0 }),
    ],
  ],
  'set-gid folders do not give their group away': [
    [dir('g/', { mode: 0o2775, gid: 50 }), file('g/f', 'x', { gid: 0 }), dir('g/d/', { mode: 0o755 }), file('g/implied/x', ''), symlink('g/s', 'f')],
  ],
  'names that are not UTF-8, long, odd': [
    [
      dir(Buffer.from([0xff, 0xfe, 0x2f])),
      file(Buffer.from([0xff, 0xfe, 0x2f, 0xe9]), 'latin'),
      file('ünïcödé', 'utf8'),
      file('new\nline and "quotes" \\ back', ''),
      file(`${LONG}/${LONG}/${LONG}/${LONG}`, 'deep'),
      symlink('long link', `${LONG}/`.repeat(8)),
      symlink('odd link', Buffer.from([0xe9, 0x0a])),
      file('.hidden', ''),
      file('...', ''),
    ],
  ],
  'absolute names, dots, missing folders': [[file('/etc/passwd', 'root'), file('./a/./b//c', 'c')]],
  'hard links': [
    [
      file('a', 'shared', { mode: 0o4755 }),
      link('b', 'a'),
      dir('d/'),
      link('d/c', './b'),
      symlink('s', 'nowhere'),
      link('s2', 's'),
      node('fifo', 'p'),
      link('p2', '/p'),
      link('a', 'a'),
      file('e', 'replaced'),
      link('e', 'a', { mode: 0o2755, uid: 5, mtime: 7n }),
      file('cap', '', { xattrs: { 'security.capability': CAPABILITY, 'user.a': 'b' } }),
      link('cap1', 'cap', { xattrs: { 'user.c': 'd' } }),
      file('cap2', '', { xattrs: { 'security.capability': CAPABILITY } }),
      link('cap3', 'cap2', { xattrs: { 'security.capability': CAPABILITY } }),
    ],
  ],
  'attributes and capabilities': [
    [
      file('ping', 'ping', { mode: 0o755, uid: 1, xattrs: { 'security.capability': CAPABILITY } }),
      file('user', '', { xattrs: { 'user.name': 'value', 'user.empty': '', 'user.binary': Buffer.from([0, 255, 10]) } }),
      dir('d/', { xattrs: { 'user.on.folder': 'x' } }),
      file('marks', '', { xattrs: { 'user.big': 'v'.repeat(3000) } }),
      dir('trusted/', { xattrs: { 'trusted.overlay.opaque': 'y', 'trusted.overlay.redirect': '/etc', 'trusted.mine': 'kept' } }),
    ],
  ],
  'the same name again: the last one counts': [
    [
      file('f', 'first', { mode: 0o600 }),
      file('f', 'second, longer'),
      dir('d/', { mode: 0o700 }),
      file('d/keep', 'kept'),
      dir('d/', { mode: 0o711, uid: 3 }),
      file('x', 'file'),
      dir('x/'),
      file('x/inside', ''),
      dir('y/'),
      file('y/gone', ''),
      file('y', 'now a file'),
      dir('z/'),
      file('z/gone', ''),
      symlink('z', 'f'),
      dir('z/'),
      symlink('l', 'f'),
      file('l', 'no longer a link'),
      node('fifo', 'n'),
      file('n', 'no longer a fifo'),
    ],
  ],
  'a file where a folder must be': [[file('a', 'in the way'), file('a/b/c', 'c')]],
  whiteouts: [
    [dir('d/'), file('d/a', 'a'), file('d/b', 'b'), dir('d/sub/'), file('d/sub/x', 'x'), file('f', 'f'), file('g', 'g'), dir('e/'), file('e/old', '')],
    [dir('d/', { mode: 0o700 }), whiteout('d/a'), whiteout('d/sub'), whiteout('f'), whiteout('nothing'), whiteout('e')],
  ],
  'a whiteout and something new of the same name': [
    [dir('d/'), file('d/old', ''), dir('e/'), file('e/old', ''), file('f', 'old'), dir('h/'), file('h/old', '')],
    [
      whiteout('d'),
      dir('d/'),
      file('d/new', ''),
      dir('e/'),
      file('e/new', ''),
      whiteout('e'),
      whiteout('f'),
      file('f', 'new'),
      file('h', 'new'),
      whiteout('h'),
    ],
  ],
  'opaque folders': [
    [dir('d/'), file('d/old', ''), dir('d/sub/'), file('d/sub/old', ''), dir('e/'), file('e/old', ''), file('e/same', 'old')],
    [dir('d/'), file('d/first', ''), whiteout('d/pointless'), whiteout('d/sub/pointless'), opaque('d'), file('d/new', ''), opaque('e'), file('e/same', 'new')],
    [dir('d/sub/'), file('d/sub/third', '')],
  ],
  'an opaque root': [
    [file('old', ''), dir('d/'), file('d/old', '')],
    [opaque(''), file('new', '')],
  ],
  'AUFS files are left out': [[file('.wh..wh.aufs', ''), dir('.wh..wh.plnk/'), file('.wh..wh.plnk/12.34', 'x'), file('d/.wh..wh.orph', ''), file('a', 'a')]],
  'folders and files change places': [
    [dir('a/'), file('a/x', ''), file('b', 'b'), symlink('c', 'a'), dir('t/'), file('t/x', '')],
    [file('a', 'now a file'), dir('b/'), file('b/y', ''), dir('c/'), file('c/z', ''), file('t', ''), dir('t/')],
    [dir('a/'), file('a/again', ''), file('b', 'file again')],
  ],
  'many layers': Array.from({ length: 20 }, (_, index) => [
    file(`f${index}`, String(index)),
    file('same', String(index)),
    ...(index > 0 ? [whiteout(`f${index - 1}`)] : []),
  ]),
  'many files': [Array.from({ length: 2000 }, (_, index) => file(`d${index % 50}/f${index}`, `content ${index}`.repeat(index % 40)))],
};

/** Archives that are refused, and a part of what is said of them. */
const HOSTILE: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
  'a name that climbs': [layerTar([file('../evil', 'x')]), /"..\/evil" is outside of the layer/],
  'a name that climbs from within': [layerTar([dir('a/'), file('a/../../evil', 'x')]), /outside of the layer/],
  'an absolute name that climbs': [layerTar([file('/../evil', 'x')]), /outside of the layer/],
  'a hard link that climbs': [layerTar([link('passwd', '../../../../etc/passwd')]), /outside of the layer/],
  'a hard link to what is not there': [layerTar([link('passwd', '/etc/passwd')]), /"passwd" is a hard link to "\/etc\/passwd", which is no file of this layer/],
  'a hard link through a link': [layerTar([symlink('out', '/etc'), link('passwd', 'out/passwd')]), /no file of this layer/],
  'a hard link to a whiteout': [layerTar([whiteout('x'), link('y', 'x')]), /no file of this layer/],
  'a hard link to a folder': [layerTar([dir('x/'), link('y', 'x')]), /no file of this layer/],
  'a whiteout of the folder above': [layerTar([file('d/.wh...', '')]), /is no whiteout of anything/],
  'a whiteout of the folder itself': [layerTar([file('d/.wh..', '')]), /is no whiteout of anything/],
  'a whiteout of nothing': [layerTar([file('.wh.', '')]), /is no whiteout of anything/],
  'a folder with the name of a whiteout': [layerTar([file('.wh./x', '')]), /whose name is a whiteout's/],
  'links in a ring on the way': [layerTar([symlink('a', 'b'), symlink('b', 'a'), file('a/x', '')]), /too many levels of symbolic links/],
  'a file as the root': [layerTar([file('/', 'x')]), /"\/" is not a folder/],
  'a name that is too long': [layerTar([file('n'.repeat(300), '')]), /file name too long/],
  'a symbolic link to nothing': [layerTar([symlink('a', '')]), /"a" is a symbolic link to nothing/],
  'a symbolic link that is too long': [layerTar([symlink('a', 't'.repeat(5000))]), /cannot unpack "a": .*too long|symbolic link/],
  'a capability that is none': [layerTar([file('a', '', { xattrs: { 'security.capability': 'nonsense' } })]), /"a".*(invalid argument|security\.capability)/],
  'no archive': [Buffer.from('this is no tar archive at all'.repeat(40)), /wrong checksum|octal/],
  'a truncated archive': [layerTar([file('a', 'x'.repeat(5000))]).subarray(0, 3000), /truncated/],
  'a damaged header': [Buffer.concat([layerTar([file('a', 'x')]).subarray(0, 1024), Buffer.alloc(512, 7)]), /checksum|octal/],
};

export function driverSuite(subject: DriverSubject): void {
  const open = (t: TestContext): { driver: SnapshotDriver; folder: string } => {
    const folder = tempFor(t);
    mkdirSync(`${folder}/driver`);
    const driver = subject.open(`${folder}/driver`);
    t.after(() => driver.close());
    return { driver, folder };
  };

  describe(`snapshot driver ${subject.name}`, { skip: subject.skip ?? false }, () => {
    describe('what is mounted is what the layers say', () => {
      for (const [name, layers] of Object.entries(CORPUS)) {
        test(name, async (t) => {
          const { driver, folder } = open(t);
          const attributes = layers.flat().flatMap(({ xattrs = {} }) => Object.keys(xattrs));
          if (attributes.some((key) => key.startsWith('user.')) && !keepsUserAttributes(folder))
            return t.skip('the tmpfs of this kernel keeps no user attributes');
          const ids: Digest[] = [];
          for (const entries of layers) {
            const bytes = layerTar(entries);
            const info = await ingest(driver, bytes, {}, 3000);
            assert.equal(info.diffId, `sha256:${sha256(bytes)}`);
            assert.equal(info.plainSize, bytes.length);
            ids.push(info.diffId);
          }
          const expected = expectedTree(layers);
          const found = await seen(driver, ids, folder, 'c1');
          assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted());
          for (const [path, want] of Object.entries(expected)) {
            const { mtime, ...rest } = found[path]!;
            const { mtime: wanted, ...wantedRest } = want;
            assert.deepEqual({ path, ...rest }, { path, ...wantedRest });
            if (wanted !== undefined) assert.equal(mtime, wanted, path);
          }
        });
      }

      test('random layers', async (t) => {
        const { driver, folder } = open(t);
        for (let seed = 1; seed <= 12; seed++) {
          const layers = randomLayers(seed);
          const ids: Digest[] = [];
          for (const entries of layers) ids.push((await ingest(driver, layerTar(entries))).diffId);
          const found = await seen(driver, ids, folder, `r${seed}`);
          const expected = expectedTree(layers);
          const of = (tree: Record<string, Seen>) =>
            Object.entries(tree)
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(([path, { mtime, ...rest }]) => ({ path, ...rest, mtime: expected[path]?.mtime === undefined ? '' : mtime }));
          assert.deepEqual(of(found), of(expected), `seed ${seed}`);
        }
      });

      test('links in a layer lead no further than to its root', async (t) => {
        const { driver, folder } = open(t);
        const outside = `${folder}/outside`;
        mkdirSync(outside);
        writeFileSync(`${outside}/file`, 'untouched');
        const { diffId } = await ingest(
          driver,
          layerTar([
            symlink('abs', outside),
            file('abs/evil', 'x'),
            symlink('up', '../../../../../../../../../../..' + outside),
            file('up/evil2', 'x'),
            symlink('conf', '/etc'),
            file('conf/kobako-evil', 'x'),
            symlink('target', `${outside}/file`),
            file('target', 'replaces the link'),
            dir('real/'),
            symlink('alias', './real/../real'),
            file('alias/through', 'inside'),
          ]),
        );
        assert.deepEqual(everything(outside), ['file']);
        assert.equal(readFileSync(`${outside}/file`, 'utf8'), 'untouched');
        const found = await seen(driver, [diffId], folder, 'c1');
        assert.equal(found[`${outside.slice(1)}/evil`]?.type, 'file');
        assert.equal(found[`${outside.slice(1)}/evil2`]?.type, 'file');
        assert.equal(found['conf']?.type, 'symlink', 'the link stays, and the file is where it points to');
        assert.equal(found['etc/kobako-evil']?.type, 'file');
        assert.ok(!existsSync('/etc/kobako-evil'));
        assert.equal(found['target']?.type, 'file');
        assert.equal(found['real/through']?.sha256, sha256('inside'));
      });

      test('sparse files have their holes', async (t) => {
        const { driver, folder } = open(t);
        const pax = [
          paxRecord('GNU.sparse.major', '1'),
          paxRecord('GNU.sparse.minor', '0'),
          paxRecord('GNU.sparse.name', 'sparse'),
          paxRecord('GNU.sparse.realsize', '50000000'),
        ];
        const map = Buffer.alloc(512);
        map.write('2\n4096\n8192\n40000000\n512\n');
        const data = Buffer.concat([Buffer.alloc(8192, 1), Buffer.alloc(512, 2)]);
        const { diffId, contentSize } = await ingest(
          driver,
          archive(
            withBody({ name: 'p', type: 'x' }, Buffer.concat(pax)),
            withBody({ name: 'GNUSparseFile.0/sparse' }, Buffer.concat([map, data])),
            rawHeader({ name: 'old', type: 'S', magic: 'gnu', size: 512, sparse: [[1024, 512]], realSize: 3000 }),
            Buffer.alloc(512, 3),
          ),
        );
        assert.equal(contentSize, 50_003_000);
        const whole = Buffer.alloc(50_000_000);
        whole.fill(1, 4096, 12288);
        whole.fill(2, 40_000_000, 40_000_512);
        const old = Buffer.alloc(3000);
        old.fill(3, 1024, 1536);
        const found = await seen(driver, [diffId], folder, 'c1');
        assert.deepEqual([found['sparse']?.sha256, found['old']?.sha256], [sha256(whole), sha256(old)]);
        assert.ok((await driver.usage(diffId)).bytes < 1_000_000);
      });
    });

    describe('hostile layers', () => {
      for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
        test(name, async (t) => {
          const { driver, folder } = open(t);
          const before = everything(folder);
          await assert.rejects(ingest(driver, bytes), { name: 'EngineError', kind: 'invalid', message });
          assert.deepEqual(everything(folder), before);
          assert.deepEqual(driver.list(), []);
          assert.ok(driver.has((await ingest(driver, layerTar([file('a', 'next')]))).diffId), 'the next one succeeds');
        });
      }
    });

    describe('bytes that are not what was promised', () => {
      const plain = layerTar([file('a', 'x'.repeat(50_000)), file('b', 'y')]);
      const gzip = gzipSync(plain);
      const digest: Digest = `sha256:${sha256(gzip)}`;
      const diffId: Digest = `sha256:${sha256(plain)}`;
      const other: Digest = `sha256:${'0'.repeat(64)}`;
      const zstd = zstdCompressSync(plain);
      const cases: Readonly<Record<string, readonly [Buffer, Partial<LayerRequest>, RegExp]>> = {
        'wrong digest': [gzip, { digest: other }, /filesystem layer verification failed for digest sha256:0000/],
        'wrong diff id': [gzip, { digest, diffId: other }, /wrong diff id calculated on extraction/],
        'too few bytes': [gzip, { size: gzip.length + 1 }, /bytes were promised|were promised/],
        'too many bytes': [gzip, { size: gzip.length - 1 }, /more than the \d+ bytes that were promised/],
        'a bomb': [gzipSync(layerTar([file('zeros', Buffer.alloc(20_000_000))])), { maxPlainSize: 1_000_000 }, /unpacks to more than 1000000 bytes/],
        'truncated gzip': [gzip.subarray(0, -10), {}, /gzip stream is damaged/],
        'truncated zstd': [zstd.subarray(0, -10), {}, /zstd stream is damaged/],
        'garbage after gzip': [Buffer.concat([gzip, Buffer.from('garbage')]), {}, /gzip stream is damaged/],
      };
      for (const [name, [bytes, request, message]] of Object.entries(cases)) {
        test(name, async (t) => {
          const { driver, folder } = open(t);
          const blob = { partial: `${folder}/driver/partial`, path: `${folder}/driver/blob` };
          const before = everything(folder);
          await assert.rejects(ingest(driver, bytes, { ...request, blob }), { name: 'EngineError', kind: 'invalid', message });
          assert.deepEqual(everything(folder), before, 'not even the partial file stays: its bytes are wrong');
          const info = await ingest(driver, gzip, { digest, diffId, size: gzip.length, maxPlainSize: plain.length, blob });
          assert.deepEqual(info, { digest, diffId, size: gzip.length, plainSize: plain.length, contentSize: 50_001 });
          assert.deepEqual(readFileSync(blob.path), gzip);
        });
      }
    });

    test('gzip, zstd, several members, plain: one layer', async (t) => {
      const { driver } = open(t);
      const plain = layerTar([file('a', 'x'.repeat(50_000)), file('b', 'y')]);
      const half = 20_000;
      const packed = [
        plain,
        gzipSync(plain),
        zstdCompressSync(plain),
        Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))]),
        Buffer.concat([zstdCompressSync(plain.subarray(0, half)), zstdCompressSync(plain.subarray(half))]),
      ];
      for (const bytes of packed) assert.equal((await ingest(driver, bytes)).diffId, `sha256:${sha256(plain)}`);
      assert.equal((await ingest(driver, plain, { compression: 'none' })).digest, `sha256:${sha256(plain)}`);
      assert.equal(driver.list().length, 1);
    });

    test('a partial file is gone on with, after giving up and after a crash', async (t) => {
      const { driver, folder } = open(t);
      const plain = layerTar(Array.from({ length: 300 }, (_, index) => file(`f${index}`, randomBytes(2000))));
      const bytes = gzipSync(plain);
      const blob = { partial: `${folder}/driver/partial`, path: `${folder}/driver/blob` };
      const request = { compression: 'gzip', digest: `sha256:${sha256(bytes)}`, blob } as const;
      {
        await using first = await driver.ingest(request);
        await first.write(Uint8Array.from(bytes.subarray(0, 100_000)));
        await assert.rejects(driver.ingest(request), { kind: 'conflict' });
      }
      assert.equal(readFileSync(blob.partial).length, 100_000);
      assert.deepEqual(driver.list(), []);
      const second = await driver.ingest(request);
      assert.equal(second.resumeAt, 100_000);
      await second[Symbol.asyncDispose]();
      const progress: number[] = [];
      const third = await driver.ingest(request, { progress: (taken) => void progress.push(taken) });
      await third.write(Uint8Array.from(bytes.subarray(third.resumeAt)));
      assert.equal((await third.finish()).diffId, `sha256:${sha256(plain)}`);
      assert.equal(progress.at(-1), bytes.length);
      assert.deepEqual(readFileSync(blob.path), bytes);
      assert.deepEqual(
        everything(folder).filter((path) => path.startsWith('driver/partial') || path.startsWith('driver/tmp/')),
        [],
      );
      // a partial file of something else is found out, and the try after that succeeds
      driver.remove(`sha256:${sha256(plain)}`);
      writeFileSync(blob.partial, 'something else');
      await assert.rejects(ingest(driver, bytes, request), { kind: 'invalid' });
      assert.equal((await ingest(driver, bytes, request)).size, bytes.length);
    });

    test('a layer in a file, and in a part of one', async (t) => {
      const { driver, folder } = open(t);
      const plain = layerTar([file('a', 'x'.repeat(3_000_000))]);
      const bytes = gzipSync(plain);
      writeFileSync(`${folder}/whole`, bytes);
      writeFileSync(`${folder}/part`, Buffer.concat([Buffer.alloc(777, 1), bytes, Buffer.alloc(99, 2)]));
      const blob = { partial: `${folder}/driver/partial`, path: `${folder}/driver/blob` };
      const info = await driver.ingestFile({ compression: 'auto', blob }, { path: `${folder}/part`, offset: 777, length: bytes.length });
      assert.equal(info.diffId, `sha256:${sha256(plain)}`);
      assert.deepEqual(readFileSync(blob.path), bytes);
      driver.remove(info.diffId);
      assert.deepEqual(await driver.ingestFile({ compression: 'auto' }, { path: `${folder}/whole` }), info);
      await assert.rejects(driver.ingestFile({ compression: 'auto' }, { path: `${folder}/part`, offset: 777, length: 1 << 30 }), { kind: 'invalid' });
      await assert.rejects(driver.ingestFile({ compression: 'auto' }, { path: `${folder}/missing` }), { kind: 'not-found' });
    });

    test('giving up by a signal', async (t) => {
      const { driver, folder } = open(t);
      const before = everything(folder);
      const abort = new AbortController();
      const incoming = await driver.ingest({ compression: 'none' }, { signal: abort.signal });
      await incoming.write(Uint8Array.from(layerTar([file('a', 'x')]).subarray(0, 700)));
      abort.abort();
      await assert.rejects(incoming.finish(), { kind: 'cancelled' });
      await assert.rejects(driver.ingest({ compression: 'none' }, { signal: abort.signal }), { kind: 'cancelled' });
      assert.deepEqual(everything(folder), before);
    });

    const child = (...args: string[]): string[] => [`${projectDir}/test/support/snapshot-child.ts`, subject.name, ...args];

    test('a full disk: said, and nothing stays', async (t) => {
      const { folder } = open(t);
      mkdirSync(`${folder}/small`);
      writeFileSync(`${folder}/big`, layerTar([dir('d/'), ...Array.from({ length: 100 }, (_, index) => file(`d/f${index}`, randomBytes(200_000)))]));
      const { stdout } = await run('unshare', ['--mount', '--propagation', 'private', projectNode, ...child(`${folder}/small`, `${folder}/big`, 'full')]);
      const { kind, message, left, next } = JSON.parse(stdout) as { kind: string; message: string; left: string[]; next: number };
      assert.deepEqual({ kind, left, next }, { kind: 'exhausted', left: [], next: 1_000_000 });
      assert.match(message, /no space left on device/);
    });

    test('SIGKILL in the middle: the store is as it was, and the next try goes on', async (t) => {
      const { folder } = open(t);
      const dirOf = `${folder}/killed`;
      mkdirSync(dirOf);
      const plain = layerTar(Array.from({ length: 500 }, (_, index) => file(`d${index % 7}/f${index}`, randomBytes(4000))));
      const bytes = gzipSync(plain);
      writeFileSync(`${folder}/layer`, bytes);
      for (const point of [1, 500_000, 1_200_000]) {
        const process = spawn(projectNode, child(dirOf, `${folder}/layer`, 'slow'), { stdio: ['ignore', 'pipe', 'inherit'] });
        const gone = once(process, 'exit');
        for await (const text of process.stdout.setEncoding('utf8')) {
          if (Number((text as string).trim().split('\n').at(-1)) >= point) process.kill('SIGKILL');
        }
        assert.deepEqual(await gone, [null, 'SIGKILL']);
        const driver = subject.open(dirOf);
        assert.deepEqual(driver.list(), []);
        driver.sweep();
        await driver.close();
        assert.deepEqual(readdirSync(`${dirOf}/tmp`), []);
      }
      const driver = subject.open(dirOf);
      t.after(() => driver.close());
      const incoming = await driver.ingest({
        compression: 'auto',
        digest: `sha256:${sha256(bytes)}`,
        blob: { partial: `${dirOf}/partial`, path: `${dirOf}/blob` },
      });
      assert.ok(incoming.resumeAt >= 1_200_000, String(incoming.resumeAt));
      await incoming.write(Uint8Array.from(bytes.subarray(incoming.resumeAt)));
      assert.equal((await incoming.finish()).diffId, `sha256:${sha256(plain)}`);
      assert.deepEqual(readFileSync(`${dirOf}/blob`), bytes);
    });

    test('several layers at once, the same one twice', async (t) => {
      const { driver } = open(t);
      const layers = Array.from({ length: 6 }, (_, index) => gzipSync(layerTar([file('a', String(index >> 1).repeat(1_000_000))])));
      const infos = await Promise.all(layers.map((bytes) => ingest(driver, bytes)));
      assert.deepEqual(new Set(infos.map((info) => info.diffId)).size, 3);
      assert.deepEqual(driver.list().toSorted(), [...new Set(infos.map((info) => info.diffId))].toSorted());
    });

    test('the main thread only hands bytes on', async (t) => {
      const { driver } = open(t);
      const bytes = gzipSync(layerTar(Array.from({ length: 3000 }, (_, index) => file(`d${index % 30}/f${index}`, randomBytes(10_000)))));
      await ingest(driver, layerTar([file('warm', '')]));
      const whole = process.cpuUsage();
      const main = process.threadCpuUsage();
      const incoming = await driver.ingest({ compression: 'gzip' });
      let longest = 0;
      for (let at = 0; at < bytes.length; at += 65536) {
        const before = process.threadCpuUsage();
        const written = incoming.write(Uint8Array.from(bytes.subarray(at, at + 65536)));
        longest = Math.max(longest, process.threadCpuUsage(before).user);
        await written;
      }
      await incoming.finish();
      const { user, system } = process.threadCpuUsage(main);
      const all = process.cpuUsage(whole);
      assert.ok(longest < 20_000, `one write took ${longest} us`);
      assert.ok(user + system < (all.user + all.system) / 2, `${user + system} of ${all.user + all.system} us`);
    });

    test('remove and sweep', async (t) => {
      const { driver, folder } = open(t);
      const empty = everything(folder);
      const { diffId } = await ingest(driver, layerTar([dir('d/', { mode: 0 }), file('d/f', 'x')]));
      assert.ok(driver.has(diffId));
      driver.createWritable('c1');
      mkdirSync(`${folder}/driver/tmp/left-by-a-crash/fs/d`, { recursive: true });
      mkdirSync(`${folder}/driver/trash/left-by-a-crash/d`, { recursive: true });
      driver.remove(diffId);
      assert.equal(driver.has(diffId), false);
      assert.throws(() => driver.root([diffId], undefined, '/mnt'), { kind: 'not-found' });
      driver.remove(diffId);
      assert.throws(() => driver.createWritable('c1'), { kind: 'conflict' });
      assert.throws(() => driver.createWritable('../c1'), { kind: 'invalid' });
      driver.removeWritable('c1');
      driver.removeWritable('c1');
      driver.sweep();
      await driver.close();
      assert.deepEqual(everything(folder), empty);
    });

    test('usage counts a file with several names once', async (t) => {
      const { driver, folder } = open(t);
      const { diffId } = await ingest(driver, layerTar([file('a', 'x'.repeat(1_000_000)), link('b', 'a'), link('c', 'a')]));
      const { bytes } = await driver.usage(diffId);
      assert.ok(bytes >= 1_000_000 && bytes < 1_500_000, String(bytes));
      await seen(driver, [diffId], folder, 'c1', 'head -c 500000 /dev/zero > x; ln x y; ln -s 1234567 z; mkdir d');
      const writable = await driver.writableUsage('c1');
      assert.ok(writable.bytes >= 500_000 && writable.bytes < 700_000 && writable.inodes === 4, JSON.stringify(writable));
      assert.equal(writable.contentSize, 500_007);
    });

    describe('changes and diff', () => {
      const LOWER = [
        dir('d/'),
        file('d/a', 'a'),
        file('d/b', 'b'),
        dir('d/sub/'),
        file('d/sub/x', 'x'),
        dir('e/'),
        file('e/1', ''),
        file('e/2', ''),
        file('f', 'f'),
        file('mode', ''),
        dir('t/'),
        file('t/f', ''),
      ];
      const SCRIPT = `
        echo new > d/new; echo more >> d/a; rm d/b; rm -r e; mkdir e; echo 3 > e/3; rm f
        chmod 700 mode; mkdir -p n/m; echo deep > n/m/o; ln n/m/o n/hard; ln -s ../x n/soft; mkfifo n/p; mknod n/null c 1 3
        rm -r t; echo file > t; touch -d @1700000000.5 d/new n/m/o; chown 5:6 n/p
        touch caps; setfattr -n user.a -v b caps 2>/dev/null || true`;

      test('changes as docker diff tells them', async (t) => {
        const { driver, folder } = open(t);
        const { diffId } = await ingest(driver, layerTar(LOWER));
        await seen(driver, [diffId], folder, 'c1', SCRIPT);
        const changes = await driver.changes([diffId], 'c1');
        const letters = { modified: 'C', added: 'A', deleted: 'D' };
        assert.deepEqual(
          changes.map(({ kind, path }) => `${letters[kind]} ${path}`),
          [
            'A /caps',
            'C /d',
            'C /d/a',
            'D /d/b',
            'A /d/new',
            'C /e',
            'D /e/1',
            'D /e/2',
            'A /e/3',
            'D /f',
            'C /mode',
            'A /n',
            'A /n/hard',
            'A /n/m',
            'A /n/m/o',
            'A /n/null',
            'A /n/p',
            'A /n/soft',
            'C /t',
          ],
        );
      });

      test('nothing changed', async (t) => {
        const { driver, folder } = open(t);
        const { diffId } = await ingest(driver, layerTar(LOWER));
        await seen(driver, [diffId], folder, 'c1', 'cat d/a >/dev/null; touch d/x; rm d/x');
        assert.deepEqual(await driver.changes([diffId], 'c1'), []);
      });

      test('the diff as a layer above gives the same tree again', async (t) => {
        const { driver, folder } = open(t);
        const { diffId } = await ingest(driver, layerTar(LOWER));
        const changed = await seen(driver, [diffId], folder, 'c1', SCRIPT);
        const pieces: Buffer[] = [];
        for await (const piece of driver.diff([diffId], 'c1')) pieces.push(piece);
        const { stdout } = await run('sh', ['-c', 'tar -tf "$1"', 'sh', await saved(folder, Buffer.concat(pieces))]);
        assert.deepEqual(stdout.trim().split('\n'), [
          'caps',
          'd/',
          'd/a',
          'd/.wh.b',
          'd/new',
          'e/',
          'e/.wh..wh..opq',
          'e/3',
          '.wh.f',
          'mode',
          'n/',
          'n/hard',
          'n/m/',
          'n/m/o',
          'n/null',
          'n/p',
          'n/soft',
          't',
        ]);
        const above = await ingest(driver, Buffer.concat(pieces));
        const again = await seen(driver, [diffId, above.diffId], folder, 'c2');
        const seconds = (tree: Record<string, Seen>) =>
          Object.fromEntries(Object.entries(tree).map(([path, { mtime, ...rest }]) => [path, { ...rest, mtime: mtime?.slice(0, -9) }]));
        assert.deepEqual(seconds(again), seconds(changed));
      });

      test('a diff may be given up', async (t) => {
        const { driver, folder } = open(t);
        const { diffId } = await ingest(driver, layerTar(LOWER));
        await seen(driver, [diffId], folder, 'c1', 'head -c 30000000 /dev/urandom > big');
        for await (const piece of driver.diff([diffId], 'c1')) {
          assert.ok(piece.length > 0);
          break;
        }
        assert.equal((await driver.changes([diffId], 'c1')).length, 1);
      });
    });
  });
}

async function saved(folder: string, bytes: Buffer): Promise<string> {
  writeFileSync(`${folder}/diff.tar`, bytes);
  return `${folder}/diff.tar`;
}
