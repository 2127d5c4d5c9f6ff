/** Files in and out of a hostile root: links, names that are exchanged meanwhile, archives that want out (CVE-2018-15664, CVE-2019-14271). */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { RootedFiles } from '../../src/snapshot/contract.ts';
import { collect, filesGround, listed, pieces } from '../support/container-files-ground.ts';
import { dir, file, layerTar, link, node, symlink, type LayerEntry } from '../support/layers.ts';
import { projectDir } from '../support/paths.ts';
import { randomArchive } from '../support/random-archive.ts';
import { randomNumbers } from '../support/random-tree.ts';
import { runOk } from '../support/run.ts';
import { openDriver } from '../support/snapshot-drivers.ts';
import { tempFor } from '../support/temp.ts';

interface HostileRoot {
  readonly rooted: RootedFiles;
  readonly folder: string;
  readonly root: string;
  /** A folder of the host, with a file `secret`. */
  readonly outside: string;
  put(path: string, entries: readonly LayerEntry[]): Promise<void>;
  get(path: string): Promise<string[]>;
  /** Fails when something outside has changed. */
  untouched(): void;
}

function hostileRoot(t: TestContext): HostileRoot {
  const folder = tempFor(t);
  const driver = openDriver('overlay', `${folder}/driver`);
  t.after(() => driver.close());
  const [root, outside] = [`${folder}/root`, `${folder}/outside`];
  for (const path of [root, outside, `${root}/in`]) mkdirSync(path);
  writeFileSync(`${outside}/secret`, 'secret');
  const { rooted } = driver;
  return {
    rooted,
    folder,
    root,
    outside,
    put: (path, entries) => rooted.unpack(root, path, pieces(layerTar(entries))),
    get: async (path) => listed(await collect(rooted.archive(root, path))),
    untouched: () => {
      assert.deepEqual(readdirSync(outside), ['secret']);
      assert.equal(readFileSync(`${outside}/secret`, 'utf8'), 'secret');
      assert.deepEqual(readdirSync(folder).toSorted(), ['driver', 'outside', 'root', ...readdirSync(folder).filter((name) => name === 'swapper')]);
      const { mode, uid, nlink } = lstatSync(`${outside}/secret`);
      assert.deepEqual([mode & 0o7777, uid, nlink], [0o644, 0, 1]);
    },
  };
}

const UP = '../'.repeat(30);

describe('links', () => {
  test('absolute ones and ones that climb end inside', async (t) => {
    const hostile = hostileRoot(t);
    const { root, outside, get, put } = hostile;
    for (const [name, target] of [
      ['abs', outside],
      ['up', `${UP}${outside.slice(1)}`],
      ['file', `${outside}/secret`],
      ['process', '/proc/self/root'],
      ['twice', 'abs'],
    ] as const) {
      symlinkSync(target, `${root}/${name}`);
    }
    for (const path of ['/abs/secret', '/up/secret', '/abs/', '/twice/secret', `/${UP}${outside}/secret`, `/process${outside}/secret`]) {
      await assert.rejects(get(path), { kind: 'not-found' }, path);
      await assert.rejects(hostile.rooted.stat(root, path), { kind: 'not-found' }, path);
    }
    assert.deepEqual(await get('/file'), [`lrwxrwxrwx 0/0 0 file -> ${outside}/secret`]);
    assert.equal((await hostile.rooted.stat(root, '/file')).linkTarget, `${outside}/secret`);
    assert.equal((await hostile.rooted.stat(root, '/up')).linkTarget, outside);
    await assert.rejects(put('/abs', [file('x', 'x')]), { kind: 'not-found' });
    // what is missing on the way is made, inside
    await put('/', [file('abs/made', 'x'), file('up/secret', 'mine')]);
    assert.equal(readFileSync(`${root}${outside}/made`, 'utf8'), 'x');
    assert.equal(readFileSync(`${root}${outside}/secret`, 'utf8'), 'mine');
    assert.deepEqual(await get('/twice/made'), ['-rw-r--r-- 0/0 1 made']);
    hostile.untouched();
  });

  test('of an archive: those that it makes and then goes through, hard links out', async (t) => {
    const hostile = hostileRoot(t);
    const { root, outside, put } = hostile;
    // the folder that it is unpacked into is the root to links of an archive
    await put('/in', [symlink('a', outside), file('a/x', 'x'), symlink('b', `${UP}${outside.slice(1)}`), dir('b/y/'), symlink('c', outside), file('c', 'c')]);
    assert.equal(readFileSync(`${root}/in${outside}/x`, 'utf8'), 'x');
    assert.deepEqual(readdirSync(root), ['in']);
    assert.equal(readFileSync(`${root}/in/c`, 'utf8'), 'c');
    for (const target of [`${UP}${outside.slice(1)}/secret`, '../../outside/secret', '..']) {
      await assert.rejects(put('/in', [link('h', target)]), { kind: 'invalid' }, target);
    }
    for (const target of [`${outside}/secret`, 'a/secret', 'b/secret']) await assert.rejects(put('/in', [link('h', target)]), { kind: 'not-found' }, target);
    await put('/in', [symlink('s', `${outside}/secret`), link('h', 's', { mode: 0o777, uid: 5 })]);
    assert.ok(lstatSync(`${root}/in/h`).isSymbolicLink(), 'of a link it is one more name of the link');
    await put('/in', [file('s', 'replaced', { mode: 0o600, uid: 7 })]);
    hostile.untouched();
  });

  test('names that climb or are absolute', async (t) => {
    const hostile = hostileRoot(t);
    const { root, put } = hostile;
    for (const name of ['../x', 'a/../../x', `${UP}x`, '..']) await assert.rejects(put('/in', [file(name, 'x')]), { kind: 'invalid' }, name);
    await put('/in', [file('/abs/olute', 'x'), file('a/b/../c', 'y')]);
    assert.equal(readFileSync(`${root}/in/abs/olute`, 'utf8'), 'x');
    assert.equal(readFileSync(`${root}/in/a/c`, 'utf8'), 'y');
    assert.deepEqual(readdirSync(root), ['in']);
    hostile.untouched();
  });

  test('a loop, a long way, a deep folder', async (t) => {
    const hostile = hostileRoot(t);
    const { root, get, put } = hostile;
    symlinkSync('loop', `${root}/loop`);
    symlinkSync(`${'x/../'.repeat(800)}in`, `${root}/long`);
    await assert.rejects(get('/loop/x'), { kind: 'invalid' });
    await assert.rejects(put('/loop/x', [file('a')]), { kind: 'invalid' });
    await assert.rejects(put('/', [file('loop/a')]), { kind: 'invalid' });
    await assert.rejects(get('/long'.concat('/x'.repeat(3000))), { kind: 'invalid' });
    // deeper than any path can name: a loop of mkdir and chdir makes it
    await runOk('python3', ['-c', 'import os,sys\nos.chdir(sys.argv[1])\nfor i in range(1500):\n os.mkdir("ddd"); os.chdir("ddd")', `${root}/in`]);
    await assert.rejects(get('/in'), { kind: 'invalid', message: /file name too long/ });
    await assert.rejects(put('/', [file('in', 'in its place')]), { kind: 'invalid', message: /file name too long/ });
    hostile.untouched();
    await runOk('rm', ['-rf', `${root}/in`]);
  });
});

test('devices are made and shown, never opened', async (t) => {
  const hostile = hostileRoot(t);
  await hostile.put('/in', [node('block', 'disk', { devMajor: 7, devMinor: 99 }), node('char', 'mem', { devMajor: 1, devMinor: 1 }), node('fifo', 'pipe')]);
  // a fifo that were opened for reading would be waited for
  assert.deepEqual(await hostile.get('/in/.'), ['drwxr-xr-x 0/0 0 ./', 'brw-r--r-- 0/0 7,99 ./disk', 'crw-r--r-- 0/0 1,1 ./mem', 'prw-r--r-- 0/0 0 ./pipe']);
  await assert.rejects(hostile.put('/in', [node('char', 'big', { devMajor: 1 << 20, devMinor: 1 })]), { kind: 'invalid' });
});

test('random archives: taken or refused in one clear line, and nothing happens outside', async (t) => {
  const hostile = hostileRoot(t);
  const { rooted, root, outside } = hostile;
  const counts = { taken: 0, refused: 0 };
  for (let seed = 1; seed <= 400; seed++) {
    const random = randomNumbers(seed);
    const tar = Buffer.from(randomArchive(seed, 2 + (seed % 29)));
    if (seed % 2 === 0) for (let n = 0; n < 12; n++) tar[Math.floor(random() * tar.length)] = Math.floor(random() * 256);
    const bytes = seed % 5 === 0 ? tar.subarray(0, Math.floor(random() * tar.length)) : tar;
    if (seed % 10 === 0) rmSync(`${root}/in`, { recursive: true });
    if (seed % 10 === 0) mkdirSync(`${root}/in`);
    if (seed % 20 === 0) symlinkSync(outside, `${root}/in/b`);
    try {
      await rooted.unpack(root, '/in', pieces(bytes, 1 + Math.floor(random() * 5000)), seed % 3 === 0 ? { noOverwriteDirNonDir: true } : {});
      counts.taken++;
    } catch (error) {
      assert.ok(
        error instanceof EngineError && !['internal', 'cancelled'].includes(error.kind) && !error.message.includes('\n'),
        String((error as Error).stack),
      );
      counts.refused++;
    }
    assert.deepEqual(readdirSync(root), ['in']);
    hostile.untouched();
    if (seed % 50 === 0) await collect(rooted.archive(root, '/'));
  }
  assert.ok(counts.taken > 20 && counts.refused > 100, JSON.stringify(counts));
  hostile.untouched();
});

describe('names that are exchanged meanwhile', () => {
  function swapping(t: TestContext, { folder, root }: HostileRoot, ...names: readonly string[]): ChildProcess {
    execFileSync('cc', ['-O1', '-static', '-o', `${folder}/swapper`, `${projectDir}/test/security/swapper.c`]);
    const child = spawn(`${folder}/swapper`, ['20', ...names.map((name) => `${root}/${name}`)], { stdio: 'ignore' });
    t.after(() => child.kill('SIGKILL'));
    return child;
  }

  test('a folder and a link to the host', async (t) => {
    const hostile = hostileRoot(t);
    const { rooted, root, outside } = hostile;
    mkdirSync(`${root}/in/data/deep`, { recursive: true });
    writeFileSync(`${root}/in/data/deep/secret`, 'mine');
    writeFileSync(`${root}/in/data/secret`, 'mine');
    symlinkSync(outside, `${root}/in/link`);
    const child = swapping(t, hostile, 'in/data', 'in/link');
    const outcomes = new Set<string>();
    const outcome = async (what: () => Promise<unknown>) => {
      try {
        await what();
        outcomes.add('done');
      } catch (error) {
        const { kind } = error as EngineError;
        assert.ok(['not-found', 'invalid', 'conflict'].includes(kind), String((error as Error).stack));
        outcomes.add(kind);
      }
    };
    for (let round = 0; round < 150; round++) {
      for (const path of ['/in/data/secret', '/in/link/secret', '/in', '/in/data/']) {
        await outcome(async () =>
          assert.doesNotMatch((await collect(rooted.archive(root, path))).toString('latin1'), /secret\0{100}[^]*?secret$|secretsecret/),
        );
        await outcome(async () => assert.ok((await rooted.stat(root, path)).size !== 6));
      }
      await outcome(() => rooted.unpack(root, '/in/data', pieces(layerTar([file('pwned', 'x'), file('secret', 'mine'), dir('deep/', { uid: 9 })]))));
      await outcome(() =>
        rooted.unpack(root, '/', pieces(layerTar([file('in/data/pwned', 'x'), file('in/link/deep/pwned', 'x'), link('in/hard', 'in/data/secret')]))),
      );
    }
    assert.equal(child.exitCode, null);
    assert.ok(outcomes.has('done') && outcomes.size > 1, [...outcomes].join());
    hostile.untouched();
  });

  test('what is being removed, a folder and a link', async (t) => {
    const hostile = hostileRoot(t);
    const { rooted, root, outside } = hostile;
    symlinkSync(outside, `${root}/in/link`);
    mkdirSync(`${root}/in/data`);
    swapping(t, hostile, 'in/data', 'in/link');
    for (let round = 0; round < 150; round++) {
      await rooted
        .unpack(root, '/', pieces(layerTar([dir('in/data/'), ...Array.from({ length: 20 }, (_, i) => file(`in/data/${i}/f`, '')), file('in/data', '')])))
        .catch((error: unknown) => {
          assert.ok(error instanceof EngineError && error.kind !== 'internal', String((error as Error).stack));
        });
      hostile.untouched();
    }
  });
});

test('a running container that exchanges names itself, and /proc inside', async (t) => {
  const ground = await filesGround(t, 'overlay');
  const outside = tempFor(t);
  writeFileSync(`${outside}/secret`, 'secret');
  const id = await ground.run(`mkdir /x; mkdir /x/data; echo mine > /x/data/secret; ln -s ${outside} /x/link`);
  const swap = 'cd /x; while :; do mv data t; mv link data; mv t link; mv link t; mv data link; mv t data; done';
  const going = await ground.engine.exec(id, { args: ['sh', '-c', swap], detach: true });
  const { client } = ground;
  const seen = new Set<string>();
  // the name is the folder's a part of the time, and has to be at two moments
  for (let round = 0; round < 100 || (!seen.has('mine') && round < 5000); round++) {
    await client.getArchive(id, '/x/data/secret').then(
      async ({ body }) => seen.add((await collect(body)).toString('latin1', 512, 520).split('\n')[0]!),
      () => seen.add('none'),
    );
    await client.putArchive(id, '/x/data', pieces(layerTar([file('pwned', '')]))).catch(() => {});
  }
  assert.ok(seen.has('mine') && ![...seen].some((text) => text.startsWith('secret')), [...seen].join());
  assert.deepEqual(readdirSync(outside), ['secret']);
  await going.kill(9);
  // the kernel's own links lead nowhere: only their text counts
  assert.equal((await client.statArchive(id, '/proc/1/root')).linkTarget, '/');
  assert.equal((await client.statArchive(id, '/proc/1/root/etc/passwd')).name, 'passwd');
  await assert.rejects(client.getArchive(id, `/proc/1/root${outside}/secret`), { kind: 'not-found' });
  assert.deepEqual(
    listed(await collect((await client.getArchive(id, '/proc/1/exe')).body)).map((line) => line.split(' ->')[0]),
    ['lrwxrwxrwx 0/0 0 exe'],
  );
});
