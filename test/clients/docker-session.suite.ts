/**
 * A session at the docker command, over everything that it does with containers. It runs on our daemon and, where one is
 * at hand, on a real dockerd: that tests the test.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { run, type RunResult } from '../support/run.ts';
import { until } from '../support/monitored.ts';

export interface DockerGround {
  /** `docker ARGS`; what it prints, and its exit code. */
  docker(args: readonly string[], input?: string): Promise<RunResult>;
  /** An image with busybox in it. */
  readonly image: string;
  /** For files; empty. */
  readonly folder: string;
}

/** Tests in their order: names of containers are shared among none. */
export function dockerSession(title: string, skip: string | false, make: () => Promise<DockerGround>): void {
  let made: DockerGround | undefined;
  const ground = () => made!;
  const docker = (...args: string[]) => ground().docker(args);
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await ground().docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const sh = (script: string, ...flags: string[]) => ok('run', '--rm', '--network', 'none', ...flags, ground().image, 'sh', '-c', script);
  const background = async (name: string, script = 'exec sleep 300', ...flags: string[]) =>
    ok('run', '-d', '--name', name, '--network', 'none', ...flags, ground().image, 'sh', '-c', script);

  describe(title, { skip, concurrency: false }, () => {
    before(async () => void (made = await make()));

    test('run: output, exit codes, input', async () => {
      assert.equal(await sh('echo out; echo err >&2'), 'out');
      const codes = [['sh', '-c', 'exit 7'], ['sh', '-c', "sh -c 'kill -9 $$'; exit $?"], ['no-such-program'], ['/etc']].map(
        async (command) => (await docker('run', '--rm', '--network', 'none', ground().image, ...command)).code,
      );
      assert.deepEqual(await Promise.all(codes), [7, 137, 127, 126]);
      assert.equal((await docker('run', '--rm', '--no-such-flag', 'x')).code, 125);
      assert.equal((await docker('run', '--rm', '--pull', 'never', 'no-such-image')).code, 125);
      const text = 'line\n'.repeat(100_000);
      const counted = await ground().docker(['run', '--rm', '-i', '--network', 'none', ground().image, 'wc', '-c'], text);
      assert.equal(counted.stdout.trim(), String(text.length));
    });

    test('create, start -a, ps, inspect, rename, port, rm', async () => {
      const id = await ok('create', '--name', 'made', '--label', 'a=b', '-e', 'X=1', '--network', 'none', ground().image, 'sh', '-c', 'echo $X; exit 3');
      assert.match(id, /^[0-9a-f]{64}$/);
      assert.equal(await ok('ps', '-a', '--filter', 'label=a=b', '--format', '{{.Names}} {{.Status}} {{.Image}}'), `made Created ${ground().image}`);
      const started = await docker('start', '-a', 'made');
      assert.deepEqual([started.code, started.stdout], [3, '1\n']);
      assert.match(await ok('ps', '-a', '--filter', 'name=made', '--format', '{{.Status}}'), /^Exited \(3\) .* ago$/);
      assert.equal(await ok('inspect', '-f', '{{.State.ExitCode}} {{.State.Status}} {{.Path}} {{len .Args}} {{.Config.Labels.a}}', 'made'), '3 exited sh 2 b');
      await ok('rename', 'made', 'renamed');
      assert.equal(await ok('inspect', '-f', '{{.Name}} {{.Id}}', 'renamed'), `/renamed ${id}`);
      assert.equal(await ok('port', 'renamed'), '');
      assert.equal(await ok('rm', 'renamed'), 'renamed');
      const missing = await docker('rm', 'renamed');
      assert.deepEqual([missing.code, missing.stderr.trim()], [1, 'Error response from daemon: No such container: renamed']);
    });

    test('a name that is taken, a container that runs, one that does not: docker’s words', async () => {
      const id = await background('taken');
      const again = await docker('create', '--name', 'taken', ground().image, 'true');
      assert.match(
        again.stderr,
        new RegExp(`Conflict. The container name "/taken" is already in use by container "${id}". You have to remove \\(or rename\\) that container`),
      );
      assert.match(
        (await docker('rm', 'taken')).stderr,
        /cannot remove container "taken": container is running: stop the container before removing or force remove/,
      );
      await ok('kill', 'taken');
      assert.equal(await ok('wait', 'taken'), '137');
      assert.match((await docker('kill', 'taken')).stderr, /[Cc]annot kill container: taken: container [0-9a-f]{64} is not running/);
      assert.match((await docker('exec', 'taken', 'true')).stderr, /container [0-9a-f]{64} is not running/);
      assert.equal(await ok('stop', 'taken'), 'taken');
      await ok('rm', 'taken');
    });

    test('exec: output, codes, input, environment, user, directory, detached', async () => {
      await background('execs');
      assert.equal(await ok('exec', '-e', 'A=b', '-w', '/tmp', '-u', '1:2', 'execs', 'sh', '-c', 'echo $A $(pwd) $(id -u):$(id -g)'), 'b /tmp 1:2');
      assert.equal((await docker('exec', 'execs', 'sh', '-c', 'exit 9')).code, 9);
      assert.equal((await docker('exec', 'execs', 'no-such-program')).code, 127);
      assert.equal((await ground().docker(['exec', '-i', 'execs', 'cat'], 'through')).stdout, 'through');
      await ok('exec', '-d', 'execs', 'touch', '/made');
      await until('the detached one has run', async () => (await docker('exec', 'execs', 'test', '-e', '/made')).code === 0);
      await ok('rm', '-f', 'execs');
    });

    test('stop and restart, with signals and timeouts; pause', async () => {
      await background('stops', 'trap "echo got TERM; exit 4" TERM; echo ready; while :; do sleep 0.1; done');
      await until('it is ready', async () => (await ok('logs', 'stops')) === 'ready');
      await ok('stop', 'stops');
      assert.equal(await ok('inspect', '-f', '{{.State.ExitCode}}', 'stops'), '4');
      assert.equal(await ok('logs', 'stops'), 'ready\ngot TERM');
      await ok('restart', '-t', '0', 'stops');
      assert.equal(await ok('inspect', '-f', '{{.State.Running}}', 'stops'), 'true');
      await ok('pause', 'stops');
      assert.match(await ok('ps', '--filter', 'name=stops', '--format', '{{.Status}}'), /^Up .*\(Paused\)$/);
      assert.match((await docker('exec', 'stops', 'true')).stderr, /is paused, unpause the container before exec/i);
      await ok('unpause', 'stops');
      await ok('rm', '-f', 'stops');
      await background('deaf', 'trap "" TERM; while :; do sleep 0.1; done');
      await ok('stop', '-t', '0', 'deaf');
      assert.equal(await ok('inspect', '-f', '{{.State.ExitCode}}', 'deaf'), '137');
      await ok('rm', 'deaf');
    });

    test('logs: tail, timestamps, both streams, since and until, follow to the end', async () => {
      await background('logs', 'echo out 1; sleep 0.1; for i in 2 3 4; do echo out $i; done; echo err >&2; sleep 1; echo late');
      const followed = await docker('logs', '-f', 'logs');
      assert.equal(followed.stdout, 'out 1\nout 2\nout 3\nout 4\nlate\n');
      assert.equal(followed.stderr, 'err\n');
      assert.equal(await ok('logs', '-n', '1', 'logs'), 'late');
      assert.match(await ok('logs', '-t', '-n', '1', 'logs'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z late$/);
      const from = (await ok('logs', '-t', '-n', '1', 'logs')).split(' ')[0]!;
      assert.equal(await ok('logs', '--since', from, 'logs'), 'late');
      const first = (await docker('logs', '-t', 'logs')).stdout.split(' ')[0]!;
      assert.equal((await docker('logs', '--until', first, 'logs')).stdout, 'out 1\n');
      await ok('rm', 'logs');
    });

    test('cp both ways, diff, commit, export', async () => {
      const { folder } = ground();
      await background('files');
      writeFileSync(`${folder}/in.txt`, 'content');
      mkdirSync(`${folder}/tree/sub`, { recursive: true });
      writeFileSync(`${folder}/tree/sub/deep`, 'deep');
      await ok('cp', `${folder}/in.txt`, 'files:/root.txt');
      await ok('cp', `${folder}/tree`, 'files:/copied');
      assert.equal(await ok('exec', 'files', 'cat', '/root.txt', '/copied/sub/deep'), 'contentdeep');
      await ok('cp', 'files:/copied', `${folder}/back`);
      assert.equal(readFileSync(`${folder}/back/sub/deep`, 'utf8'), 'deep');
      assert.match((await docker('cp', 'files:/no-such', folder)).stderr, /Could not find the file \/no-such in container/);
      const changes = (await ok('diff', 'files')).split('\n');
      for (const line of ['A /root.txt', 'A /copied', 'A /copied/sub', 'A /copied/sub/deep']) assert.ok(changes.includes(line), `${line} in ${changes.join()}`);
      const image = await ok('commit', '-m', 'made by a test', '-c', 'CMD ["cat", "/root.txt"]', 'files', 'committed:1');
      assert.match(image, /^sha256:[0-9a-f]{64}$/);
      assert.equal(await ok('run', '--rm', '--network', 'none', 'committed:1'), 'content');
      await ok('export', '-o', `${folder}/export.tar`, 'files');
      assert.match((await run('tar', ['-tf', `${folder}/export.tar`])).stdout, /^copied\/sub\/deep$/m);
      await ok('rm', '-f', 'files');
      await ok('rmi', 'committed:1');
    });

    test('top, stats, update', async () => {
      await background('watched', 'exec sleep 300', '-m', '64m');
      assert.match(await ok('top', 'watched'), /^UID +PID +PPID .*\n.*sleep 300$/);
      assert.match(await ok('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}} {{.MemUsage}}', 'watched'), /^watched 1 \S+ \/ 64MiB$/);
      await ok('update', '-m', '128m', '--memory-swap', '256m', '--restart', 'no', 'watched');
      assert.equal(await ok('inspect', '-f', '{{.HostConfig.Memory}}', 'watched'), String(128 << 20));
      await ok('rm', '-f', 'watched');
    });

    test('health checks', async () => {
      await background('healthy', 'exec sleep 300', '--health-cmd', 'test -e /ok', '--health-interval', '100ms', '--health-retries', '1');
      await until('it is unhealthy', async () => (await ok('inspect', '-f', '{{.State.Health.Status}}', 'healthy')) === 'unhealthy');
      await ok('exec', 'healthy', 'touch', '/ok');
      await until('it is healthy', async () => (await ok('inspect', '-f', '{{.State.Health.Status}}', 'healthy')) === 'healthy');
      assert.match(await ok('ps', '--filter', 'health=healthy', '--format', '{{.Names}} {{.Status}}'), /^healthy Up .* \(healthy\)$/);
      await ok('rm', '-f', 'healthy');
    });

    test('restart policies', async () => {
      await background('again', 'exit 1', '--restart', 'on-failure:2');
      await until('it has been tried three times', async () => (await ok('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', 'again')) === '2 exited');
      await ok('rm', 'again');
    });

    test('events and system: what happened is told; df, info, version', async () => {
      const since = String(Date.now() / 1000);
      await ok('run', '--rm', '--name', 'told', '--network', 'none', ground().image, 'true');
      const until1 = String(Date.now() / 1000 + 0.5);
      const events = await ok('events', '--since', since, '--until', until1, '--filter', 'container=told', '--format', '{{.Action}}');
      assert.deepEqual(
        events.split('\n').filter((action) => ['create', 'start', 'die', 'destroy'].includes(action)),
        ['create', 'start', 'die', 'destroy'],
      );
      assert.match(await ok('system', 'df'), /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages/);
      assert.match(await ok('info', '--format', '{{.ServerVersion}} {{.OSType}}'), /^\S+ linux$/);
      assert.match(await ok('version', '--format', '{{.Server.APIVersion}}'), /^1\.\d+$/);
    });

    test('flags reach the program', async () => {
      const { folder } = ground();
      writeFileSync(`${folder}/env`, 'FROM_FILE=yes\n# no\n');
      mkdirSync(`${folder}/bound`, { recursive: true });
      writeFileSync(`${folder}/bound/file`, 'bound');
      const flags = [
        '--hostname',
        'named',
        '--env-file',
        `${folder}/env`,
        '-w',
        '/tmp',
        '-u',
        '7:8',
        '--read-only',
        '--tmpfs',
        '/scratch',
        '-v',
        `${folder}/bound:/b:ro`,
      ];
      const out = await sh(
        'hostname; echo $FROM_FILE; pwd; id -u; touch /x 2>&1 | grep -c Read-only; touch /scratch/y && echo scratch; cat /b/file; touch /b/no 2>/dev/null || echo ro',
        ...flags,
      );
      assert.deepEqual(out.split('\n'), ['named', 'yes', '/tmp', '7', '1', 'scratch', 'boundro']);
      assert.equal(await sh('cat /proc/sys/kernel/shmmax; ulimit -n', '--sysctl', 'kernel.shmmax=12345678', '--ulimit', 'nofile=123:123'), '12345678\n123');
      assert.match(await sh('grep CapEff /proc/self/status', '--cap-drop', 'ALL'), /0000000000000000$/);
      assert.equal(await sh('cat /proc/1/comm', '--init'), 'docker-init');
    });

    test('prune', async () => {
      await ok('create', '--name', 'stale', '--network', 'none', ground().image, 'true');
      assert.match(await ok('container', 'prune', '-f'), /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: /);
      assert.equal(await ok('ps', '-aq'), '');
    });

    test('volumes: create, ls, inspect, run with them, in use, rm -v, prune', async () => {
      assert.equal(await ok('volume', 'create', '--label', 'session=1', 'kept'), 'kept');
      assert.equal(
        await ok('volume', 'ls', '--filter', 'label=session=1', '--format', '{{.Name}} {{.Driver}} {{.Scope}} {{.Label "session"}}'),
        'kept local local 1',
      );
      assert.equal(await ok('volume', 'inspect', '-f', '{{.Name}} {{.Driver}} {{len .Labels}}', 'kept'), 'kept local 1');
      await sh('echo text > /v/file', '-v', 'kept:/v');
      assert.equal(await sh('cat /w/file; touch /w/x 2>/dev/null || echo read-only', '--mount', 'type=volume,src=kept,dst=/w,readonly'), 'text\nread-only');
      assert.equal(await sh('ls /etc2; cat /etc2/os-release | head -1', '-v', 'kept:/etc2'), 'file');
      const copied = await sh('cat /home/guest/../../etc/passwd | head -1; stat -c %u /home/guest', '-v', 'copied:/home');
      assert.equal(copied, 'root:x:0:0:root:/root:/bin/sh\n1000');
      await ok('run', '--name', 'holder', '--network', 'none', '-v', 'kept:/v', '-v', '/anonymous', ground().image, 'true');
      assert.match((await docker('volume', 'rm', 'kept')).stderr, /remove kept: volume is in use - \[[0-9a-f]{64}\]/);
      assert.equal(await ok('ps', '-a', '--filter', 'volume=kept', '--format', '{{.Names}} {{.LocalVolumes}}'), 'holder 2');
      assert.equal(await sh('cat /v/file; grep -c " /anonymous " /proc/self/mountinfo', '--volumes-from', 'holder:ro'), 'text\n1');
      const anonymous = await ok('inspect', '-f', '{{range .Mounts}}{{if eq .Destination "/anonymous"}}{{.Name}}{{end}}{{end}}', 'holder');
      assert.equal(await ok('volume', 'ls', '-q', '--filter', `name=${anonymous}`), anonymous);
      await ok('rm', '-v', 'holder');
      assert.equal(await ok('volume', 'ls', '-q', '--filter', `name=${anonymous}`), '');
      await ok('volume', 'create', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=64k', 'memory');
      assert.equal(await sh('df /m | tail -1 | { read a b c; echo $b; }', '-v', 'memory:/m'), '64');
      assert.match((await docker('volume', 'create', 'a/b')).stderr, /includes invalid characters for a local volume name/);
      assert.match(await ok('system', 'df', '-v'), /kept +0 +5B/);
      assert.match(await ok('volume', 'prune', '-f', '-a', '--filter', 'label=session'), /^Deleted Volumes:\nkept\n\nTotal reclaimed space: 5B$/);
      assert.equal(await ok('volume', 'rm', 'memory', 'copied'), 'memory\ncopied');
      assert.match((await docker('volume', 'inspect', 'kept')).stderr, /no such volume/);
    });

    test('an image, mounted; part of a volume', async () => {
      assert.equal(
        await sh('cat /i/etc/passwd | head -1; touch /i/x 2>/dev/null || echo read-only', '--mount', `type=image,src=${ground().image},dst=/i`),
        'root:x:0:0:root:/root:/bin/sh\nread-only',
      );
      await sh('mkdir -p /v/a/b; echo deep > /v/a/b/f', '-v', 'parts:/v');
      assert.equal(await sh('cat /p/f; ls -A /p', '--mount', 'type=volume,src=parts,dst=/p,volume-subpath=a/b'), 'deep\nf');
      assert.notEqual((await docker('run', '--rm', '--mount', 'type=volume,src=parts,dst=/p,volume-subpath=none', ground().image, 'true')).code, 0);
      await ok('volume', 'rm', 'parts');
    });
  });
}
