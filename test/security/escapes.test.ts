/** The published escapes of runc and docker, tried on this engine. Each test would pass an attack on if its defence were gone. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let base: string;
before(async () => {
  base = await busyboxRootfs();
});

/** A copy of the base that an image's maker may have changed at will. */
async function freshRoot(folder: string): Promise<string> {
  await copyRootfs(base, `${folder}/root`);
  return `${folder}/root`;
}

const helper = `${projectDir}/dist/kobako-helper`;
const digest = () => createHash('sha256').update(readFileSync(helper)).digest('hex');
const WRITERS = 'for p in /proc/[0-9]* /proc/self; do (echo x >> $p/exe) 2>/dev/null && echo "wrote $p"; done';

describe('CVE-2019-5736: overwriting the runtime through /proc/self/exe', () => {
  test('an entry point that is a script of #!/proc/self/exe', async (t) => {
    const root = await freshRoot(tempFor(t));
    const before = digest();
    writeFileSync(`${root}/evil`, '#!/proc/self/exe\n');
    chmodSync(`${root}/evil`, 0o755);
    const { code } = await kobako(['run', '--rm', '--rootfs', root, '/evil']);
    assert.notEqual(code, 0);
    assert.equal(digest(), before);
  });

  test('a privileged container takes hold of the runtime while others are started in it', async (t) => {
    const root = await freshRoot(tempFor(t));
    const name = `kobako-test-exe-${process.pid}`;
    const before = digest();
    await runOk('cc', ['-O1', '-static', '-o', `${root}/hunt`, `${projectDir}/test/security/hunt-exe.c`]);
    const started = await kobako(['run', '-d', '--privileged', '--name', name, '--rootfs', root, '/hunt', 'kobako']);
    assert.equal(started.code, 0, started.stderr);
    t.after(() => kobako(['rm', '-f', name]));
    for (let i = 0; i < 100 && (i < 10 || !existsSync(`${root}/seen`)); i++) assert.equal((await kobako(['exec', name, 'true'])).code, 0);
    assert.ok(existsSync(`${root}/seen`), 'the hunter never saw the runtime: this test shows nothing');
    // it keeps what it has open, and writes as soon as nobody runs it
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(digest(), before, 'the helper was overwritten');
    assert.equal(existsSync(`${root}/written`), false, 'the runtime took a write');
  });

  test('no process in a container can be written to as the runtime', async () => {
    const { stdout } = await kobako(['run', '--rm', '--privileged', '--rootfs', `${base}:O`, 'sh', '-c', WRITERS]);
    assert.equal(stdout, '');
  });
});

describe('CVE-2021-30465: a mount target that is a link', () => {
  test('absolute and climbing links end inside the root', async (t) => {
    const dir = tempFor(t);
    const root = await freshRoot(dir);
    const outside = `${dir}/outside`;
    mkdirSync(outside);
    symlinkSync(outside, `${root}/absolute`);
    symlinkSync(`${'../'.repeat(30)}${outside.slice(1)}`, `${root}/climbing`);
    for (const target of ['/absolute/hit', '/climbing/hit']) {
      const { code, stdout, stderr } = await kobako(['run', '--rm', '--rootfs', root, '-v', '/etc/hostname:' + target, 'sh', '-c', `cat ${target}`]);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, readFileSync('/etc/hostname', 'utf8'));
      assert.deepEqual(readdirSync(outside), [], `${target} was made on the host`);
    }
  });

  test('a target that is swapped for a link while mounting', async (t) => {
    const dir = tempFor(t);
    const root = await freshRoot(dir);
    const outside = `${dir}/outside`;
    mkdirSync(outside);
    mkdirSync(`${root}/target`);
    symlinkSync(outside, `${root}/link`);
    let going = true;
    const swap = (async () => {
      while (going) {
        // a folder that the engine made in the moment when there was none goes away again
        const step = (from: string, to: string) => {
          try {
            renameSync(`${root}/${from}`, `${root}/${to}`);
          } catch {
            rmSync(`${root}/${to}`, { recursive: true, force: true });
            renameSync(`${root}/${from}`, `${root}/${to}`);
          }
        };
        step('target', 'other');
        step('link', 'target');
        await new Promise((resolve) => setImmediate(resolve));
        step('target', 'link');
        step('other', 'target');
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    try {
      for (let i = 0; i < 20; i++) {
        await kobako(['run', '--rm', '--rootfs', root, '-v', '/etc:/target/deep', 'true']);
        assert.deepEqual(readdirSync(outside), []);
      }
    } finally {
      going = false;
      await swap;
      rmSync(`${root}/link`, { force: true });
    }
  });

  test('/proc of the image is a link out', async (t) => {
    const dir = tempFor(t);
    const root = await freshRoot(dir);
    rmSync(`${root}/proc`, { recursive: true });
    symlinkSync('/tmp/elsewhere', `${root}/proc`);
    const { stdout, stderr } = await kobako(['run', '--rm', '--rootfs', root, 'sh', '-c', 'cat /tmp/elsewhere/self/comm']);
    assert.equal(stdout, 'cat\n', stderr);
    assert.equal(existsSync('/tmp/elsewhere'), false);
  });
});

describe('CVE-2024-21626: leaked fds and a working folder outside', () => {
  test('the program has no fd but its three', async () => {
    const { stdout } = await kobako(['run', '--rm', '--rootfs', `${base}:O`, 'sh', '-c', 'ls /proc/self/fd']);
    // ls itself holds one on the folder it lists
    assert.deepEqual(stdout.trim().split('\n'), ['0', '1', '2', '3']);
  });

  test('nor one that whoever ran the engine had open', async (t) => {
    const folder = tempFor(t);
    mkdirSync(`${folder}/bundle`);
    const config = {
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0 }, args: ['ls', '/proc/self/fd'], env: ['PATH=/bin'], cwd: '/' },
      root: { path: base, readonly: true },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }] },
    };
    writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
    const commands = [
      ['bin/kobako', 'run', '--rm', '--rootfs', `${base}:O`, 'ls', '/proc/self/fd'],
      ['bin/kobako-runc', '--root', `${folder}/state`, 'run', '-b', `${folder}/bundle`, `kobako-test-fds-${process.pid}`],
    ];
    for (const [program, ...args] of commands) {
      // a high number: those up to 15 Node itself closes
      const { stdout, stderr } = await run('bash', ['-c', 'exec 7</etc 200</; exec "$0" "$@"', `${projectDir}/${program}`, ...args]);
      assert.deepEqual(stdout.trim().split('\n'), ['0', '1', '2', '3'], `${program}: ${stderr}`);
    }
  });

  test('a working folder of /proc/self/fd/N never leads out', async () => {
    for (let fd = 3; fd < 24; fd++) {
      const { code, stdout } = await kobako([
        'run',
        '--rm',
        '--rootfs',
        `${base}:O`,
        '-w',
        `/proc/self/fd/${fd}`,
        'sh',
        '-c',
        'ls -d ../../../../var/lib/dpkg ./var/lib/dpkg ../var/lib/dpkg 2>/dev/null; true',
      ]);
      assert.equal(stdout, '', `fd ${fd} (exit ${code})`);
    }
  });

  test('the same for exec', async (t) => {
    const name = `kobako-test-cwd-${process.pid}`;
    const started = await kobako(['run', '-d', '--name', name, '--rootfs', `${base}:O`, 'sleep', '60']);
    assert.equal(started.code, 0, started.stderr);
    t.after(() => kobako(['rm', '-f', name]));
    for (let fd = 3; fd < 12; fd++) {
      const { stdout } = await kobako([
        'exec',
        '-w',
        `/proc/self/fd/${fd}`,
        name,
        'sh',
        '-c',
        'ls -d ../../../../var/lib/dpkg ./var/lib/dpkg 2>/dev/null; true',
      ]);
      assert.equal(stdout, '', `fd ${fd}`);
    }
  });
});

describe('CVE-2025-31133, 52565, 52881: masks, the console and procfs writes led astray', () => {
  test('a /dev/null of the image does not decide what hides a path', async (t) => {
    const root = await freshRoot(tempFor(t));
    mkdirSync(`${root}/dev`, { recursive: true });
    rmSync(`${root}/dev/null`, { force: true });
    symlinkSync('/proc/sys/kernel/core_pattern', `${root}/dev/null`);
    const { stdout, stderr } = await kobako([
      'run',
      '--rm',
      '--rootfs',
      root,
      'sh',
      '-c',
      'stat -c %t:%T /proc/kcore /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware 2>/dev/null | grep -v :',
    ]);
    const lines = stdout
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    assert.ok(lines.length >= 1 && lines.every((line) => line === '1:3'), stdout + stderr);
  });

  test('the same where the spec mounts no /dev over the image’s', async (t) => {
    const folder = tempFor(t);
    const root = await freshRoot(folder);
    mkdirSync(`${root}/dev`, { recursive: true });
    rmSync(`${root}/dev/null`, { force: true });
    symlinkSync('/proc/sys/kernel/core_pattern', `${root}/dev/null`);
    mkdirSync(`${folder}/bundle`);
    const config = {
      ociVersion: '1.0.2',
      process: { user: { uid: 0, gid: 0 }, args: ['stat', '-c', '%t:%T', '/proc/keys', '/proc/timer_list'], env: ['PATH=/bin:/usr/bin'], cwd: '/' },
      root: { path: root },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }], maskedPaths: ['/proc/keys', '/proc/timer_list'] },
    };
    writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));
    const args = ['--root', `${folder}/state`, 'run', '-b', `${folder}/bundle`, `kobako-test-null-${process.pid}`];
    const { stdout, stderr } = await run(`${projectDir}/bin/kobako-runc`, args);
    assert.equal(stdout, '1:3\n1:3\n', stderr);
  });

  test('the console is the terminal, whatever the image has at its paths', async (t) => {
    const root = await freshRoot(tempFor(t));
    mkdirSync(`${root}/dev/pts`, { recursive: true });
    symlinkSync('/proc/sysrq-trigger', `${root}/dev/console`);
    symlinkSync('/proc/sysrq-trigger', `${root}/dev/pts/0`);
    const { stdout, stderr } = await kobako(['run', '--rm', '-t', '--rootfs', root, 'sh', '-c', 'stat -c %t:%T /dev/console']);
    assert.match(stdout, /^88:0\r?\n$/, stderr);
  });

  test('a sysctl reaches the real file, though a volume lies over /proc/sys', async (t) => {
    const dir = tempFor(t);
    mkdirSync(`${dir}/fake/ipv4`, { recursive: true });
    writeFileSync(`${dir}/fake/ipv4/ip_forward`, 'untouched');
    await kobako(['run', '--rm', '--rootfs', `${base}:O`, '--sysctl', 'net.ipv4.ip_forward=1', '-v', `${dir}/fake:/proc/sys/net`, 'true']);
    assert.equal(readFileSync(`${dir}/fake/ipv4/ip_forward`, 'utf8'), 'untouched');
    const { stdout, stderr } = await kobako([
      'run',
      '--rm',
      '--rootfs',
      `${base}:O`,
      '--sysctl',
      'net.ipv4.ip_forward=1',
      'cat',
      '/proc/sys/net/ipv4/ip_forward',
    ]);
    assert.equal(stdout, '1\n', stderr);
  });

  test('what belongs to the host is refused as a sysctl', async () => {
    for (const key of ['kernel.core_pattern', 'vm.swappiness', 'net/../kernel/core_pattern', 'kernel.shm_rmid_forced/../core_pattern']) {
      const { code, stderr } = await kobako(['run', '--rm', '--rootfs', `${base}:O`, '--sysctl', `${key}=1`, 'true']);
      assert.equal(code, 125, key);
      assert.match(stderr, /sysctl/);
    }
  });
});
