/** What `kobako run` and its siblings promise, each seen from inside a container. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run as runProgram } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import { projectDir } from '../support/paths.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

const run = (flags: string[], script: string) => kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, 'sh', '-c', script]);
const inside = async (flags: string[], script: string) => {
  const { code, stdout, stderr } = await run(flags, script);
  assert.equal(code, 0, stderr);
  return stdout.trim();
};

describe('namespaces', () => {
  const link = (name: string) => `readlink /proc/self/ns/${name}`;
  test('new by default, the host’s when asked for', async () => {
    const names = ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup'];
    const script = names.map(link).join('; ');
    const host = (await runProgram('sh', ['-c', script])).stdout.trim().split('\n');
    const own = (await inside([], script)).split('\n');
    assert.deepEqual(
      own.filter((ns) => host.includes(ns)),
      [],
    );
    const shared = (await inside(['--pid', 'host', '--network', 'host', '--ipc', 'host', '--uts', 'host', '--cgroupns', 'host'], script)).split('\n');
    assert.deepEqual(shared.filter((ns) => !host.includes(ns)).length, 1, 'only the mount namespace is its own');
  });

  test('another container’s', async (t) => {
    const name = `kobako-test-ns-${process.pid}`;
    assert.equal((await kobako(['run', '-d', '--name', name, '--ipc', 'shareable', '--rootfs', `${root}:O`, 'sleep', '60'])).code, 0);
    t.after(() => kobako(['rm', '-f', name]));
    const script = `${link('net')}; ${link('ipc')}; ${link('pid')}; ${link('uts')}`;
    const theirs = (await kobako(['exec', name, 'sh', '-c', script])).stdout;
    const of = `container:${name}`;
    assert.equal(`${await inside(['--network', of, '--ipc', of, '--pid', of, '--uts', of], script)}\n`, theirs);
  });

  test('user and time', async () => {
    const user = await inside(['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'], 'id -u; cat /proc/self/uid_map');
    assert.match(user, /^0\n\s+0\s+100000\s+65536$/);
    const up = Number(await inside(['--clock-boottime', '1000000'], 'cut -d. -f1 /proc/uptime'));
    assert.ok(up >= 1_000_000, String(up));
  });
});

describe('file systems', () => {
  test('binds, read-only, tmpfs, shm, masks, /etc files', async (t) => {
    const dir = tempFor(t);
    writeFileSync(`${dir}/file`, 'from the host');
    const flags = [
      '-v',
      `${dir}:/data`,
      '-v',
      `${dir}:/locked:ro`,
      '--tmpfs',
      '/scratch:size=1m',
      '--shm-size',
      '2m',
      '--hostname',
      'box',
      '--add-host',
      'other:10.1.2.3',
      '--dns',
      '9.9.9.9',
    ];
    const script =
      'cat /data/file; echo w > /data/new; echo w > /locked/new; df -k /dev/shm /scratch | tail -2 | awk "{print \\$2}"; cat /etc/hostname; grep other /etc/hosts; cat /etc/resolv.conf; wc -c < /proc/timer_list; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/hostname';
    const { stdout, stderr } = await run(flags, script);
    assert.deepEqual(stdout.trim().split('\n'), ['from the host2048', '1024', 'box', '10.1.2.3\tother', 'nameserver 9.9.9.9', '0', '0']);
    assert.match(stderr, /locked\/new: Read-only file system/);
    assert.match(stderr, /proc\/sys\/kernel\/hostname: Read-only file system/);
    assert.equal(readFileSync(`${dir}/new`, 'utf8'), 'w\n');
  });

  test('a file in folders that are made for it is there for every user', async (t) => {
    const dir = tempFor(t);
    writeFileSync(`${dir}/file`, 'text');
    assert.equal(
      await inside(['-u', 'guest', '-v', `${dir}/file:/made/for/it`], 'stat -c %A /made /made/for; cat /made/for/it'),
      'drwxr-xr-x\ndrwxr-xr-x\ntext',
    );
  });

  test('a read-only root, and a writable one whose writes are gone', async () => {
    assert.match((await run(['--read-only'], 'touch /x')).stderr, /Read-only file system/);
    assert.equal(await inside([], 'touch /gone && ls /gone'), '/gone');
    assert.equal(existsSync(`${root}/gone`), false);
  });

  test('device nodes, and no others', async () => {
    const list = (await inside([], 'ls /dev | sort | tr "\\n" " "; echo x > /dev/null; head -c 4 /dev/urandom | wc -c')).split('\n');
    assert.deepEqual(list[0]!.trim().split(/\s+/), [
      'fd',
      'full',
      'mqueue',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
      '4',
    ]);
    const { stderr } = await run([], 'mknod /tmp/mem c 1 1 && cat /tmp/mem');
    assert.match(stderr, /Operation not permitted/);
    assert.equal(await inside(['--device', '/dev/zero:/dev/nought:r'], 'head -c 3 /dev/nought | wc -c'), '3');
  });
});

describe('privileges', () => {
  test('capabilities: default, dropped, added, all', async () => {
    const caps = async (...flags: string[]) => /CapEff:\s+(\w+)/.exec(await inside(flags, 'cat /proc/self/status'))![1]!;
    assert.equal(await caps(), '00000000a80425fb');
    assert.equal(await caps('--cap-drop', 'ALL'), '0000000000000000');
    assert.equal(await caps('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN'), '0000000000001000');
    assert.equal(await caps('--user', '1000'), '0000000000000000');
    const own = /CapEff:\s+(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
    assert.equal(await caps('--privileged'), own);
  });

  test('users, groups, umask, limits, oom score, no_new_privs, sysctls', async () => {
    const flags = [
      '--user',
      '1000:50',
      '--group-add',
      '60',
      '--umask',
      '077',
      '--ulimit',
      'nofile=64:128',
      '--oom-score-adj',
      '500',
      '--security-opt',
      'no-new-privileges',
      '--sysctl',
      'net.ipv4.ip_forward=1',
    ];
    const script =
      'id -u; id -g; id -G; umask; ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; grep NoNewPrivs /proc/self/status; cat /proc/sys/net/ipv4/ip_forward';
    assert.deepEqual((await inside(flags, script)).split('\n'), ['1000', '50', '50 60', '0077', '64', '128', '500', 'NoNewPrivs:\t1', '1']);
  });

  test('seccomp: on by default, off when asked, a profile of one’s own', async (t) => {
    assert.match(await inside([], 'grep Seccomp: /proc/self/status'), /2$/);
    assert.match(await inside(['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status'), /0$/);
    assert.match((await run([], 'unshare -m true')).stderr, /Operation not permitted/);
    const profile = `${tempFor(t)}/profile.json`;
    writeFileSync(
      profile,
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 }] }),
    );
    assert.match((await run(['--security-opt', `seccomp=${profile}`], 'mkdir /x')).stderr, /Function not implemented/);
  });

  test('--init reaps and passes signals and exit codes on', async () => {
    assert.equal(await inside(['--init'], 'cat /proc/1/comm; (sleep 0.1 &) ; sleep 0.4; cat /proc/[0-9]*/stat | grep -c ") Z" || true'), 'docker-init\n0');
    assert.equal((await run(['--init'], 'kill -9 $$')).code, 137);
  });
});

describe('what goes wrong is one clear line, and nothing is left', () => {
  const fails = async (code: number, message: RegExp, ...args: string[]) => {
    const result = await kobako(args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, message);
    assert.equal(result.stdout, '');
  };
  test('commands, users, flags, mounts', async (t) => {
    const base = ['run', '--rm', '--rootfs', `${root}:O`];
    await fails(127, /^kobako: exec: "nothing": executable file not found in \$PATH\n/, ...base, 'nothing');
    await fails(127, /no such file or directory/, ...base, '/bin/nothing');
    await fails(126, /permission denied/, ...base, '/etc/passwd');
    await fails(125, /unable to find user nobody-here: no matching entries in passwd file/, ...base, '--user', 'nobody-here', 'true');
    await fails(125, /unknown flag: --nonsense/, ...base, '--nonsense', 'true');
    await fails(125, /bind source path does not exist: \/not\/here/, ...base, '--mount', 'type=bind,source=/not/here,target=/x', 'true');
    await fails(125, /no such file or directory/, 'run', '--rootfs', '/not/here', 'true');
    await fails(125, /unknown capability: "CAP_NOPE"/, ...base, '--cap-add', 'NOPE', 'true');
    await fails(125, /Minimum memory limit allowed is 6MB/, ...base, '--memory', '1m', 'true');
    await fails(125, /sysctl "kernel.pid_max" is not in a separate kernel namespace/, ...base, '--sysctl', 'kernel.pid_max=5', 'true');
    await fails(1, /No such container: nobody/, 'exec', 'nobody', 'true');
    const bad = `${tempFor(t)}/bad`;
    writeFileSync(bad, 'not a program');
    chmodSync(bad, 0o755);
    mkdirSync(`${tempFor(t)}/x`, { recursive: true });
    await fails(126, /exec format error/, ...base, '-v', `${bad}:/bad`, '/bad');
  });
});

describe('exec, logs, explain', () => {
  test('exec: cgroup, user, env, folder, exit code, input', async (t) => {
    const name = `kobako-test-exec-${process.pid}`;
    await kobako(['run', '-d', '--name', name, '--rootfs', `${root}:O`, '--cap-drop', 'ALL', 'sh', '-c', 'echo out; echo err >&2; sleep 60']);
    t.after(() => kobako(['rm', '-f', name]));
    const script = 'id -u; echo $A; pwd; grep -E "CapBnd|Seccomp:" /proc/self/status; cat /proc/self/cgroup | grep -c -v ":/$"; exit 6';
    const { code, stdout } = await kobako(['exec', '-u', '7', '-e', 'A=b', '-w', '/tmp', name, 'sh', '-c', script]);
    assert.equal(code, 6);
    assert.deepEqual(stdout.trim().split('\n'), ['7', 'b', '/tmp', 'CapBnd:\t0000000000000000', 'Seccomp:\t2', '0']);
    assert.equal((await kobako(['exec', '-i', name, 'cat'], { input: 'typed' })).stdout, 'typed');
    const home = async (...flags: string[]) => (await kobako(['exec', ...flags, name, 'sh', '-c', 'echo $HOME'])).stdout;
    assert.deepEqual(
      [await home(), await home('-u', 'guest'), await home('-u', 'guest', '-e', 'HOME=/h'), await home('-u', '7')],
      ['/root\n', '/home/guest\n', '/h\n', '/\n'],
    );
    const logs = await kobako(['logs', name]);
    assert.deepEqual([logs.stdout, logs.stderr], ['out\n', 'err\n']);
    assert.match((await kobako(['ps'])).stdout, new RegExp(name));
    assert.equal((await kobako(['kill', '-s', 'TERM', name])).code, 0);
    assert.equal((await kobako(['stop', '-t', '1', name])).code, 0);
    assert.equal((await kobako(['wait', name])).stdout.trim(), '137');
  });

  test('a terminal: its size, and a detach that leaves the container running', async (t) => {
    const name = `kobako-test-tty-${process.pid}`;
    t.after(() => kobako(['rm', '-f', name]));
    const command = `stty rows 33 cols 44; ${projectDir}/bin/kobako run --name ${name} -it --rootfs ${root}:O sh -c 'stty size; tty; sleep 30'`;
    const typescript = `${tempFor(t)}/typescript`;
    const shown = `for i in $(seq 300); do grep -q pts ${typescript} 2>/dev/null && break; sleep 0.1; done`;
    const session = `(${shown}; printf '\\020\\021'; sleep 1) | script -qefc "${command}" ${typescript}`;
    const { stdout } = await runProgram('bash', ['-c', session]);
    assert.match(stdout, /33 44\s+\/dev\/pts\/0/);
    assert.match((await kobako(['ps'])).stdout, new RegExp(name));
  });

  test('explain prints the plan with reasons and man pages, and runs nothing', async () => {
    const { stdout } = await kobako(['explain', 'run', '--rootfs', '/', '--hostname', 'box', 'echo', 'hi']);
    for (const part of ['clone flags=', 'CLONE_NEWPID', 'sethostname', 'pivot_root(2)', 'exec argv=["echo","hi"]']) assert.ok(stdout.includes(part), part);
    const { ops } = JSON.parse((await kobako(['explain', '--json', 'run', '--rootfs', '/', 'true'])).stdout) as { ops: { op: string; man: string }[] };
    assert.ok(
      ops.some(({ op, man }) => op === 'clone' && man === 'clone3(2)'),
      JSON.stringify(ops.find(({ op }) => op === 'clone')),
    );
  });
});

test('a reader that goes away ends a list as it ends others: without a word', async () => {
  const { stdout, stderr } = await runProgram('bash', ['-c', `for i in 1 2 3 4 5; do "${projectDir}/bin/kobako" help | true; done`]);
  assert.deepEqual([stdout, stderr], ['', '']);
});
