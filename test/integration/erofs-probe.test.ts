import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SyscallError } from '../../src/base/errors.ts';
import { linuxDetachedMounts } from '../../src/kernel/linux/detached-mounts.ts';
import { probeErofs } from '../../src/snapshot/erofs/probe.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { tempFor } from '../support/temp.ts';

test('the probe agrees with what is known of the kernel, and leaves nothing', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const dir = `${tempFor(t)}/${'long/'.repeat(60)}`;
  mkdirSync(dir, { recursive: true });
  const before = readFileSync('/proc/self/mountinfo', 'utf8');
  const probe = probeErofs(dir, linuxDetachedMounts());
  const reason = await whyNoErofs();
  assert.equal(probe.works, reason === undefined, JSON.stringify({ probe, reason }));
  assert.deepEqual(readdirSync(dir), []);
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
});

test('a file system that cannot be mounted is an error with its call', (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const mounts = linuxDetachedMounts();
  const fails = (code: string, type: string, options: [string, string][]) =>
    assert.throws(
      () => mounts.readFile(type, options, 'x'),
      (error) => error instanceof SyscallError && error.code === code,
    );
  fails('ENODEV', 'no-such-fs', []);
  fails('ENOENT', 'erofs', [['source', '/nonexistent']]);
  fails('EINVAL', 'tmpfs', [['no-such-key', 'x']]);
  assert.throws(() => mounts.readFile('tmpfs', [], 'absent'), { code: 'ENOENT' });
});
