import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ProbeOutput } from './health-probe.ts';

const FRAME = Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 120]);

test('of a probe without end only the beginning is kept, however small its pieces are', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const output = new ProbeOutput();
  const many = Buffer.concat(Array.from({ length: 50_000 }, () => FRAME));
  output.emit('data', many);
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let times = 0; times < 4; times++) output.emit('data', many);
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  assert.equal(output.text(), `${'x'.repeat(4096)}...`);
  assert.ok(grown < 5e6, `${grown} more bytes for nothing`);
});
