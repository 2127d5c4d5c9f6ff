import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostInfo, osRelease } from './host-info.ts';

test('os-release: quotes and escapes of a shell', () => {
  assert.deepEqual(osRelease('# c\nPRETTY_NAME="A \\"B\\" \\$5"\nID=x\nVERSION_ID=\'13\'\nbad line\n'), { PRETTY_NAME: 'A "B" $5', ID: 'x', VERSION_ID: '13' });
  assert.deepEqual(osRelease(''), {});
});

test('this machine', () => {
  const host = hostInfo();
  assert.ok(host.cpus >= 1);
  assert.ok(host.memory > 1 << 20);
  assert.match(host.kernelVersion, /^\d+\.\d+/);
  assert.ok(host.openFiles > 2);
});
