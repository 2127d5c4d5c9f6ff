/**
 * SELinux as the kernel's security module, in a boot of its own. There is no policy: the kernel then knows the labels of
 * its initial SIDs only, which is enough to see a label go in at exec and be the process's afterwards. (Without a policy it refuses no label: what
 * a wrong one looks like is not shown here.)
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { before, describe, test } from 'node:test';
import { DEFAULT_RUN, type RunOptions } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
  if (!existsSync('/sys/fs/selinux/enforce')) await runOk('mount', ['-t', 'selinuxfs', 'selinuxfs', '/sys/fs/selinux']);
});

async function outputOf(options: Partial<RunOptions>): Promise<string> {
  const engine = openEngine();
  let text = '';
  const stdout = new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (text += chunk.toString())) });
  try {
    const all = { ...DEFAULT_RUN, autoRemove: true, rootfs: { path: root, overlay: true }, args: ['cat', '/proc/self/attr/current'], ...options };
    const running = await engine.run(all, { stdout });
    await running.attached();
    return text.replace(/\0/g, '').trim();
  } finally {
    engine.close();
  }
}

describe('SELinux', () => {
  test('the kernel has it', () => {
    assert.match(readFileSync('/sys/kernel/security/lsm', 'utf8'), /selinux/);
  });

  test("a label is the program's from its exec on", async () => {
    assert.equal(await outputOf({}), 'kernel');
    assert.equal(await outputOf({ selinux: 'unlabeled' }), 'unlabeled');
  });

  test('in a user namespace too', async () => {
    const ids = [{ container: 0, host: 0, size: 65536 }];
    assert.equal(await outputOf({ selinux: 'unlabeled', uidMap: ids, gidMap: ids }), 'unlabeled');
  });
});
