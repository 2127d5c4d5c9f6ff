/** AppArmor as the kernel's security module: a profile is set at exec, and it bites. Runs in a boot of its own. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { deb } from '../support/debs.ts';
import { kobako } from '../support/kobako.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const PROFILE = `profile kobako-test flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  mount,
  umount,
  deny /etc/passwd r,
}
`;

let root: string;
const hooks: (() => void)[] = [];
before(async () => {
  root = await busyboxRootfs();
  const tree = await deb('apparmor', { dependencies: true });
  const file = `${tempFor({ after: (hook) => hooks.push(hook) })}/profile`;
  writeFileSync(file, PROFILE);
  const multiarch = `${tree}/lib/x86_64-linux-gnu:${tree}/usr/lib/x86_64-linux-gnu`;
  await runOk(`${tree}/lib64/ld-linux-x86-64.so.2`, ['--library-path', multiarch, `${tree}/sbin/apparmor_parser`, '-K', '-r', file]);
  for (const hook of hooks) hook();
});

const run = (flags: string[], script: string) => kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);

describe('AppArmor', () => {
  test('the kernel has it', () => {
    assert.match(readFileSync('/sys/kernel/security/lsm', 'utf8'), /apparmor/);
  });

  test('a profile: in force inside, and it bites', async () => {
    const { stdout, stderr } = await run(['--security-opt', 'apparmor=kobako-test'], 'cat /proc/self/attr/current; cat /etc/group | head -1; cat /etc/passwd');
    assert.equal(stdout, 'kobako-test (enforce)\nroot:x:0:\n');
    assert.match(stderr, /passwd': Permission denied/);
  });

  test('unconfined, and nothing said', async () => {
    for (const flags of [['--security-opt', 'apparmor=unconfined'], []]) {
      const { stdout, stderr } = await run(flags, 'cat /proc/self/attr/current; head -c 4 /etc/passwd');
      assert.equal(stdout, 'unconfined\nroot', stderr);
    }
  });

  test('in a user namespace too', async () => {
    const { stdout, stderr } = await run(['--security-opt', 'apparmor=kobako-test', '--uidmap', '0:0:65536'], 'cat /proc/self/attr/current');
    assert.equal(stdout, 'kobako-test (enforce)\n', stderr);
  });

  test('an exec is confined as its container is', async (t) => {
    assert.equal((await kobako(['run', '-d', '--name', 'armoured', '--rootfs', `${root}:O`, '--security-opt', 'apparmor=kobako-test', 'sleep', '60'])).code, 0);
    t.after(() => kobako(['rm', '-f', 'armoured']));
    const { stdout, stderr } = await kobako(['exec', 'armoured', 'sh', '-c', 'cat /proc/self/attr/current; cat /etc/passwd']);
    assert.equal(stdout, 'kobako-test (enforce)\n');
    assert.match(stderr, /passwd': Permission denied/);
  });

  test('a profile that is not loaded is named', async () => {
    const { code, stderr } = await run(['--security-opt', 'apparmor=no-such'], 'true');
    assert.equal(code, 125);
    assert.match(stderr, /^kobako: apparmor profile no-such.*no such file or directory\n/);
    assert.match(stderr, /hint: the profile is not loaded/);
  });
});
