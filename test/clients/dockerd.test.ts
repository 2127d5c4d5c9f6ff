/** A real dockerd 28 runs its containers with kobako-runc. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { projectDir } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const IMAGE = 'kobako-test-busybox';
const reason = noPeers();

describe('dockerd 28 over kobako-runc', { skip: reason ?? false }, () => {
  let folder: string;
  let host: string;
  const cleanups: (() => unknown)[] = [];
  before(async () => {
    folder = tempFor({ after: (hook) => cleanups.push(hook) });
    await peers(['clients', folder]);
    await peers(['down']);
    host = await peers(['docker'], { DOCKERD_ARGS: `--add-runtime kobako=${projectDir}/bin/kobako-runc --default-runtime kobako` });
    const made = await run('sh', ['-c', `tar -C ${await busyboxRootfs()} -c . | DOCKER_HOST=${host} ${folder}/docker import - ${IMAGE}`]);
    assert.equal(made.code, 0, made.stderr);
  });
  after(async () => {
    await docker(['image', 'rm', '-f', IMAGE]);
    await peers(['down']);
    for (const cleanup of cleanups) await cleanup();
  });
  const docker = (args: readonly string[], input?: string) =>
    run(`${folder}/docker`, args, { env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder }, ...(input === undefined ? {} : { input }) });
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };

  test('run: output, exit codes, errors', async () => {
    assert.equal(await ok('run', '--rm', IMAGE, 'echo', 'hello'), 'hello');
    assert.equal((await docker(['run', '--rm', IMAGE, 'sh', '-c', 'exit 7'])).code, 7);
    const missing = await docker(['run', '--rm', IMAGE, 'nothing-like-this']);
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /executable file not found in \$PATH/);
    assert.equal((await docker(['run', '--rm', IMAGE, '/etc/passwd'])).code, 126);
    assert.equal((await docker(['run', '--rm', '-i', IMAGE, 'cat'], 'typed')).stdout, 'typed');
  });

  test('options reach the container', async () => {
    const script = 'id -u; hostname; cat /proc/1/comm; touch /x 2>&1; grep NoNewPrivs /proc/self/status; ulimit -n; pwd';
    const flags = [
      '--user',
      '1000',
      '--hostname',
      'box',
      '--init',
      '--read-only',
      '--security-opt',
      'no-new-privileges',
      '--ulimit',
      'nofile=77',
      '-w',
      '/tmp',
    ];
    const lines = (await ok('run', '--rm', ...flags, IMAGE, 'sh', '-c', script)).split('\n');
    assert.deepEqual(lines.slice(0, 3), ['1000', 'box', 'docker-init']);
    assert.match(lines[3]!, /Read-only file system/);
    assert.deepEqual(lines.slice(4), ['NoNewPrivs:\t1', '77', '/tmp']);
  });

  test('a terminal', async () => {
    const { code, stdout } = await run('script', ['-qec', `${folder}/docker run --rm -it ${IMAGE} sh -c 'tty; stty size'`, '/dev/null'], {
      env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder },
    });
    assert.equal(code, 0);
    assert.match(stdout, /\/dev\/(pts\/0|console)/);
  });

  test('a long-lived one: exec, logs, top, pause, update, stats, stop, restart, kill', async () => {
    const name = `kobako-test-${process.pid}`;
    await ok('run', '-d', '--name', name, IMAGE, 'sh', '-c', 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done');
    try {
      assert.equal(await ok('exec', name, 'echo', 'in'), 'in');
      assert.equal((await docker(['exec', name, 'sh', '-c', 'exit 9'])).code, 9);
      assert.equal((await docker(['exec', '-i', name, 'cat'], 'typed')).stdout, 'typed');
      assert.equal((await docker(['exec', name, 'nothing-like-this'])).code, 127);
      assert.match(await ok('top', name), /sleep 0\.1|trap/);
      await ok('pause', name);
      assert.equal(await ok('inspect', '-f', '{{.State.Status}}', name), 'paused');
      await ok('unpause', name);
      await ok('update', '--memory', '64m', '--memory-swap', '128m', name);
      const limit = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null';
      assert.equal(await ok('exec', name, 'sh', '-c', `${limit} || true`), String(64 << 20));
      assert.match(await ok('stats', '--no-stream', name), /64MiB/);
      await ok('stop', name);
      assert.equal(await ok('inspect', '-f', '{{.State.ExitCode}}', name), '3');
      assert.equal(await ok('logs', name), 'up\nbye');
      await ok('start', name);
      await ok('restart', '-t', '1', name);
      await ok('kill', name);
      assert.equal(await ok('wait', name), '137');
    } finally {
      await docker(['rm', '-f', name]);
    }
  });

  test('limits: memory and pids', async () => {
    const oom = await docker(['run', '--memory', '16m', '--memory-swap', '16m', '--name', 'kobako-test-oom', IMAGE, 'sh', '-c', 'exec tail /dev/zero']);
    assert.equal(oom.code, 137);
    await docker(['rm', '-f', 'kobako-test-oom']);
    const many = await docker(['run', '--rm', '--pids-limit', '10', IMAGE, 'sh', '-c', 'i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done']);
    assert.match(many.stderr, /can't fork: Resource temporarily unavailable/);
  });

  test('capabilities, seccomp, devices, tmpfs and init reach the container', async () => {
    const caps = await ok('run', '--rm', '--cap-drop', 'ALL', '--cap-add', 'NET_RAW', IMAGE, 'grep', 'CapEff', '/proc/self/status');
    assert.match(caps, /0{12}2000$/);
    writeFileSync(
      `${folder}/no-mkdir.json`,
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }),
    );
    const seccomp = await docker(['run', '--rm', '--security-opt', `seccomp=${folder}/no-mkdir.json`, IMAGE, 'sh', '-c', 'mkdir /x; echo after']);
    assert.deepEqual([seccomp.stdout, /Operation not permitted/.test(seccomp.stderr)], ['after\n', true]);
    const places = 'stat -c %t:%T /dev/mine; df -k /scratch | tail -1; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/1/oom_score_adj';
    const flags = [
      '--device',
      '/dev/null:/dev/mine',
      '--tmpfs',
      '/scratch:size=4m',
      '--sysctl',
      'net.ipv4.ip_unprivileged_port_start=55',
      '--oom-score-adj',
      '300',
    ];
    const [device, tmpfs, port, oom] = (await ok('run', '--rm', ...flags, IMAGE, 'sh', '-c', places)).split('\n');
    assert.equal(device, '1:3');
    assert.match(tmpfs!, /^tmpfs +4096 /);
    assert.deepEqual([port, oom], ['55', '300']);
  });

  test('what cannot be started: codes and texts, for run and exec', async () => {
    for (const [command, code, text] of [
      ['/nothing', 127, 'exec: "/nothing": stat /nothing: no such file or directory'],
      ['/etc/passwd', 126, 'exec: "/etc/passwd": permission denied'],
      ['nothing', 127, 'exec: "nothing": executable file not found in $PATH'],
    ] as const) {
      const { code: got, stderr } = await docker(['run', '--rm', IMAGE, command]);
      assert.equal(got, code, stderr);
      assert.ok(stderr.includes(`OCI runtime create failed: runc create failed: unable to start container process: `), stderr);
      assert.ok(stderr.includes(text), stderr);
    }
    const name = `kobako-test-codes-${process.pid}`;
    await ok('run', '-d', '--name', name, IMAGE, 'sleep', '1000');
    try {
      for (const [args, code, text] of [
        [[name, '/etc/passwd'], 126, 'permission denied'],
        [[name, 'nothing'], 127, 'executable file not found in $PATH'],
        [['-w', '/nowhere', name, 'pwd'], 127, 'chdir to cwd ("/nowhere") set in config.json failed: no such file or directory'],
      ] as const) {
        const { code: got, stderr, stdout } = await docker(['exec', ...args]);
        assert.ok(`${stderr}${stdout}`.includes(text), `${stderr}${stdout}`);
        assert.equal(got, code, args.join(' '));
      }
      await ok('pause', name);
      const paused = await docker(['exec', name, 'true']);
      assert.match(paused.stderr, /is paused, unpause the container before exec/);
      await ok('unpause', name);
    } finally {
      await docker(['rm', '-f', name]);
    }
  });

  test('the OOM killer’s work, restart policies and health checks are told', async () => {
    const names = ['oom', 'again', 'health'].map((name) => `kobako-test-${name}-${process.pid}`) as [string, string, string];
    const [oom, again, health] = names;
    const until = async (name: string, format: string, pattern: RegExp) => {
      for (const end = Date.now() + 30_000; ;) {
        const text = await ok('inspect', '-f', format, name);
        if (pattern.test(text)) return;
        assert.ok(Date.now() < end, `${name}: ${text}`);
        await new Promise((done) => setTimeout(done, 200));
      }
    };
    try {
      await docker(['run', '--memory', '16m', '--memory-swap', '16m', '--name', oom, IMAGE, 'sh', '-c', 'tail /dev/zero; exit 5']);
      assert.equal(await ok('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', oom), 'true 5');
      await ok('run', '-d', '--restart', 'on-failure:2', '--name', again, IMAGE, 'sh', '-c', 'echo run; exit 8');
      await until(again, '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}', /^2 exited 8$/);
      assert.equal(await ok('logs', again), 'run\nrun\nrun');
      await ok(
        'run',
        '-d',
        '--health-cmd',
        'test -e /tmp/well',
        '--health-interval',
        '300ms',
        '--health-retries',
        '1',
        '--name',
        health,
        IMAGE,
        'sleep',
        '1000',
      );
      await until(health, '{{.State.Health.Status}}', /^unhealthy$/);
      await ok('exec', health, 'touch', '/tmp/well');
      await until(health, '{{.State.Health.Status}}', /^healthy$/);
    } finally {
      await docker(['rm', '-f', ...names]);
    }
  });

  test('a terminal follows the size of the user’s, in run and exec', async () => {
    const name = `kobako-test-size-${process.pid}`;
    const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder };
    try {
      await ok('run', '-d', '--name', name, IMAGE, 'sleep', '1000');
      const line = `stty rows 22 cols 44; (sleep 2; stty rows 33 cols 55 </dev/tty) & ${folder}/docker exec -it ${name} sh -c 'sleep 1; stty size; sleep 3; stty size'`;
      const { stdout } = await run('script', ['-qec', line, '/dev/null'], { env });
      assert.match(stdout, /22 44\r+\n(.|\n)*33 55\r+\n/);
    } finally {
      await docker(['rm', '-f', name]);
    }
  });

  test('update changes what runs, and top takes ps’s flags', async () => {
    const name = `kobako-test-update-${process.pid}`;
    try {
      await ok('run', '-d', '--name', name, IMAGE, 'sleep', '1000');
      await ok('update', '--pids-limit', '33', '--cpu-shares', '512', '--cpu-period', '100000', '--cpu-quota', '50000', name);
      const files = ['pids/pids.max', 'cpu/cpu.shares', 'cpu/cpu.cfs_quota_us', 'pids.max', 'cpu.max'].map((file) => `/sys/fs/cgroup/${file}`).join(' ');
      const values = (await docker(['exec', name, 'sh', '-c', `cat ${files} 2>/dev/null`])).stdout;
      assert.match(values, /^33\n(512\n50000|50000 100000)\n$/);
      assert.match(await ok('top', name, '-o', 'pid,comm'), /PID +COMMAND\n\d+ +sleep/);
    } finally {
      await docker(['rm', '-f', name]);
    }
  });
});
