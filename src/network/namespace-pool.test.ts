import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SyscallError } from '../base/errors.ts';
import type { NetworkNamespace } from '../kernel/network-contract.ts';
import { RecordingNetworkKernel } from '../kernel/network-fake.ts';
import { NamespacePool } from './namespace-pool.ts';

/** A pool of two, whose namespaces are made when the test says so. */
function poolOfTwo() {
  const kernel = new RecordingNetworkKernel();
  const asked: { count: number; give: (namespace: NetworkNamespace) => void; end: PromiseWithResolvers<void> }[] = [];
  const make = (count: number, give: (namespace: NetworkNamespace) => void) => {
    asked.push({ count, give, end: Promise.withResolvers<void>() });
    return asked.at(-1)!.end.promise;
  };
  const pool = new NamespacePool({ kernel, make, size: 2, delay: 5 });
  const made = async (count = asked.at(-1)!.count) => {
    for (let i = 0; i < count; i++) asked.at(-1)!.give(kernel.create());
    if (count === asked.at(-1)!.count) asked.at(-1)!.end.resolve();
    await new Promise(setImmediate);
  };
  return { kernel, pool, asked, made };
}

describe('pool of network namespaces', () => {
  it('gives what was made ahead, else one that is made now', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { kernel, pool, asked, made } = poolOfTwo();
    assert.equal(pool.takeReady(), undefined);
    assert.equal(asked.length, 0, 'not while a container starts');
    t.mock.timers.tick(5);
    await made();
    assert.deepEqual([asked.length, asked[0]!.count], [1, 2], 'its size, and no more');
    const before = kernel.namespaces.length;
    assert.notEqual(pool.takeReady(), await pool.take());
    assert.equal(kernel.namespaces.length, before);
    assert.equal(pool.takeReady(), undefined);
    const taken = pool.take();
    assert.deepEqual([asked.length, asked[1]!.count], [2, 1], 'made at once, elsewhere');
    await made();
    assert.equal(await taken, kernel.namespaces[before]);
    pool[Symbol.dispose]();
  });

  it('is made by this thread where none is kept ready', async () => {
    const kernel = new RecordingNetworkKernel();
    using pool = new NamespacePool({ kernel, make: () => assert.fail('not elsewhere'), size: 0, delay: 5 });
    assert.equal(await pool.take(), kernel.namespaces[1]);
  });

  it('is filled although somebody takes one all the time', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { pool, asked } = poolOfTwo();
    for (let i = 0; i < 3; i++) {
      pool.takeReady();
      t.mock.timers.tick(2);
    }
    assert.equal(asked.length, 1);
    pool[Symbol.dispose]();
  });

  it('keeps none that comes after its end, nor those that nobody took', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { kernel, pool, made } = poolOfTwo();
    pool.refill();
    t.mock.timers.tick(5);
    await made(1);
    pool[Symbol.dispose]();
    await made(1);
    assert.deepEqual(
      kernel.namespaces.slice(1).map(({ disposed }) => disposed),
      [true, true],
    );
  });

  it('goes on after one that could not be made', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { pool, asked, made } = poolOfTwo();
    pool.refill();
    t.mock.timers.tick(5);
    asked[0]!.end.reject(new SyscallError('clone', 28, 'ENOSPC', 'no space left on device'));
    await new Promise(setImmediate);
    assert.equal(asked.length, 1);
    pool.refill();
    t.mock.timers.tick(5);
    await made();
    assert.notEqual(pool.takeReady(), undefined);
    pool[Symbol.dispose]();
  });
});
