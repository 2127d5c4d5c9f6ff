/** How layers come in, whole, in parts, wrong, interrupted, and how they go. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { dir, file, layerTar, link, opaque, sha256, whiteout, type LayerEntry } from '../../test/support/layers.ts';
import { projectDir, projectNode } from '../../test/support/paths.ts';
import type { Digest } from '../base/digest.ts';
import type { LayerRequest } from './contract.ts';
import { everything, ingest, openSubject, run, seen, type DriverSubject } from './driver-subject.suite.ts';

export function intakeTests(subject: DriverSubject): void {
  const open = (t: TestContext) => openSubject(subject, t);

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

  test('what lies deeper than a path can tell goes, too', async (t) => {
    const { driver, folder } = open(t);
    const empty = everything(folder);
    const long = Array.from({ length: 16 }, () => 'x'.repeat(254)).join('/');
    const narrow = Array.from({ length: 2000 }, () => 'd').join('/');
    const { diffId } = await ingest(driver, layerTar([file(`${long}/f`, 'x'), file(`${narrow}/f`, 'x')]));
    // as a container makes it that walks down as it makes it
    const { dir: upper } = driver.createWritable('c1');
    mkdirSync(`${upper}/0`);
    for (let depth = 1; depth < 6000; depth++) {
      mkdirSync(`${upper}/${depth}`);
      renameSync(`${upper}/${depth - 1}`, `${upper}/${depth}/inner`);
    }
    assert.equal((await driver.writableUsage('c1')).inodes, 6001);
    assert.ok((await driver.usage(diffId)).bytes > 0);
    driver.remove(diffId);
    driver.removeWritable('c1');
    await driver.close();
    assert.deepEqual(everything(folder), empty);
  });

  test('an archive that undoes what it did, and hides what is not there, again and again', async (t) => {
    const { driver, folder } = open(t);
    const count = 2000;
    const each = (entry: (number: number) => LayerEntry) => Array.from({ length: count }, (_, number) => entry(number));
    const deep = Array.from({ length: 1900 }, () => 'd').join('/');
    const flips = each((number) => (number % 2 === 0 ? dir('turn/') : file('turn')));
    const { diffId } = await ingest(driver, layerTar([...each((number) => dir(`d${number}/`)), ...each(() => file('again')), ...flips, file('d7/f')]));
    const found = await seen(driver, [diffId], folder, 'c1');
    assert.deepEqual([found['turn']?.type, found['again']?.type, found['d7/f']?.type, Object.keys(found).length], ['file', 'file', 'file', count + 3]);
    const hidden = Array.from({ length: 200 }, (_, number) => whiteout(`${deep}/${number}`));
    const next = await ingest(driver, gzipSync(layerTar([opaque('other'), ...hidden])));
    assert.ok(driver.has(next.diffId));
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
    assert.equal((await driver.writableUsage('c1', { without: ['/z', '/d/'] })).contentSize, 500_000);
  });
}
