import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { Digest } from '../base/digest.ts';
import { tempFor } from '../../test/support/temp.ts';
import type { LayerInfo } from './contract.ts';
import { LayerStore } from './layer-store.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { FromWorker, IngestTask } from './worker-protocol.ts';

const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await turn();
  await turn();
}

/** Its threads are done at once with what they get: with a folder or a file each. */
function open(t: TestContext, makes: 'folder' | 'file' = 'folder') {
  const dir = tempFor(t);
  let arrived = 0;
  const pool = {
    async run({ dir: layer, request: { diffId } }: IngestTask, onEvent: (event: FromWorker) => void) {
      arrived++;
      if (makes === 'folder') mkdirSync(`${layer}/fs`);
      else writeFileSync(`${layer}/tar`, '');
      onEvent({ event: 'ready', resumeAt: 0 });
      const info: LayerInfo = { diffId: diffId!, digest: diffId!, size: 0, plainSize: 0, contentSize: 0 };
      return { result: Promise.resolve(info), post: () => {} };
    },
  };
  const syncs: PromiseWithResolvers<void>[] = [];
  const sync = (folder: string) => {
    assert.equal(folder, dir);
    const one = Promise.withResolvers<void>();
    syncs.push(one);
    return one.promise;
  };
  const store = new LayerStore({ driver: 'overlay', dir, pool: pool as unknown as WorkerPool, sync });
  const take = async (letter: string) => (await store.ingest({ compression: 'none', diffId: digestOf(letter) })).finish();
  /** How many layers have come so far that their thread was done with them. */
  const come = () => arrived;
  return { dir, store, syncs, take, come };
}

test('a layer has its name when it is on the disk; those that are whole while a sync runs share the next one', async (t) => {
  const { store, syncs, take, come } = open(t);
  const first = take('a');
  await until(() => syncs.length === 1);
  assert.deepEqual([syncs.length, store.has(digestOf('a'))], [1, false]);
  const others = Promise.all([take('b'), take('c')]);
  await until(() => come() === 3);
  assert.equal(syncs.length, 1);
  syncs[0]!.resolve();
  await first;
  await until(() => syncs.length > 1);
  assert.deepEqual([store.has(digestOf('a')), store.has(digestOf('b')), syncs.length], [true, false, 2]);
  syncs[1]!.resolve();
  await others;
  assert.deepEqual([store.has(digestOf('b')), store.has(digestOf('c')), syncs.length], [true, true, 2]);
});

test('a layer of files waits for these, not for all that is written to their file system', async (t) => {
  const { store, syncs, take } = open(t, 'file');
  await take('a');
  assert.deepEqual([store.has(digestOf('a')), syncs.length], [true, 0]);
});

test('a disk that fails: no layer, nothing left, and the next one is tried anew', async (t) => {
  const { dir, store, syncs, take, come } = open(t);
  const failed = take('a');
  await until(() => syncs.length === 1);
  const next = take('b');
  await until(() => come() === 2);
  syncs[0]!.reject(new Error('EIO'));
  await assert.rejects(failed, /EIO/);
  await until(() => syncs.length === 2);
  syncs[1]!.resolve();
  await next;
  assert.deepEqual(store.list(), [digestOf('b')]);
  assert.deepEqual([...readdirSync(`${dir}/tmp`), ...readdirSync(`${dir}/trash`)], []);
});
