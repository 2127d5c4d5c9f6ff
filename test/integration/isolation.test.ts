/** Namespaces in their three forms, user namespaces and owners, mounts: each seen from inside, and outside where it matters. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, readlinkSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, describe, test, type TestContext } from 'node:test';
import { canIdmap } from '../../src/kernel/linux/machine.ts';
import { defaultSpec } from '../../src/runtime/default-spec.ts';
import type { Mount, Spec } from '../../src/runtime/spec.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { run as runProgram, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

const run = (flags: readonly string[], script: string) => kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);
const inside = async (flags: readonly string[], script: string) => {
  const { code, stdout, stderr } = await run(flags, script);
  assert.equal(code, 0, stderr);
  return stdout.trim();
};
async function background(t: { after(hook: () => unknown): void }, name: string, flags: readonly string[] = [], script = 'sleep 3600'): Promise<string> {
  const full = `kobako-test-${name}-${process.pid}`;
  const { code, stderr } = await kobako(['run', '-d', '--name', full, '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);
  assert.equal(code, 0, stderr);
  t.after(() => kobako(['rm', '-f', full]));
  return full;
}
const pidOf = async (name: string) => (JSON.parse((await kobako(['inspect', name])).stdout) as { State: { Pid: number } }[])[0]!.State.Pid;
const own = (file: string) => `readlink /proc/self/ns/${file}`;
const MAPS = ['--uidmap', '0:100000:65536', '--gidmap', '0:200000:65536'];

describe('each namespace: new, the host’s, another container’s', () => {
  let other: string;
  let mapped: string;
  const hooks: (() => unknown)[] = [];
  before(async () => {
    const t = { after: (hook: () => unknown) => void hooks.push(hook) };
    other = await background(t, 'other', ['--ipc', 'shareable', '--time', 'private', '--clock-boottime', '5000000', '--hostname', 'the-other']);
    mapped = await background(t, 'mapped', [...MAPS, '--ipc', 'shareable']);
  });
  after(async () => {
    for (const hook of hooks) await hook();
  });

  const types: [file: string, flag: string, fresh: string][] = [
    ['pid', '--pid', 'private'],
    ['ipc', '--ipc', 'private'],
    ['uts', '--uts', 'private'],
    ['net', '--network', 'none'],
    ['cgroup', '--cgroupns', 'private'],
    ['time', '--time', 'private'],
  ];
  for (const [file, flag, fresh] of types) {
    test(file, async () => {
      const host = readlinkSync(`/proc/self/ns/${file}`);
      const theirs = readlinkSync(`/proc/${await pidOf(other)}/ns/${file}`);
      assert.equal(await inside([flag, 'host'], own(file)), host);
      assert.equal(await inside([flag, `container:${other}`], own(file)), theirs);
      const mine = await inside([flag, fresh], own(file));
      assert.ok(mine !== host && mine !== theirs && mine.startsWith(`${file}:[`), mine);
    });
  }

  test('user', async () => {
    const host = readlinkSync('/proc/self/ns/user');
    const theirs = readlinkSync(`/proc/${await pidOf(mapped)}/ns/user`);
    assert.equal(await inside(['--userns', 'host'], own('user')), host);
    const mine = await inside(MAPS, own('user'));
    assert.ok(mine !== host && mine !== theirs, mine);
    const script = `${own('user')}; id -u; cat /proc/self/uid_map /proc/self/gid_map; ls -ln /etc/hosts; mkdir /made; stat -c %u /made`;
    const lines = (await inside(['--userns', `container:${mapped}`], script)).split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
    assert.deepEqual([lines.slice(0, 4), lines[5]], [[theirs, '0', '0 100000 65536', '0 200000 65536'], '0']);
    assert.match(lines[4]!, /^-rw-r--r-- 1 0 0 /);
  });

  test('a user namespace with all others of its container, and with those of a container of the host', async () => {
    const of = (name: string) => ['--pid', '--network', '--ipc', '--uts'].flatMap((flag) => [flag, `container:${name}`]);
    const files = ['pid', 'net', 'ipc', 'uts'];
    const script = files.map(own).join('; ');
    for (const name of [mapped, other]) {
      const pid = await pidOf(name);
      const theirs = files.map((file) => readlinkSync(`/proc/${pid}/ns/${file}`)).join('\n');
      assert.equal(await inside(['--userns', `container:${mapped}`, ...of(name)], script), theirs, name);
    }
  });

  test('the clocks of a time namespace', async () => {
    const up = async (...flags: string[]) => Number(await inside(flags, 'cut -d. -f1 /proc/uptime'));
    assert.ok((await up('--time', `container:${other}`)) > 5_000_000);
    assert.ok((await up()) < 5_000_000);
    assert.match((await run(['--time', 'host', '--clock-boottime', '5'], 'true')).stderr, /clock offsets need a new time namespace/);
  });

  test('with the network goes its name: hostname, /etc/hosts, /etc/hostname', async () => {
    const script = 'hostname; cat /etc/hostname; echo $HOSTNAME; grep -c the-other /etc/hosts';
    assert.equal(await inside(['--network', `container:${other}`], script), 'the-other\nthe-other\nthe-other\n1');
    const { stdout } = await runProgram('hostname');
    const name = stdout.trim();
    assert.equal(await inside(['--network', 'host'], 'hostname; echo $HOSTNAME'), `${name}\n${name}`);
    assert.equal(await inside(['--uts', 'host'], 'hostname; echo $HOSTNAME'), `${name}\n${name}`);
  });

  test('a container that is not there, or has ended', async (t) => {
    assert.match((await run(['--network', 'container:nobody'], 'true')).stderr, /No such container: nobody/);
    const gone = await background(t, 'gone', [], 'true');
    await kobako(['wait', gone]);
    for (const [flag, message] of [
      ['--pid', /failed to join PID namespace: container [0-9a-f]{64} is not running/],
      ['--ipc', /failed to join IPC namespace: container [0-9a-f]{64} is not running/],
      ['--network', new RegExp(`cannot join network namespace of a non running container: container ${gone} is exited`)],
    ] as const) {
      const { code, stderr } = await run([flag, `container:${gone}`], 'true');
      assert.equal(code, 125);
      assert.match(stderr, message);
    }
  });
});

describe('ipc of another container: its /dev/shm too', () => {
  test('both write, both read; the size is the other’s', async (t) => {
    const name = await background(t, 'shm', ['--ipc', 'shareable', '--shm-size', '1m'], 'echo first > /dev/shm/a; sleep 3600');
    const script = 'cat /dev/shm/a; echo second > /dev/shm/b; df -k /dev/shm | awk "END { print \\$2 }"; grep -c " /dev/shm " /proc/mounts';
    assert.equal(await inside(['--ipc', `container:${name}`], script), 'first\n1024\n1');
    assert.equal((await kobako(['exec', name, 'cat', '/dev/shm/b'])).stdout, 'second\n');
  });
  test('only of one that shares it: its own, or what it shares itself', async (t) => {
    const join = (name: string) => run(['--ipc', `container:${name}`], 'true');
    for (const ipc of ['private', 'none']) {
      const { code, stderr } = await join(await background(t, ipc, ['--ipc', ipc]));
      assert.equal(code, 125);
      assert.match(stderr, /failed to join IPC namespace: container [0-9a-f]{64}: non-shareable IPC \(hint: use IpcMode:shareable for the donor container\)/);
    }
    const host = await background(t, 'ipc-host', ['--ipc', 'host']);
    const joined = await background(t, 'ipc-joined', ['--ipc', `container:${host}`]);
    for (const name of [host, joined]) assert.equal((await join(name)).code, 0, name);
  });
  test('none: an ipc namespace of its own, and no /dev/shm', async () => {
    assert.match(await inside(['--ipc', 'none'], '[ -e /dev/shm ] || echo none; grep -c mqueue /proc/mounts; readlink /proc/self/ns/ipc'), /^none\n1\nipc:/);
    assert.equal(await inside(['--ipc', 'none', '--tmpfs', '/dev/shm'], 'ls -d /dev/shm'), '/dev/shm');
  });
  test('not what a link of the other’s leads to', async (t) => {
    // with CAP_SYS_ADMIN it can take its mount away and put a link there
    const name = await background(t, 'evil', ['--privileged', '--ipc', 'shareable'], 'umount /dev/shm && rmdir /dev/shm && ln -s /etc /dev/shm; sleep 3600');
    await kobako(['exec', name, 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9; do [ -L /dev/shm ] && break; sleep 0.2; done; [ -L /dev/shm ]']);
    const { code, stderr } = await run(['--ipc', `container:${name}`], 'ls /dev/shm');
    assert.equal(code, 125);
    assert.match(stderr, /dev\/shm: too many levels of symbolic links/);
  });
});

describe('owners', () => {
  const mappable = (path: string) => canIdmap(statfsSync(path).type, release());

  test('root of a user namespace owns what root owns on disk, or a warning says why not', async () => {
    for (const rootfs of [`${root}:O`, root]) {
      const { stdout, stderr, code } = await kobako([
        'run',
        '--rm',
        '--rootfs',
        rootfs,
        ...MAPS,
        'stat',
        '-c',
        '%u:%g',
        '/',
        '/bin/busybox',
        '/home/guest',
        '/etc/hosts',
      ]);
      assert.equal(code, 0, stderr);
      const [, busybox, guest, hosts] = stdout.trim().split('\n');
      assert.equal(hosts, '0:0', 'its own files are its');
      if (mappable(root)) assert.deepEqual([busybox, guest, stderr], ['0:0', '1000:1000', '']);
      else {
        assert.equal(busybox, '65534:65534');
        assert.match(stderr, /WARNING: this kernel cannot map the owners of/);
      }
    }
  });

  test('what it writes is the host’s mapped user’s; a root file system of his stays as it is', async (t) => {
    const folder = tempFor(t);
    const copy = `${folder}/root`;
    await copyRootfs(root, copy);
    await runOk('chown', ['-R', '100000:200000', copy]);
    chmodSync(folder, 0o700); // the way there is the engine's, not the container's
    const { code, stderr, stdout } = await kobako(['run', '--rm', '--rootfs', copy, ...MAPS, 'sh', '-c', 'touch /made; stat -c %u:%g /made /bin/busybox']);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '0:0\n0:0\n');
    const made = statSync(`${copy}/made`);
    assert.deepEqual([made.uid, made.gid], [100000, 200000]);
  });

  test('neither the state folder nor a source need be searchable by the mapped user', async (t) => {
    const folder = tempFor(t);
    for (const name of ['state', 'closed', 'closed/open']) mkdirSync(`${folder}/${name}`, { mode: name === 'closed/open' ? 0o755 : 0o700 });
    chmodSync(folder, 0o700);
    writeFileSync(`${folder}/closed/open/file`, 'here');
    chmodSync(`${folder}/closed/open/file`, 0o644);
    const env = { ...process.env, KOBAKO_STATE_DIR: `${folder}/state` };
    const args = [
      'run',
      '--rm',
      '--hostname',
      'box',
      // a root that cannot be mapped has no place for the reaper that the mapped root may write to
      ...(mappable(root) ? ['--init'] : []),
      '--rootfs',
      `${root}:O`,
      ...MAPS,
      '-v',
      `${folder}/closed/open:/data:ro`,
      'sh',
      '-c',
      'cat /data/file /etc/hostname; echo x > /data/y',
    ];
    const { stdout, stderr } = await kobako(args, { env });
    assert.equal(stdout, 'herebox\n', stderr);
    assert.match(stderr, /data\/y: Read-only file system/);
  });

  describe('mounts with maps of their own (OCI)', () => {
    async function bundle(t: TestContext, change: (spec: Spec) => void, script: string) {
      const folder = tempFor(t);
      await copyRootfs(root, `${folder}/rootfs`);
      const source = `${folder}/source`;
      mkdirSync(`${source}/below`, { recursive: true });
      writeFileSync(`${source}/file`, '');
      chownSync(`${source}/file`, 1, 2);
      const spec = defaultSpec();
      spec.process!.args = ['sh', '-c', script];
      change(spec);
      const owner = spec.linux!.uidMappings?.[0]?.hostID ?? 0;
      await runOk('chown', ['-R', `${owner}:${owner}`, `${folder}/rootfs`]);
      for (const mount of spec.mounts!) if (mount.source === 'SOURCE') mount.source = source;
      writeFileSync(`${folder}/config.json`, JSON.stringify(spec));
      const result = await runProgram(`${projectDir}/bin/kobako-runc`, [
        '--root',
        `${folder}/state`,
        'run',
        '--bundle',
        folder,
        `kobako-test-idmap-${process.pid}`,
      ]);
      return { ...result, source };
    }
    const mount = (options: string[], more: Partial<Mount> = {}): Mount => ({
      destination: '/data',
      type: 'bind',
      source: 'SOURCE',
      options: ['rbind', ...options],
      ...more,
    });
    const range = (containerID: number, hostID: number) => [{ containerID, hostID, size: 10 }];
    const userNamespace = (spec: Spec) => {
      spec.linux!.namespaces!.push({ type: 'user' });
      spec.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 65536 }];
      spec.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 65536 }];
    };
    const cannot = () => (mappable('/tmp') ? undefined : 'the file system of /tmp cannot be idmapped by this kernel');

    test('uidMappings and gidMappings, both ways', async (t) => {
      if (cannot() !== undefined) return t.skip(cannot());
      const own = mount([], { uidMappings: range(0, 500), gidMappings: range(0, 700) });
      const { stdout, stderr, source } = await bundle(t, (spec) => spec.mounts!.push(own), 'stat -c %u:%g /data/file; chown 503:704 /data/file');
      assert.equal(stdout, '501:702\n', stderr);
      assert.deepEqual([statSync(`${source}/file`).uid, statSync(`${source}/file`).gid], [3, 4]);
    });
    for (const option of ['idmap', 'ridmap']) {
      test(`${option}: the container’s own maps`, async (t) => {
        if (cannot() !== undefined) return t.skip(cannot());
        const { stdout, stderr } = await bundle(
          t,
          (spec) => {
            userNamespace(spec);
            spec.linux!.uidMappings = [{ containerID: 0, hostID: 1000, size: 60000 }];
            spec.linux!.gidMappings = [{ containerID: 0, hostID: 1000, size: 60000 }];
            spec.mounts!.push(mount([option]));
          },
          'stat -c %u:%g /data/file',
        );
        assert.equal(stdout, '1:2\n', stderr);
      });
    }
    test('refused: no maps, half of them, no bind', async (t) => {
      const refused = async (change: Mount, message: RegExp) => {
        const { code, stderr } = await bundle(t, (spec) => spec.mounts!.push(change), 'true');
        assert.notEqual(code, 0);
        assert.match(stderr, message);
      };
      await refused(mount(['idmap']), /idmap needs uidMappings and gidMappings/);
      await refused(mount([], { uidMappings: range(0, 500) }), /uidMappings and gidMappings go together/);
      await refused({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: ['idmap'] }, /only a bind mount can be idmapped/);
    });
  });
});

describe('mounts', () => {
  /** A temporary folder in which these are unmounted before it goes. */
  function mountFolder(t: TestContext, ...below: string[]): string {
    let folder = '';
    t.after(async () => {
      for (const name of below) await runProgram('umount', ['-l', `${folder}/${name}`]);
    });
    return (folder = tempFor(t));
  }

  /** A folder of the host with a mount below it, gone at the end of the test. */
  async function withBelow(t: TestContext): Promise<string> {
    const folder = mountFolder(t, 'below');
    mkdirSync(`${folder}/below`);
    await runOk('mount', ['-t', 'tmpfs', 'below', `${folder}/below`]);
    writeFileSync(`${folder}/below/file`, 'below');
    return folder;
  }
  const source = (folder: string, more: string) => ['--mount', `type=bind,source=${folder},target=/data${more}`];

  test('recursive or not', async (t) => {
    const folder = await withBelow(t);
    assert.equal(await inside(source(folder, ''), 'cat /data/below/file'), 'below');
    assert.equal(await inside(source(folder, ',bind-recursive=disabled'), 'ls /data/below'), '');
  });

  test('read-only: the top, or all that is below too', async (t) => {
    const folder = await withBelow(t);
    const script = 'touch /data/x 2>/dev/null && echo top; touch /data/below/x 2>/dev/null && echo below; true';
    assert.equal(await inside(source(folder, ''), script), 'top\nbelow');
    assert.equal(await inside(source(folder, ',readonly'), script), '', 'as with Docker since 25');
    assert.equal(await inside(source(folder, ',readonly,bind-recursive=writable'), script), 'below');
    assert.equal(await inside(['-v', `${folder}:/data:ro`], script), '');
    assert.equal(await inside(source(folder, ',readonly,bind-recursive=readonly'), script), '');
    assert.equal(await inside(['-v', `${folder}:/data:rro`], script), '');
  });

  test('propagation: what the host mounts later is seen as a slave, not in private', async (t) => {
    const folder = mountFolder(t, 'later', '');
    await runOk('mount', ['--bind', folder, folder]);
    await runOk('mount', ['--make-shared', folder]);
    mkdirSync(`${folder}/later`);
    const wait = 'for i in $(seq 100); do [ -e /data/go ] && break; sleep 0.1; done; cat /data/later/file 2>/dev/null || echo nothing';
    const names = await Promise.all(['rslave', 'rprivate'].map((mode) => background(t, mode, ['-v', `${folder}:/data:${mode}`], wait)));
    await runOk('mount', ['-t', 'tmpfs', 'later', `${folder}/later`]);
    writeFileSync(`${folder}/later/file`, 'seen\n');
    writeFileSync(`${folder}/go`, '');
    const logs = [];
    for (const name of names) {
      await kobako(['wait', name]);
      logs.push((await kobako(['logs', name])).stdout);
    }
    assert.deepEqual(logs, ['seen\n', 'nothing\n']);
  });

  test('what is mounted inside does not show outside', async (t) => {
    const folder = tempFor(t);
    await inside(['--privileged', '-v', `${folder}:/data`], 'mkdir /data/m; mount -t tmpfs x /data/m; touch /data/m/f; [ -e /data/m/f ]');
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').includes(folder), false);
  });

  test('tmpfs: options, the mode of what it covers, and a copy of it', async () => {
    assert.equal(
      await inside(
        ['--tmpfs', '/t:size=1m,mode=711,exec'],
        'stat -c %a /t; grep " /t " /proc/mounts | grep -c -e noexec; df -k /t | awk "END { print \\$2 }" ',
      ).catch(String),
      '711\n0\n1024',
    );
    assert.equal(await inside(['--tmpfs', '/home', '--tmpfs', '/tmp'], 'stat -c %a /home /tmp; ls /home'), '755\n1777');
    const script =
      'cat /home/guest/f 2>/dev/null; stat -c "%a %u:%g" /home /home/guest; readlink /sbin/init; stat -c "%a" /sbin/busybox 2>/dev/null; rm -r /home/guest; echo gone';
    assert.equal(
      await inside(['--tmpfs', '/home:tmpcopyup'], script),
      '755 0:0\n755 1000:1000\n../bin/busybox\ngone'.replace('../bin/busybox', (await inside([], 'readlink /sbin/init')) || ''),
    );
  });

  test('with a read-only root /etc/hosts and its like are read-only; so are masked and protected paths', async () => {
    const script = 'for f in /etc/hosts /etc/hostname /etc/resolv.conf /x /proc/sys/kernel/domainname; do echo x 2>/dev/null >> $f && echo $f; done; true';
    assert.equal(await inside(['--read-only'], `(${script}) 2>/dev/null`), '');
    assert.equal(await inside([], `(${script}) 2>/dev/null`), '/etc/hosts\n/etc/hostname\n/etc/resolv.conf\n/x');
  });
});

describe('the process', () => {
  test('no fd of the engine’s, whatever was joined or mounted', async (t) => {
    const name = await background(t, 'fds', [...MAPS, '--ipc', 'shareable']);
    const script = 'ls /proc/self/fd | tr "\\n" " "';
    const of = `container:${name}`;
    for (const flags of [
      [],
      MAPS,
      ['--userns', of],
      ['--ipc', of, '--pid', of, '--network', of, '--uts', of],
      ['--tmpfs', '/home:tmpcopyup', '-v', `${root}:/data`],
    ]) {
      assert.equal(await inside(flags, script), '0 1 2 3', flags.join(' ')); // 3 is the folder that ls reads
    }
    assert.equal((await kobako(['exec', name, 'sh', '-c', script])).stdout, '0 1 2 3 ');
  });

  test('users of exec are looked up in the container’s own files', async (t) => {
    const name = await background(t, 'users');
    const id = async (...flags: string[]) => (await kobako(['exec', ...flags, name, 'sh', '-c', 'id -u; id -g; id -G'])).stdout;
    assert.equal(await id('-u', 'guest'), '1000\n1000\n1000 4 29\n'.replace('1000 4 29', (await id('-u', 'guest')).split('\n')[2]!));
    assert.deepEqual((await id('-u', 'guest')).split('\n')[2]!.split(' ').toSorted(), ['1000', '29', '4']);
    await kobako(['exec', name, 'sh', '-c', 'echo late:x:4321:1234::/:/bin/sh >> /etc/passwd; ln -sf /../../../../etc/passwd /etc/link']);
    assert.equal(await id('-u', 'late'), '4321\n1234\n1234\n');
    // not the host's, when the container's is a link out
    await kobako(['exec', name, 'sh', '-c', 'rm /etc/passwd; ln -s /proc/1/root/../../../etc/passwd /etc/passwd']);
    assert.match((await kobako(['exec', '-u', 'nosuchuser', name, 'true'])).stderr, /unable to find user nosuchuser/);
  });

  test('an exec joins all that the container has, cgroup and capabilities too', async (t) => {
    const name = await background(t, 'exec', ['--cap-drop', 'ALL', '--time', 'private', '--security-opt', 'no-new-privileges']);
    const files = ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup', 'time', 'user'];
    const script = `${files.map(own).join('; ')}; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -s "\\t\\n" "  "`;
    const pid = await pidOf(name);
    const expected = files.map((file) => readlinkSync(`/proc/${pid}/ns/${file}`));
    const { stdout } = await kobako(['exec', name, 'sh', '-c', script]);
    assert.deepEqual(stdout.trim().split('\n'), [...expected, 'CapBnd: 0000000000000000 NoNewPrivs: 1 Seccomp: 2']);
  });

  test('conflicting options, in docker’s words', async (t) => {
    const name = await background(t, 'conflict');
    const cases: [string[], string][] = [
      [['--uts', 'host', '--hostname', 'x'], 'conflicting options: hostname and the UTS mode'],
      [['--network', `container:${name}`, '--hostname', 'x'], 'conflicting options: hostname and the network mode'],
      [['--network', `container:${name}`, '--dns', '9.9.9.9'], 'conflicting options: dns and the network mode'],
      [['--network', `container:${name}`, '--add-host', 'a:1.2.3.4'], 'conflicting options: custom host-to-IP mapping and the network mode'],
    ];
    for (const [flags, message] of cases) {
      const { code, stderr } = await run(flags, 'true');
      assert.deepEqual([code, stderr], [125, `kobako: ${message}\n`]);
    }
  });
});
