import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { driverSuite, ingest } from '../../src/snapshot/driver.suite.ts';
import { syncFileSystem } from '../../src/kernel/linux/files.ts';
import { overlayDriver } from '../../src/snapshot/overlay.ts';
import { file, layerTar } from '../support/layers.ts';
import { projectDir } from '../support/paths.ts';
import { openDriver } from '../support/snapshot-drivers.ts';
import { tempFor } from '../support/temp.ts';

driverSuite({ name: 'overlay', open: (dir) => openDriver('overlay', dir) });

test('the bundled worker unpacks, too', async (t) => {
  const worker = `${projectDir}/dist/layer-worker.cjs`;
  if (!existsSync(worker)) return t.skip('dist/layer-worker.cjs is not built: npm ci builds it');
  const folder = tempFor(t);
  const driver = overlayDriver({ dir: folder, spawn: () => new Worker(worker), sync: syncFileSystem });
  t.after(() => driver.close());
  const plain = layerTar([file('a', 'x'.repeat(100_000))]);
  for (const bytes of [gzipSync(plain), zstdCompressSync(plain)]) {
    const { diffId } = await ingest(driver, bytes);
    assert.equal(readFileSync(`${folder}/layers/${diffId.slice(7)}/fs/a`, 'utf8'), 'x'.repeat(100_000));
    driver.remove(diffId);
  }
});
