/** A real dockerd 28 runs its containers with kobako-runc. */
import assert from 'node:assert/strict';
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
});
