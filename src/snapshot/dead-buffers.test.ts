import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { getHeapStatistics } from 'node:v8';
import type { RawFiles, ThreadRoot } from '../kernel/files-contract.ts';
import { serveLayers } from './layer-service.ts';

const MB = 1 << 20;
const outside = () => getHeapStatistics().external_memory;

/** They have outlived young collections, and then died. */
function leaveDead(bytes: number): void {
  let buffers: Buffer[] = [];
  for (let made = 0; made < bytes; made += MB) buffers.push(Buffer.alloc(MB));
  assert.ok(outside() > bytes, 'they are counted');
  buffers = [];
}

test('a layer thread does not keep the dead buffers of one task through the next ones', async () => {
  const { port1, port2 } = new MessageChannel();
  serveLayers(port2, { files: {} as RawFiles, root: {} as ThreadRoot, writers: {}, openTree: () => assert.fail() });
  try {
    leaveDead(48 * MB);
    port1.postMessage({ op: 'task', task: { kind: 'remove', paths: [] } });
    const [answer] = (await once(port1, 'message')) as unknown[];
    assert.deepEqual((answer as { data?: unknown }).data ?? answer, { event: 'done', value: undefined });
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(outside() < 24 * MB, `${outside()} bytes are left`);
  } finally {
    port1.close();
  }
});
