/**
 * The article's own steps, end to end, through the command line: what its 60 lines of Go do by hand, and each check that
 * it makes at the terminal. `docs/tour.md` walks through the same commands.
 */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { before, describe, test } from 'node:test';
import { kobako } from '../support/kobako.ts';
import { busyboxRootfs } from '../support/rootfs.ts';

let root: string;
before(async () => {
  root = await busyboxRootfs();
});

const run = (flags: string[], command: string[]) => kobako(['run', '--rm', '--rootfs', `${root}:O`, ...flags, ...command]);

describe('a mini docker, step by step', () => {
  test('run echo hello', async () => {
    const { code, stdout, stderr } = await run([], ['echo', 'hello']);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'hello\n', stderr: '' });
  });

  test('its own host name: changed inside, unchanged outside', async () => {
    const outside = hostname();
    const { stdout } = await run(['--cap-add', 'SYS_ADMIN'], ['sh', '-c', 'hostname in-a-box && hostname']);
    assert.equal(stdout, 'in-a-box\n');
    assert.equal(hostname(), outside);
  });

  test('the child sees the host name that was asked for', async () => {
    const { stdout } = await run(['--hostname', 'container'], ['hostname']);
    assert.equal(stdout, 'container\n');
  });

  test('it is pid 1 and sees only its own processes', async () => {
    const { stdout } = await run([], ['sh', '-c', 'echo $$; sleep 5 & sleep 0.3; for p in /proc/[0-9]*; do cat $p/comm; done']);
    const [pid, ...names] = stdout.trim().split('\n');
    assert.equal(pid, '1');
    assert.deepEqual(names.filter((name) => name !== 'cat').sort(), ['sh', 'sleep']);
  });

  test('a root of its own: the host is not there', async () => {
    const { stdout } = await run([], ['sh', '-c', 'ls -d /work /var/lib/dpkg 2>/dev/null; ls /; cd /../..; pwd']);
    assert.equal(stdout.includes('/var/lib/dpkg'), false);
    assert.match(stdout, /^bin$/m);
    assert.match(stdout, /\/\n$/);
  });

  test('/proc/mounts shows only what was mounted', async () => {
    const { stdout } = await run([], ['cat', '/proc/mounts']);
    const points = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[1]!);
    const allowed = /^(\/|\/proc(\/.*)?|\/dev(\/(pts|shm|mqueue))?|\/sys(\/.*)?|\/etc\/(hostname|hosts|resolv\.conf))$/;
    assert.deepEqual(
      points.filter((point) => !allowed.test(point)),
      [],
    );
    for (const needed of ['/', '/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys']) assert.ok(points.includes(needed), needed);
  });

  test('pids.max 20 stops a fork bomb', async () => {
    const script = 'i=0; while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done 2>/tmp/err; ls -d /proc/[0-9]* | wc -l; grep -c fork /tmp/err';
    const { stdout } = await run(['--pids-limit', '20'], ['sh', '-c', `(${script}) ; true`]);
    const alive = Number(stdout.trim().split('\n')[0] ?? '0');
    assert.ok(alive <= 20, `${alive} processes at once`);
    const free = await run([], ['sh', '-c', 'i=0; while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done; ls -d /proc/[0-9]* | wc -l']);
    assert.ok(Number(free.stdout.trim()) >= 60, 'without the limit all of them run');
  });

  test('a memory limit bites: the process is killed, by the OOM killer', async () => {
    // tail keeps what it has not yet seen the end of in memory
    const hungry = ['sh', '-c', 'head -c 64m /dev/zero | tail | wc -c'];
    const limited = await run(['--memory', '32m', '--memory-swap', '32m'], hungry);
    assert.notEqual(limited.stdout.trim(), String(64 << 20));
    const free = await run([], hungry);
    assert.equal(free.stdout.trim(), String(64 << 20));
  });

  test('a cpu limit bites', async () => {
    // busy until its own cgroup says that it was throttled, and no longer than for a fixed count
    const stat = 'cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.stat';
    const burn = `i=0; while [ $i -lt 300000 ]; do i=$((i+1)); if [ $((i % 10000)) = 0 ]; then (${stat}) | grep -q 'nr_throttled [1-9]' && break; fi; done; ${stat}`;
    const { stdout } = await run(['--cpus', '0.2'], ['sh', '-c', burn]);
    assert.ok(Number(/nr_throttled (\d+)/.exec(stdout)?.[1]) > 0, stdout);
  });
});
