/** Testcontainers for Node on our daemon: what it does without published ports, networks of its own, and Ryuk. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, test, type TestContext } from 'node:test';
import type { StartedTestContainer } from 'testcontainers';
import { daemonForAll } from '../support/daemon.ts';
import { runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const daemon = await daemonForAll();
const folder = tempFor({ after });
// read when it is loaded; the user's settings, passwords and lock files are none of this test's
for (const name of Object.keys(process.env)) if (/^(DOCKER|TESTCONTAINERS|TC)_/.test(name)) delete process.env[name];
Object.assign(process.env, { HOME: folder, TMPDIR: folder, DOCKER_CONFIG: folder, DOCKER_HOST: daemon.host, TESTCONTAINERS_RYUK_DISABLED: 'true' });
const { GenericContainer, PullPolicy, Wait, getContainerRuntimeClient } = await import('testcontainers');

const FOREVER = 'trap "exit 5" TERM; while :; do sleep 0.1; done';

function container(script: string) {
  return new GenericContainer('busybox').withNetworkMode('none').withCommand(['sh', '-c', script]).withStartupTimeout(30_000);
}

/** Every container of the daemon goes at the end of the test, also when it fails. */
function cleaned(t: TestContext): void {
  t.after(async () => {
    for (const id of await ids()) await daemon.api.delete(`/v1.51/containers/${id}?force=1`);
  });
}

async function ids(): Promise<string[]> {
  const { json } = await daemon.api.get('/v1.51/containers/json?all=1');
  return (json as { Id: string }[]).map(({ Id }) => Id);
}

async function inspect(started: { getId(): string }) {
  const { json } = await daemon.api.get(`/v1.51/containers/${started.getId()}/json`);
  return json as { State: { Status: string; ExitCode: number; Health?: { Status: string } }; Config: { Env: string[]; Labels: Record<string, string> } };
}

/** A file's text out of what `copyArchiveFromContainer` gives. */
async function fileIn(stream: NodeJS.ReadableStream, path: string): Promise<string> {
  writeFileSync(`${folder}/copied.tar`, await buffer(stream as NodeJS.ReadableStream & AsyncIterable<Uint8Array>));
  return (await runOk('tar', ['--extract', '--to-stdout', '--file', `${folder}/copied.tar`, path])).stdout;
}

/** The lines that a container that has ended, or the first `count` that a running one, has written. */
async function firstLines(started: StartedTestContainer, count: number): Promise<string[]> {
  const stream = await started.logs();
  let said = '';
  for await (const chunk of stream) {
    said += String(chunk);
    if (said.split('\n').length > count) break;
  }
  return said.split('\n').slice(0, count);
}

test('it finds the daemon and knows what it is', async () => {
  const { info } = await getContainerRuntimeClient();
  assert.equal(info.containerRuntime.remoteSocketPath, daemon.socket);
  assert.equal(info.containerRuntime.operatingSystemType, 'linux');
  assert.equal(info.containerRuntime.indexServerAddress, 'https://index.docker.io/v1/');
  assert.ok(info.containerRuntime.cpus! > 0 && info.containerRuntime.memory! > 0);
});

test('a message in the log is waited for: command, environment, labels, working folder, user', async (t) => {
  cleaned(t);
  const started = await container(`echo "$GREETING from $(pwd) as $(id -u)"; sleep 0.3; echo ready >&2; ${FOREVER}`)
    .withEnvironment({ GREETING: 'hello', EMPTY: '' })
    .withLabels({ 'a.label': 'its value' })
    .withWorkingDir('/tmp')
    .withUser('1000:1000')
    .withWaitStrategy(Wait.forLogMessage(/^ready$/))
    .start();
  assert.deepEqual(await firstLines(started, 2), ['hello from /tmp as 1000', 'ready']);
  assert.equal(started.getLabels()['a.label'], 'its value');
  assert.deepEqual(started.getNetworkNames(), ['none']);
  assert.match(started.getHostname(), /^[0-9a-f]{12}$/);
  assert.match(started.getName(), /^\/[a-z]+_[a-z]+$/);
  assert.ok((await inspect(started)).Config.Env.includes('EMPTY='));
  await started.stop();
  assert.deepEqual(await ids(), []);
});

test('a message that comes more than once, and one that never comes', async (t) => {
  cleaned(t);
  const thrice = await container(`for i in 1 2 3; do echo tick $i; sleep 0.1; done; ${FOREVER}`).withWaitStrategy(Wait.forLogMessage('tick', 3)).start();
  assert.deepEqual(await firstLines(thrice, 3), ['tick 1', 'tick 2', 'tick 3']);
  await assert.rejects(
    container('echo something else').withWaitStrategy(Wait.forLogMessage('never')).start(),
    /Log stream ended and message "never" was not received/,
  );
});

test('a health check is waited for, and one that fails is an error', async (t) => {
  cleaned(t);
  const healthy = await container(`sleep 0.5; touch /tmp/well; ${FOREVER}`)
    .withHealthCheck({ test: ['CMD-SHELL', 'test -f /tmp/well'], interval: 200, timeout: 5000, retries: 50, startPeriod: 0 })
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
  assert.equal((await inspect(healthy)).State.Health?.Status, 'healthy');
  assert.equal((await healthy.exec(['test', '-f', '/tmp/well'])).exitCode, 0);
  // with no strategy named, a health check is one
  const sick = container(FOREVER).withHealthCheck({ test: ['CMD', 'false'], interval: 100, timeout: 5000, retries: 2 });
  await assert.rejects(sick.start(), /Health check failed: unhealthy/);
});

test('a command that succeeds, one shot, and several strategies at once', async (t) => {
  cleaned(t);
  const both = Wait.forAll([Wait.forSuccessfulCommand('test -f /tmp/there'), Wait.forLogMessage('made')]);
  const started = await container(`sleep 0.3; touch /tmp/there; echo made; ${FOREVER}`).withWaitStrategy(both).start();
  assert.equal((await inspect(started)).State.Status, 'running');
  const shot = await container('echo done').withWaitStrategy(Wait.forOneShotStartup()).start();
  assert.equal(await text(await shot.logs()), 'done\n');
  await assert.rejects(container('exit 3').withWaitStrategy(Wait.forOneShotStartup()).start(), /Container failed to start/);
});

test('files, folders, text and archives are there when it starts, and are added and read later', async (t) => {
  cleaned(t);
  mkdirSync(`${folder}/tree/below`, { recursive: true });
  writeFileSync(`${folder}/tree/below/leaf`, 'a leaf');
  writeFileSync(`${folder}/one`, 'a file');
  const started = await container(`cat /data/one /data/text /data/tree/below/leaf; stat -c %a /data/text; echo ready; ${FOREVER}`)
    .withCopyFilesToContainer([{ source: `${folder}/one`, target: '/data/one' }])
    .withCopyDirectoriesToContainer([{ source: `${folder}/tree`, target: '/data/tree' }])
    .withCopyContentToContainer([{ content: ', text, ', target: '/data/text', mode: 0o640 }])
    .withWaitStrategy(Wait.forLogMessage('ready'))
    .start();
  assert.deepEqual(await firstLines(started, 2), ['a file, text, a leaf640', 'ready']);

  await started.copyContentToContainer([{ content: 'later', target: '/data/later' }]);
  await started.copyFilesToContainer([{ source: `${folder}/one`, target: '/data/again', mode: 0o755 }]);
  await started.copyDirectoriesToContainer([{ source: `${folder}/tree`, target: '/other' }]);
  const listed = await started.exec(['sh', '-c', 'cat /data/later; stat -c %a /data/again; ls /other/below']);
  assert.equal(listed.output, 'later755\nleaf\n');

  assert.equal(await fileIn(await started.copyArchiveFromContainer('/data/later'), 'later'), 'later');
  assert.equal(await fileIn(await started.copyArchiveFromContainer('/data'), 'data/tree/below/leaf'), 'a leaf');
  await started.copyArchiveToContainer(Readable.from(await started.copyArchiveFromContainer('/data')), '/tmp');
  assert.equal((await started.exec(['cat', '/tmp/data/again'])).output, 'a file');
  await assert.rejects(started.copyArchiveFromContainer('/nothing'), { statusCode: 404 });

  const stopped = await started.stop({ remove: false });
  assert.equal(await fileIn(await stopped.copyArchiveFromContainer('/other'), 'other/below/leaf'), 'a leaf');
});

test('exec: both streams, exit code, environment, folder, user; a program that is not there', async (t) => {
  cleaned(t);
  const started = await container(`echo up; ${FOREVER}`).withWaitStrategy(Wait.forLogMessage('up')).start();
  const result = await started.exec(['sh', '-c', 'echo "$A in $(pwd) as $(id -un)"; echo bad >&2; exit 7'], {
    env: { A: 'b c' },
    workingDir: '/var/tmp',
    user: 'guest',
  });
  assert.deepEqual([result.exitCode, result.stdout, result.stderr], [7, 'b c in /var/tmp as guest\n', 'bad\n']);
  const long = await started.exec('seq 1 50000');
  assert.equal(long.stdout.trimEnd().split('\n').length, 50_000);
  const missing = await started.exec(['nothing-like-this']);
  assert.equal(missing.exitCode, 127);
  assert.match(missing.output, /executable file not found in \$PATH/);
});

test('resources, a tmpfs, capabilities, extra hosts, limits and shared memory', async (t) => {
  cleaned(t);
  const started = await container(
    `grep -w example /etc/hosts; df -k /dev/shm | tail -1 | awk '{print $2}'; ulimit -n; grep CapEff /proc/self/status; ${FOREVER}`,
  )
    .withNetworkMode('host')
    .withExtraHosts([{ host: 'example', ipAddress: '10.1.2.3' }])
    .withSharedMemorySize(8 * 1024 * 1024)
    .withUlimits({ nofile: { hard: 1234, soft: 1000 } })
    .withDroppedCapabilities('ALL')
    .withAddedCapabilities('NET_ADMIN')
    .withTmpFs({ '/scratch': 'rw,noexec,size=1m' })
    .withResourcesQuota({ memory: 0.0625, cpu: 0.5 })
    .withWaitStrategy(Wait.forLogMessage('CapEff'))
    .start();
  const lines = await firstLines(started, 4);
  assert.deepEqual(
    lines.map((line) => line.replaceAll(/\s+/g, ' ')),
    ['10.1.2.3 example', '8192', '1000', 'CapEff: 0000000000001000'],
  );
  assert.match((await started.exec(['grep', '/scratch', '/proc/mounts'])).stdout, /^tmpfs \/scratch tmpfs rw,.*noexec.*size=1024k/);
});

test('a container to reuse: the same one is given again, running or stopped', async (t) => {
  cleaned(t);
  const wanted = () => container(`echo up; ${FOREVER}`).withLabels({ reused: 'yes' }).withWaitStrategy(Wait.forLogMessage('up')).withReuse();
  const first = await wanted().start();
  const second = await wanted().start();
  assert.equal(second.getId(), first.getId());
  const other = await wanted().withEnvironment({ A: 'b' }).start();
  assert.notEqual(other.getId(), first.getId());
  await first.stop({ remove: false });
  const third = await wanted().start();
  assert.equal(third.getId(), first.getId());
  assert.equal((await inspect(third)).State.Status, 'running');
});

test('restart waits for what is said after it; stop gives the time that is asked for', async (t) => {
  cleaned(t);
  const started = await container(`echo here >> /tmp/starts; echo started; ${FOREVER}`).withWaitStrategy(Wait.forLogMessage('started')).start();
  await started.restart({ timeout: 10_000 });
  await started.exec(['sh', '-c', 'echo between >> /tmp/starts']);
  await started.restart();
  assert.equal((await started.exec(['cat', '/tmp/starts'])).output, 'here\nhere\nbetween\nhere\n');
  assert.deepEqual(await firstLines(started, 3), ['started', 'started', 'started']);
  await started.stop({ remove: false, timeout: 20_000 });
  assert.deepEqual([(await inspect(started)).State.Status, (await inspect(started)).State.ExitCode], ['exited', 5]);
});

test('commit: an image of a running container, from which another starts', async (t) => {
  cleaned(t);
  const started = await container(`echo kept > /kept; echo up; ${FOREVER}`).withWaitStrategy(Wait.forLogMessage('up')).start();
  const id = await started.commit({ repo: 'committed', tag: 'one', changes: ['ENV MADE=here'], deleteOnExit: false });
  t.after(() => daemon.api.delete('/v1.51/images/committed:one'));
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  const again = new GenericContainer('committed:one').withNetworkMode('none').withCommand(['sh', '-c', 'cat /kept; echo $MADE']);
  assert.equal(await text(await (await again.withWaitStrategy(Wait.forOneShotStartup()).start()).logs()), 'kept\nhere\n');
});

test('a container that leaves its block goes, and an image that is nowhere is an error', async (t) => {
  cleaned(t);
  {
    await using started = await container(FOREVER).withPullPolicy(PullPolicy.neverPull()).withWaitStrategy(Wait.forSuccessfulCommand('true')).start();
    assert.deepEqual(await ids(), [started.getId()]);
  }
  assert.deepEqual(await ids(), []);
  const absent = new GenericContainer('absent:1').withPullPolicy(PullPolicy.neverPull());
  await assert.rejects(absent.start(), /Image "absent:1" does not exist locally/);
});
