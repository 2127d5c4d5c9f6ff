/** The data root's disk gets full in the middle of a build: it says so, leaves the store as it was, and goes through once there is room. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { built, buildOn, contextOf, noFaults, nothingAtWork } from '../support/daemon-builds.ts';
import { TestDaemon } from '../support/daemon.ts';
import { dockerClient, noDockerClient } from '../support/docker-client.ts';
import { fill } from '../support/full-disk.ts';
import { listing } from '../support/image-ground.ts';
import { until } from '../support/monitored.ts';
import { run, runOk } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const MB = 1 << 20;
const NO_ROOM = /no space left on device/i;

// before there is a test: while a file waits between two of them, those before may end, and with them what all share
const skip = (await noDockerClient()) ?? false;

const hooks: (() => void)[] = [];
const daemon = new TestDaemon(tempFor({ after: (hook) => void hooks.push(hook) }), []);
const ballast = `${daemon.dataRoot}/ballast`;

before(async () => {
  mkdirSync(daemon.dataRoot);
  await runOk('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'kobako-test', daemon.dataRoot]);
  await daemon.start();
  await daemon.importBusybox();
  // what is made once is there
  await built(daemon, contextOf('FROM busybox\nRUN true\nCOPY f /\n', { f: 'x' }));
});
after(async () => {
  await daemon.stop();
  await runOk('umount', [daemon.dataRoot]);
  rmSync(daemon.dataRoot, { recursive: true });
  for (const hook of hooks) hook();
});

let client: ReturnType<typeof dockerClient> | undefined;
const docker = () => (client ??= dockerClient(daemon.folder));

const free = () => {
  const { bavail, bsize } = statfsSync(daemon.dataRoot);
  return bavail * bsize;
};

/** It fails for want of room, and nothing of it is there. */
async function fails(body: Buffer): Promise<string> {
  const [files, room] = [listing(daemon.dataRoot), free()];
  const { text } = await buildOn(daemon, body);
  assert.doesNotMatch(text, /Successfully/);
  assert.match(text, NO_ROOM);
  await nothingAtWork(daemon);
  assert.deepEqual(listing(daemon.dataRoot), files);
  // what was open when it was removed is freed a moment later
  await until('all of its room is free again', () => room - free() < MB);
  assert.equal((await daemon.api.get('/_ping')).text, 'OK');
  noFaults(daemon);
  return text;
}

const write = (megabytes: number) => `dd if=/dev/urandom of=/big bs=1M count=${megabytes}`;
const few = (free: number) => Math.floor((free * 0.7) / MB);

test('RUN writes more than there is', async () => {
  assert.match(await fails(contextOf(`FROM busybox\nRUN ${write(60)}\n`)), /non-zero code: 1/);
});

test('what RUN has written does not fit a second time, as a layer', async () => {
  assert.match(await fails(contextOf(`FROM busybox\nRUN ${write(few(free()))}\n`)), /"error":".*no space left on device/);
});

test('the context does not fit; it fits, but not what COPY makes of it', async () => {
  await fails(contextOf('FROM busybox\nCOPY big /\n', { big: Buffer.alloc(60 * MB, 'x') }));
  await fails(contextOf('FROM busybox\nCOPY big /\n', { big: Buffer.alloc(few(free()) * MB, 'x') }));
});

test('there is no room at all: also for what is cached it is said', async () => {
  await nothingAtWork(daemon);
  fill(ballast);
  try {
    await fails(contextOf('FROM busybox\nRUN echo new > /new\n'));
    await fails(contextOf('FROM busybox\nCOPY g /\n', { g: Buffer.alloc(100_000, 'x') }));
  } finally {
    rmSync(ballast);
  }
});

test('the docker command: a context that does not fit, and one for which there is no room at all', { skip }, async () => {
  const { program, config } = await docker();
  const context = `${daemon.folder}/context`;
  mkdirSync(context);
  writeFileSync(`${context}/Dockerfile`, 'FROM busybox\nCOPY big /\n');
  writeFileSync(`${context}/big`, Buffer.alloc(60 * MB, 'x'));
  const env = { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: config };
  const refused = async () => {
    const { code, stderr } = await run(program, ['build', '--progress=plain', '--network=none', context], { env, timeoutMs: 60_000 });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /no space left on device: the context could not be kept/);
    assert.ok(!stderr.includes(daemon.dataRoot), stderr);
    await nothingAtWork(daemon);
    noFaults(daemon);
  };
  await refused();
  await daemon.api.post('/v1.51/build/prune');
  fill(ballast);
  await refused();
  rmSync(ballast);
});

test('the docker command: what was built does not fit a second time, on its way to the client’s folder', { skip }, async () => {
  const { program, config } = await docker();
  const context = `${daemon.folder}/exported`;
  mkdirSync(context);
  writeFileSync(`${context}/Dockerfile`, `FROM busybox\nRUN ${write(3)}\n`);
  const env = { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: config };
  const exported = () =>
    run(program, ['build', '--progress=plain', '--network=none', '--output', `type=local,dest=${context}/out`, context], { env, timeoutMs: 60_000 });
  assert.equal((await exported()).code, 0);
  fill(ballast);
  truncateSync(ballast, statSync(ballast).size - 2 * MB);
  const { code, stderr } = await exported();
  assert.equal(code, 1, stderr);
  assert.match(stderr, NO_ROOM);
  await nothingAtWork(daemon);
  noFaults(daemon);
  rmSync(ballast);
  assert.equal((await exported()).code, 0);
});

test('with room all of it goes through, and what was cached before still is', async () => {
  assert.match(await built(daemon, contextOf('FROM busybox\nRUN true\n')), /Successfully built/);
  assert.match(await built(daemon, contextOf(`FROM busybox\nRUN ${write(3)}\nCOPY big /copied\n`, { big: Buffer.alloc(3 * MB, 'x') })), /Successfully built/);
});
