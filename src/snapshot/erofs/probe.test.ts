import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { readErofs } from '../../../test/support/erofs-reader.ts';
import { SyscallError } from '../../base/errors.ts';
import type { DetachedMounts } from '../../kernel/mount-contract.ts';
import { probeErofs } from './probe.ts';

/** What a kernel would read, by our tests' own reader. */
const reading: DetachedMounts = {
  readFile(type, options, path) {
    assert.equal(type, 'erofs');
    const { source, device } = Object.fromEntries(options) as { source: string; device: string };
    assert.ok(source.length < 256 && device.length < 256);
    return readErofs(readFileSync(source), readFileSync(device)).get(path)!.content!;
  },
};

test('the probe believes what it reads, and says why not', (t) => {
  const dir = mkdtempSync(`${tmpdir()}/kobako-unit-`);
  t.after(() => rmSync(dir, { recursive: true }));
  assert.deepEqual(probeErofs(dir, reading), { works: true });
  assert.deepEqual(probeErofs(dir, { readFile: () => Buffer.from('else') }), { works: false, reason: 'erofs shows other bytes than the tar has' });
  const noErofs: DetachedMounts = {
    readFile() {
      throw new SyscallError('fsopen', 19, 'ENODEV', 'no such device');
    },
  };
  assert.deepEqual(probeErofs(dir, noErofs), { works: false, reason: 'fsopen: no such device' });
  assert.equal(probeErofs(`${dir}/absent`, reading).works, false);
  assert.deepEqual(readdirSync(dir), []);
});
