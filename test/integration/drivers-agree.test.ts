/** The same layers through both drivers: what overlayfs would see of them is the same. */
import assert from 'node:assert/strict';
import { readdirSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { before, describe, test, type TestContext } from 'node:test';
import { digestHex, type Digest } from '../../src/base/digest.ts';
import { EngineError } from '../../src/base/errors.ts';
import { startLayerThread } from '../../src/engine/layer-threads.ts';
import { chooseDriver } from '../../src/engine/snapshot-driver.ts';
import { linuxDetachedMounts } from '../../src/kernel/linux/detached-mounts.ts';
import type { ErofsLayer } from '../../src/runtime/contract.ts';
import type { Change, SnapshotDriver } from '../../src/snapshot/contract.ts';
import { erofsDriver } from '../../src/snapshot/erofs/driver.ts';
import { overlayDriver } from '../../src/snapshot/overlay.ts';
import { erofsUtils, noErofsUtils } from '../support/erofs-utils.ts';
import { readErofs } from '../support/erofs-reader.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { randomArchive } from '../support/random-archive.ts';
import { archive, rawHeader, withBody } from '../support/raw-archive.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import type { Walked } from '../support/walk.ts';

let skip: string | undefined;
before(async () => {
  skip = process.getuid?.() === 0 ? await whyNoErofs() : 'needs root';
});

interface Both {
  readonly dir: string;
  readonly overlay: SnapshotDriver;
  readonly erofs: SnapshotDriver;
}

async function withBoth(t: TestContext, body: (both: Both) => Promise<void>): Promise<void> {
  if (skip !== undefined) return t.skip(skip);
  const dir = tempFor(t);
  const options = { spawn: startLayerThread };
  const overlay = overlayDriver({ ...options, dir: `${dir}/overlay` });
  const erofs = erofsDriver({ ...options, dir: `${dir}/erofs` });
  try {
    await body({ dir, overlay, erofs });
  } finally {
    await Promise.all([overlay.close(), erofs.close()]);
  }
}

const folderOf = (both: Both, name: 'overlay' | 'erofs', diffId: Digest) => `${both.dir}/${name}/layers/${digestHex(diffId)}`;

/** A layer through a driver, or what kind of error it is. */
async function take(driver: SnapshotDriver, path: string): Promise<Digest | string> {
  try {
    return (await driver.ingestFile({ compression: 'none' }, { path })).diffId;
  } catch (error) {
    if (error instanceof EngineError) return error.kind;
    throw error;
  }
}

async function walk(...args: string[]): Promise<unknown[]> {
  const { stdout } = await runOk('unshare', ['--mount', projectNode, `${projectDir}/test/support/walk.ts`, ...args], { timeoutMs: 120_000 });
  const first = new Map<string, string>();
  return (JSON.parse(stdout) as Walked[]).map((file) => {
    if (!first.has(file.ino)) first.set(file.ino, file.path);
    // whiteouts have nothing but their name; nothing in the archives says when the root was made
    if ((file.mode & 0o170000) === 0o020000 && file.rdev === 0) return { path: file.path, whiteout: true };
    return { ...file, ino: first.get(file.ino), ...(file.path === '' && { mtime: '' }) };
  });
}

async function agree(both: Both, diffId: Digest): Promise<void> {
  const erofs = folderOf(both, 'erofs', diffId);
  mkdirSync(`${both.dir}/mount`, { recursive: true });
  const wanted = await walk('dir', `${folderOf(both, 'overlay', diffId)}/fs`);
  if (noErofsUtils === undefined) {
    const { code, stdout, stderr } = await erofsUtils('fsck.erofs', `--device=${erofs}/tar`, `${erofs}/index`);
    assert.equal(code, 0, stdout + stderr);
  }
  assert.deepEqual(await walk('erofs', `${erofs}/index`, `${erofs}/tar`, `${both.dir}/mount`), wanted);
}

const text = (changes: readonly Change[]) => changes.map(({ kind, path }) => `${kind} ${Buffer.from(path).toString('latin1')}`);

describe('random archives', () => {
  for (let round = 0; round < 3; round++) {
    const seed = (Date.now() % 1_000_000) * 100 + round * 100;
    test(`are the same layer to both, or the same error; and the same changes (seeds from ${seed})`, (t) =>
      withBoth(t, async (both) => {
        const layers: Digest[] = [];
        // some seeds are refused eleven times of twelve
        for (let at = 0; at < 12 || layers.length < 3; at++) {
          writeFileSync(`${both.dir}/layer`, randomArchive(seed + at, 5 + (at % 12) * 4));
          const [a, b] = await Promise.all([take(both.overlay, `${both.dir}/layer`), take(both.erofs, `${both.dir}/layer`)]);
          assert.equal(b, a, `seed ${seed + at}`);
          if (!a.startsWith('sha256:')) continue;
          layers.push(a as Digest);
          await agree(both, a as Digest).catch((error: Error) => {
            throw new Error(`seed ${seed + at}: ${error.message}`);
          });
        }
        // the last layer as a container's writes on the others
        const upper = layers.pop()!;
        const changes: string[][] = [];
        for (const driver of [both.overlay, both.erofs]) {
          const { dir } = driver.createWritable('w');
          await runOk('cp', ['-a', `${folderOf(both, 'overlay', upper)}/fs/.`, dir]);
          changes.push(text(await driver.changes(layers, 'w')));
        }
        assert.deepEqual(changes[1], changes[0]);
        assert.ok(changes[0]!.length > 0);
      }));
  }
});

test('a link in place of the folder of its target is refused by both', (t) =>
  withBoth(t, async (both) => {
    writeFileSync(`${both.dir}/layer`, archive(withBody({ name: 'd/e/f' }, 'x'), rawHeader({ name: 'd', type: '1', linkName: 'd/e/f' })));
    assert.deepEqual([await take(both.overlay, `${both.dir}/layer`), await take(both.erofs, `${both.dir}/layer`)], ['invalid', 'invalid']);
  }));

describe('the erofs driver', () => {
  test('keeps the tar as it is, an index beside it, and nothing that can be written to', (t) =>
    withBoth(t, async (both) => {
      const tar = archive(withBody({ name: 'f' }, 'text'));
      writeFileSync(`${both.dir}/layer`, tar);
      const diffId = (await take(both.erofs, `${both.dir}/layer`)) as Digest;
      const folder = folderOf(both, 'erofs', diffId);
      assert.deepEqual(readFileSync(`${folder}/tar`), tar);
      for (const name of ['tar', 'index']) assert.equal(statSync(`${folder}/${name}`).mode & 0o777, 0o400);
      const root = both.erofs.root([diffId], undefined, '/mnt');
      assert.deepEqual(root, { kind: 'overlay', mountPoint: '/mnt', lower: [{ kind: 'erofs', index: `${folder}/index`, device: `${folder}/tar` }] });
      const usage = await both.erofs.usage(diffId);
      assert.ok(usage.inodes >= 3 && usage.bytes >= tar.length);
    }));

  test('has a second index for user namespaces where there are opaque folders', (t) =>
    withBoth(t, async (both) => {
      writeFileSync(`${both.dir}/layer`, archive(withBody({ name: 'd/.wh..wh..opq' }, ''), withBody({ name: 'd/f' }, 'x')));
      const diffId = (await take(both.erofs, `${both.dir}/layer`)) as Digest;
      const root = both.erofs.root([diffId], undefined, '/mnt');
      assert.ok(root.kind === 'overlay');
      const layer = root.lower[0] as ErofsLayer;
      const marks = (index: string) => readErofs(readFileSync(index), readFileSync(layer.device)).get('d')!.xattrs;
      assert.deepEqual(marks(layer.index), { 'trusted.overlay.opaque': 'y' });
      assert.deepEqual(marks((root.userLower![0] as ErofsLayer).index), { 'user.overlay.opaque': 'y' });
    }));

  test('unpacked, such folders are marked in one of their own', (t) =>
    withBoth(t, async (both) => {
      writeFileSync(`${both.dir}/layer`, archive(withBody({ name: 'd/\xe9/.wh..wh..opq' }, ''), withBody({ name: 'd/f' }, 'x')));
      const { diffId } = await both.overlay.ingestFile({ compression: 'none' }, { path: `${both.dir}/layer` });
      const root = both.overlay.root([diffId], undefined, '/mnt');
      assert.ok(root.kind === 'overlay');
      const folder = folderOf(both, 'overlay', diffId);
      assert.deepEqual([root.lower, root.userLower], [[`${folder}/fs`], [`${folder}/fs`, `${folder}/user-marks`]]);
      assert.deepEqual(
        readdirSync(`${folder}/user-marks/d`),
        readdirSync(`${folder}/fs/d`).filter((name) => name !== 'f'),
      );
    }));

  test('a plain blob is the tar: one file with two names', (t) =>
    withBoth(t, async (both) => {
      writeFileSync(`${both.dir}/layer`, archive(withBody({ name: 'f' }, 'text')));
      const blob = { partial: `${both.dir}/partial`, path: `${both.dir}/blob` };
      const { diffId } = await both.erofs.ingestFile({ compression: 'none', blob }, { path: `${both.dir}/layer` });
      assert.equal(statSync(`${folderOf(both, 'erofs', diffId)}/tar`).ino, statSync(blob.path).ino);
      await both.overlay.ingestFile({ compression: 'none' }, { path: `${both.dir}/layer` });
      await agree(both, diffId);
    }));

  test('unpacks what EROFS cannot hold; such layers and others make one root', (t) =>
    withBoth(t, async (both) => {
      const { dir, erofs } = both;
      const sparse = rawHeader({ name: 's', type: 'S', magic: 'gnu', sparse: [[100, 5]], realSize: 1000, size: 5 });
      const unaligned = archive(withBody({ name: 'before' }, 'b'), sparse, Buffer.from('12345'), Buffer.alloc(507), withBody({ name: 'after' }, 'a'));
      writeFileSync(`${dir}/layer`, unaligned);
      const odd = await erofs.ingestFile({ compression: 'none' }, { path: `${dir}/layer` });
      const folder = folderOf(both, 'erofs', odd.diffId);
      assert.deepEqual([existsSync(`${folder}/tar`), existsSync(`${folder}/index`)], [false, false]);
      assert.equal(readFileSync(`${folder}/fs/s`).toString('latin1', 98, 107), '\0\u000012345\0\0');
      assert.ok(existsSync(`${folder}/fs/before`) && existsSync(`${folder}/fs/after`));
      // the same from a blob, which stays
      const blob = { partial: `${dir}/partial`, path: `${dir}/blob` };
      erofs.remove(odd.diffId);
      await erofs.ingestFile({ compression: 'none', blob }, { path: `${dir}/layer` });
      assert.deepEqual(readFileSync(blob.path), unaligned);
      assert.ok(existsSync(`${folder}/fs/s`));

      writeFileSync(`${dir}/layer`, archive(withBody({ name: 'top' }, 't'), withBody({ name: '.wh.before' }, '')));
      const plain = await erofs.ingestFile({ compression: 'none' }, { path: `${dir}/layer` });
      const root = erofs.root([odd.diffId, plain.diffId], undefined, '/mnt');
      assert.ok(root.kind === 'overlay');
      assert.deepEqual(
        root.lower.map((layer) => typeof layer),
        ['object', 'string'],
      );
      const { dir: upper } = erofs.createWritable('w');
      writeFileSync(`${upper}/top`, 'changed');
      writeFileSync(`${upper}/before`, 'again');
      assert.deepEqual(text(await erofs.changes([odd.diffId, plain.diffId], 'w')), ['added /before', 'modified /top']);
    }));

  test('a bad archive leaves nothing, also where it is found out while unpacking', (t) =>
    withBoth(t, async (both) => {
      const bad = [
        archive(withBody({ name: '../f' }, 'x')),
        archive(withBody({ name: 'f' }, 'x')).subarray(0, 700),
        archive(
          rawHeader({ name: 's', type: 'S', magic: 'gnu', sparse: [[100, 5]], realSize: 1000, size: 5 }),
          Buffer.alloc(512),
          rawHeader({ name: 'l', type: '1', linkName: 'absent' }),
        ),
      ];
      for (const bytes of bad) {
        writeFileSync(`${both.dir}/layer`, bytes);
        assert.equal(await take(both.erofs, `${both.dir}/layer`), 'invalid');
        assert.equal((await run('find', [`${both.dir}/erofs`, '-type', 'f'])).stdout, '');
      }
      assert.deepEqual(both.erofs.list(), []);
      // and the thread is where it was
      writeFileSync(`${both.dir}/layer`, archive(withBody({ name: 'f' }, 'x')));
      assert.match(await take(both.erofs, `${both.dir}/layer`), /^sha256:/);
      assert.ok(lstatSync(both.dir).isDirectory());
    }));
});

test('the driver is chosen by the probe, or by its name', async (t) => {
  const dir = tempFor(t);
  const options = { spawn: startLayerThread };
  const mounts = linuxDetachedMounts();
  const named = chooseDriver({ dir, name: 'overlay', mounts }, options);
  assert.deepEqual([named.driver.name, named.reason], ['overlay', undefined]);
  const failing = {
    readFile(): Buffer {
      throw new Error('no such device');
    },
  };
  const other = chooseDriver({ dir, mounts: failing }, options);
  assert.deepEqual([other.driver.name, other.reason], ['overlay', 'no such device']);
  if (skip !== undefined) return t.skip(skip);
  const probed = chooseDriver({ dir, mounts }, options);
  assert.deepEqual([probed.driver.name, probed.reason], ['erofs', undefined]);
  await Promise.all([named, other, probed].map(({ driver }) => driver.close()));
});
