/** Root file systems and bind sources that somebody hostile made, or changes while the engine works on them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let base: string;
before(async () => {
  base = await busyboxRootfs();
});

async function freshRoot(folder: string): Promise<string> {
  await copyRootfs(base, `${folder}/root`);
  return `${folder}/root`;
}

/** What must stay as it was: a folder of the host that links in the image name. */
function outsideOf(folder: string): string {
  mkdirSync(`${folder}/outside`);
  writeFileSync(`${folder}/outside/passwd`, 'evil:x:4242:4242::/:/bin/sh\n');
  return `${folder}/outside`;
}

describe('paths of the image that are links to outside', () => {
  const VIEW =
    'stat -f -c %T /proc/ /sys/ /dev/ /dev/pts/ /dev/shm/; cat /proc/sys/kernel/core_pattern >/tmp/x && { echo x > /proc/sys/kernel/core_pattern; } 2>&1; head -c 1 /proc/keys | wc -c';
  for (const form of ['absolute', 'climbing', 'loop']) {
    for (const path of ['proc', 'sys', 'dev', 'etc', 'dev/pts', 'dev/shm', 'dev/mqueue', 'dev/console', 'etc/hosts', 'etc/resolv.conf']) {
      test(`/${path}, ${form}`, async (t) => {
        const folder = tempFor(t);
        const root = await freshRoot(folder);
        const outside = outsideOf(folder);
        rmSync(`${root}/${path}`, { recursive: true, force: true });
        const target = { absolute: outside, climbing: `${'../'.repeat(30)}${outside.slice(1)}`, loop: `/${path}` }[form]!;
        symlinkSync(target, `${root}/${path}`);
        const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
        const { code, stdout, stderr } = await kobako(['run', '--rm', '--rootfs', root, 'sh', '-c', VIEW]);
        assert.deepEqual(readdirSync(outside), ['passwd'], 'something was made outside');
        assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), before);
        if (code === 125) {
          // refused: the first line names the path
          assert.ok(stderr.split('\n')[0]!.includes(`/${path.split('/')[0]}`), stderr);
          return;
        }
        assert.notEqual(form === 'loop' && !path.includes('/'), true, 'a loop cannot be mounted on');
        assert.match(stdout, /Read-only file system|[Pp]ermission denied|can't create/, stdout + stderr);
        assert.match(stdout, /\n0\n$/, 'what is masked is empty');
      });
    }
  }
});

describe('/etc/passwd that is no small file', () => {
  const forms: Record<string, (path: string, folder: string) => unknown> = {
    'a fifo': (path) => runOk('mkfifo', [path]),
    'a link to a device': (path) => symlinkSync('/dev/zero', path),
    'a device': (path) => runOk('mknod', [path, 'c', '1', '5']),
    '10 GB of nothing': (path) => (writeFileSync(path, ''), truncateSync(path, 10 * 2 ** 30)),
    'a link out': (path, folder) => symlinkSync(`${folder}/outside/passwd`, path),
    'a climbing link out': (path, folder) => symlinkSync(`${'../'.repeat(20)}${folder}/outside/passwd`, path),
    'a link to itself': (path) => symlinkSync('/etc/passwd', path),
    'a folder': (path) => mkdirSync(path),
  };
  for (const [name, make] of Object.entries(forms)) {
    test(name, async (t) => {
      const folder = tempFor(t);
      const root = await freshRoot(folder);
      outsideOf(folder);
      rmSync(`${root}/etc/passwd`);
      await make(`${root}/etc/passwd`, folder);
      // as little memory as Node lives on: reading all of it would be the end
      const env = { ...process.env, NODE_OPTIONS: '--max-old-space-size=64' };
      const named = await kobako(['run', '--rm', '--rootfs', root, '-u', 'evil', 'true'], { env, timeoutMs: 20_000 });
      assert.deepEqual([named.code, named.stderr], [125, 'kobako: unable to find user evil: no matching entries in passwd file\n']);
      const numbered = await kobako(['run', '--rm', '--rootfs', root, '-u', '12', 'grep', '^Uid', '/proc/self/status'], { env, timeoutMs: 20_000 });
      assert.deepEqual([numbered.code, numbered.stdout], [0, 'Uid:\t12\t12\t12\t12\n'], numbered.stderr);
    });
  }
});

/** Swaps names as fast as the kernel can (RENAME_EXCHANGE), until it is killed. */
async function swapper(folder: string): Promise<string> {
  await runOk('cc', ['-O1', '-static', '-o', `${folder}/swapper`, `${projectDir}/test/security/swapper.c`]);
  return `${folder}/swapper`;
}

function swapping(program: string, ...names: readonly string[]): { [Symbol.dispose](): void } & { child: ChildProcess } {
  const child = spawn(program, names, { stdio: 'ignore' });
  return { child, [Symbol.dispose]: () => void child.kill('SIGKILL') };
}

describe('names that are exchanged while the engine mounts', () => {
  const ROUNDS = 10;

  test('a bind source: a folder, a file, a link to /', async (t) => {
    const folder = tempFor(t);
    const program = await swapper(folder);
    mkdirSync(`${folder}/dir`);
    writeFileSync(`${folder}/dir/mine`, '');
    writeFileSync(`${folder}/file`, 'mine');
    const seen = new Set<string>();
    using swap = swapping(program, '50', `${folder}/dir`, `${folder}/file`);
    for (let i = 0; i < ROUNDS; i++) {
      const { code, stdout, stderr } = await kobako([
        'run',
        '--rm',
        '--rootfs',
        `${base}:O`,
        '-v',
        `${folder}/dir:/at`,
        'sh',
        '-c',
        'ls /at; cat /at 2>/dev/null',
      ]);
      // one of the two, whole; or one line that says what is wrong with it
      if (code === 125) assert.match(stderr, /bind mount .*\/dir to \/at: .*(directory|argument)\n/);
      seen.add(code === 125 ? 'refused' : stdout);
    }
    assert.equal(swap.child.exitCode, null);
    for (const what of seen) assert.ok(['refused', 'mine\n', '/at\nmine'].includes(what), JSON.stringify([...seen]));
  });

  test('mount targets, devices, /etc files and the working folder in a root that another container holds', async (t) => {
    const folder = tempFor(t);
    const program = await swapper(folder);
    const root = await freshRoot(folder);
    const outside = outsideOf(folder);
    mkdirSync(`${root}/data/deep`, { recursive: true });
    const links = ['dev', 'etc', 'proc', 'sys', 'data', 'run', 'tmp', 'home'];
    for (const name of links) symlinkSync(`${'../'.repeat(20)}${outside}`, `${root}/${name}.link`);
    mkdirSync(`${folder}/volume`);
    const pairs = links.flatMap((name) => [`${root}/${name}`, `${root}/${name}.link`]);
    using swap = swapping(program, '3000', ...pairs);
    let ran = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const { stdout } = await kobako([
        'run',
        '--rm',
        '--rootfs',
        root,
        '-v',
        `${folder}/volume:/data/deep/er`,
        '--tmpfs',
        '/run/new',
        '-w',
        '/home/made/here',
        '--device',
        '/dev/zero:/dev/own/zero',
        'sh',
        '-c',
        'echo ran; for f in /proc/sys/kernel/core_pattern /proc/*/sys/kernel/core_pattern; do (echo "|/x" > $f) 2>/dev/null && echo wrote; done',
      ]);
      if (stdout.includes('ran')) ran++;
      assert.doesNotMatch(stdout, /wrote/);
      assert.deepEqual(readdirSync(outside), ['passwd'], 'something was made outside');
    }
    assert.equal(swap.child.exitCode, null);
    t.diagnostic(`${ran} of ${ROUNDS} ran`);
    assert.deepEqual(readdirSync(`${folder}/volume`), []);
  });

  test('/proc that is a link to a folder which is exchanged: what is masked stays masked', async (t) => {
    // CVE-2023-27561: proc is mounted through one link, masked through another
    const folder = tempFor(t);
    const program = await swapper(folder);
    const root = await freshRoot(folder);
    mkdirSync(`${root}/x/one`, { recursive: true });
    mkdirSync(`${root}/x/two`);
    rmSync(`${root}/proc`, { recursive: true });
    symlinkSync('/x/one', `${root}/proc`);
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    let looked = 0;
    using swap = swapping(program, '1500', `${root}/x/one`, `${root}/x/two`);
    for (let i = 0; i < ROUNDS; i++) {
      const look =
        'for p in /x/one /x/two; do [ -e $p/version ] && { echo looked; (echo "|/x" > $p/sys/kernel/core_pattern) 2>/dev/null && echo wrote; head -c 1 $p/keys | grep -q . && echo keys; }; done';
      const { stdout } = await kobako(['run', '--rm', '--rootfs', root, 'sh', '-c', look]);
      if (stdout.includes('looked')) looked++;
      const after = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
      if (after !== before) writeFileSync('/proc/sys/kernel/core_pattern', before);
      assert.equal(after, before, 'the host was changed');
      assert.doesNotMatch(stdout, /wrote|keys/);
    }
    assert.equal(swap.child.exitCode, null);
    t.diagnostic(`${looked} of ${ROUNDS} had a proc`);
  });
});

test('a working folder of the image leads to the host through /proc: refused, and nothing is made there', async (t) => {
  const folder = tempFor(t);
  const root = await freshRoot(folder);
  for (let fd = 3; fd < 32; fd++) symlinkSync(`/proc/self/fd/${fd}/kobako-was-here`, `${root}/at-${fd}`);
  const script = Array.from({ length: 29 }, (_, i) => i + 3);
  for (const fd of script) {
    for (const path of [`/proc/self/fd/${fd}/kobako-was-here`, `/at-${fd}`]) {
      const { code } = await kobako(['run', '--rm', '--rootfs', root, '-w', path, 'true']);
      assert.notEqual(code, 0, path);
    }
  }
  const { stdout } = await runOk('sh', ['-c', 'find /sys/fs/cgroup /run /tmp -xdev -name kobako-was-here 2>/dev/null; true']);
  assert.equal(stdout, '');
  assert.equal(existsSync('/kobako-was-here'), false);
});
