/** Our EROFS indexes before the judges: the kernel's own mount of them, and erofs-utils. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { before, describe, test, type TestContext } from 'node:test';
import { ErofsBuilder } from '../../src/snapshot/erofs/builder.ts';
import { writeIndex } from '../../src/snapshot/erofs/index-writer.ts';
import type { TarEntry } from '../../src/tar/contract.ts';
import { erofsUtils, noErofsUtils } from '../support/erofs-utils.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { indexTar } from '../support/erofs-index.ts';
import { readErofs } from '../support/erofs-reader.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { makeRandomTree, tarOf } from '../support/random-tree.ts';
import { archive, rawHeader, withBody } from '../support/raw-archive.ts';
import { debianRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import type { Walked } from '../support/walk.ts';

const walker = `${projectDir}/test/support/walk.ts`;

async function walk(...args: string[]): Promise<Walked[]> {
  const { stdout } = await runOk('unshare', ['--mount', projectNode, walker, ...args], { timeoutMs: 120_000 });
  return JSON.parse(stdout) as Walked[];
}

/** As the kernel shows an index. */
async function mounted(dir: string, tar: string, index: string): Promise<Walked[]> {
  mkdirSync(`${dir}/mount`, { recursive: true });
  return walk('erofs', index, tar, `${dir}/mount`);
}

/** Inode numbers by what they are for: which names are one file. */
function comparable(list: readonly Walked[]): unknown[] {
  const first = new Map<string, string>();
  return list.map((file) => {
    if (!first.has(file.ino)) first.set(file.ino, file.path);
    return { ...file, ino: first.get(file.ino) };
  });
}

function entryOf(name: string, size: number, dataOffset: number): TarEntry {
  const none = Buffer.alloc(0);
  const owner = { mode: 0o644, uid: 0, gid: 0, userName: '', groupName: '', mtime: 0n, devMajor: 0, devMinor: 0 };
  return { type: 'file', name: Buffer.from(name), linkName: none, ...owner, size, xattrs: new Map(), dataOffset };
}

let noErofs: string | undefined;
before(async () => {
  noErofs = await whyNoErofs();
});

async function skips(t: TestContext): Promise<boolean> {
  if (noErofs !== undefined) t.skip(noErofs);
  return noErofs !== undefined;
}

describe('random trees', () => {
  for (let round = 0; round < 4; round++) {
    const seed = round === 0 ? 1 : (Date.now() % 1_000_000) * 10 + round;
    test(`are the same mounted (seed ${seed})`, async (t) => {
      if (await skips(t)) return;
      const dir = tempFor(t);
      makeRandomTree(`${dir}/tree`, seed, 400);
      await tarOf(`${dir}/tree`, `${dir}/tar`);
      indexTar(`${dir}/tar`, `${dir}/index`);
      const wanted = comparable(await walk('dir', `${dir}/tree`));
      assert.ok(wanted.length > 300);
      assert.deepEqual(comparable(await mounted(dir, `${dir}/tar`, `${dir}/index`)), wanted);
    });

    test(`are the same to fsck.erofs (seed ${seed})`, async (t) => {
      if (noErofsUtils !== undefined) return t.skip(noErofsUtils);
      const dir = tempFor(t);
      makeRandomTree(`${dir}/tree`, seed, 400, { judge: 'fsck.erofs' });
      await tarOf(`${dir}/tree`, `${dir}/tar`);
      indexTar(`${dir}/tar`, `${dir}/index`);
      const { code, stderr } = await erofsUtils('fsck.erofs', '-d3', `--device=${dir}/tar`, `--extract=${dir}/out`, '--preserve', '--xattrs', `${dir}/index`);
      assert.equal(code, 0, stderr);
      assert.deepEqual(comparable(await walk('dir', `${dir}/out`)), comparable(await walk('dir', `${dir}/tree`)));
    });
  }
});

test('a Debian: mounted it is what GNU tar unpacks', async (t) => {
  if (await skips(t)) return;
  const dir = tempFor(t);
  await tarOf(await debianRootfs(), `${dir}/tar`);
  indexTar(`${dir}/tar`, `${dir}/index`);
  mkdirSync(`${dir}/tree`);
  await runOk('tar', ['-xf', `${dir}/tar`, '-C', `${dir}/tree`, '--numeric-owner', '--xattrs', '--xattrs-include=*']);
  const wanted = comparable(await walk('dir', `${dir}/tree`));
  assert.ok(wanted.length > 1000, String(wanted.length));
  assert.deepEqual(comparable(await mounted(dir, `${dir}/tar`, `${dir}/index`)), wanted);
  if (noErofsUtils === undefined) {
    const { code, stdout, stderr } = await erofsUtils('fsck.erofs', `--device=${dir}/tar`, `${dir}/index`);
    assert.equal(code, 0, stdout + stderr);
  }
});

test('a file of more than 4 GB, and one behind it', async (t) => {
  if (await skips(t)) return;
  const dir = tempFor(t);
  const size = 5 * 2 ** 30 + 7;
  const after = 512 + Math.ceil(size / 512) * 512;
  const tar = `${dir}/tar`;
  writeFileSync(tar, '');
  truncateSync(tar, after - 505);
  writeFileSync(tar, Buffer.concat([Buffer.alloc(505 + 512), Buffer.alloc(600, 'z'), Buffer.alloc(424)]), { flag: 'a' });
  const builder = new ErofsBuilder();
  // 5 GB need not be read for it
  builder.entry(entryOf('large', size, 512));
  builder.entry(entryOf('last', 600, after + 512));
  const pieces: Buffer[] = [];
  writeIndex(builder, { diffId: `sha256:${'0'.repeat(64)}`, size: after + 512 + 1024 }, (piece) => pieces.push(Buffer.from(piece)));
  writeFileSync(`${dir}/index`, Buffer.concat(pieces));
  mkdirSync(`${dir}/mount`);
  const script = `stat -c '%n %s' large last; tail -c 5 last; head -c 1000 large | tr '\\0' 0 | sort -u; tail -c 4096 large | tr '\\0' 0 | wc -c`;
  const mount = `${projectDir}/test/support/mount-erofs.ts`;
  const { code, stdout, stderr } = await run('unshare', ['--mount', projectNode, mount, `${dir}/index`, tar, `${dir}/mount`, script], { timeoutMs: 120_000 });
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`large ${size}\\nlast 600\\nzzzzz0{1000}\\n4096`));
});

test('a sound tar makes the same index every time, and the reader of our tests agrees with the kernel', async (t) => {
  if (await skips(t)) return;
  const dir = tempFor(t);
  writeFileSync(`${dir}/tar`, archive(withBody({ name: 'a/b' }, 'text'), rawHeader({ name: 'a/.wh.c' }), rawHeader({ name: 'a/d/.wh..wh..opq' })));
  indexTar(`${dir}/tar`, `${dir}/index`);
  indexTar(`${dir}/tar`, `${dir}/again`);
  assert.deepEqual(readFileSync(`${dir}/index`), readFileSync(`${dir}/again`));
  const list = await mounted(dir, `${dir}/tar`, `${dir}/index`);
  const read = readErofs(readFileSync(`${dir}/index`), readFileSync(`${dir}/tar`));
  assert.deepEqual(
    list.map(({ path, mode, xattrs, rdev }) => ({ path, mode, xattrs, rdev })),
    [...read].map(([path, { mode, xattrs, rdev }]) => ({ path, mode, xattrs, rdev })),
  );
  const whiteout = list.find(({ path }) => path === 'a/c')!;
  assert.deepEqual([whiteout.mode & 0o170000, whiteout.rdev], [0o020000, 0]);
  assert.deepEqual(list.find(({ path }) => path === 'a/d')!.xattrs, { 'trusted.overlay.opaque': 'y' });
});
