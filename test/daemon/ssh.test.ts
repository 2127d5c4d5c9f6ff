/** A daemon on another machine, by ssh. The ssh here is a script: it writes down what it is asked, and its machine is this one. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { dockerClient, noDockerClient } from '../support/docker-client.ts';
import { kobako } from '../support/kobako.ts';
import { projectDir } from '../support/paths.ts';
import { run } from '../support/run.ts';

// before there is a test: while a file waits between two of them, those before may end, and with them what all share
const skip = (await noDockerClient()) ?? false;

const SSH = `#!/bin/sh
printf '%s|' "$@" >> "$0.log"; echo >> "$0.log"
while [ "$1" != -- ]; do shift; done
echo 'Warning: said by ssh' >&2
[ "$2" = nobody ] && { echo 'ssh: connect to host nobody port 22: Connection refused' >&2; exit 255; }
PATH="\${0%/*}/there:$PATH" exec sh -c "$3"
`;

/** `there`: what that machine has, by its name. */
async function ground(t: TestContext, there = 'kobako') {
  const daemon = await daemonFor(t);
  const bin = `${daemon.folder}/bin`;
  mkdirSync(`${bin}/there`, { recursive: true });
  writeFileSync(`${bin}/ssh`, SSH, { mode: 0o755 });
  symlinkSync(`${projectDir}/bin/kobako`, `${bin}/there/${there}`);
  const env = { ...daemon.env, DOCKER_HOST: '', PATH: `${bin}:/usr/bin:/bin:/usr/sbin:/sbin` };
  const asked = () => readFileSync(`${bin}/ssh.log`, 'utf8').trimEnd().split('\n');
  const on = (url: string, args: readonly string[], input?: string) => kobako(['-H', url, ...args], { env, ...(input === undefined ? {} : { input }) });
  return { daemon, env, asked, on };
}

/** None of the connections' programs is left. */
async function nothingLeft({ folder }: TestDaemon): Promise<void> {
  assert.equal((await run('pgrep', ['-f', `${folder}/bin`])).stdout, '');
}

test('commands, streams both ways and exit codes', async (t) => {
  const { daemon, asked, on } = await ground(t);
  const url = `ssh://me@box:2222${daemon.socket}`;
  const listed = await on(url, ['images', '-q']);
  assert.match(listed.stdout, /^[0-9a-f]{12}\n$/, listed.stderr);
  const command = `exec kobako --host 'unix://${daemon.socket}' system dial-stdio`;
  assert.match(asked()[0]!, /^-l\|me\|-p\|2222\|-o\|ConnectTimeout=30\|-T\|--\|box\|if command -v kobako/);
  assert.ok(asked()[0]!.includes(command), asked()[0]);
  const ran = await on(url, ['run', '--rm', '-i', '--network', 'none', 'busybox', 'sh', '-c', 'cat; echo err >&2; exit 7'], 'in and out');
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [7, 'in and out', 'err\n']);
  await nothingLeft(daemon);
});

test('without a path it is that machine’s own daemon; one that has only docker is asked by that', async (t) => {
  const { daemon, asked, on } = await ground(t, 'docker');
  const { stdout, stderr } = await on('ssh://box', ['images', '-q']);
  // which it has not, here: none is started
  assert.deepEqual([stdout, /there is no daemon/.test(stderr)], ['', true], stderr);
  assert.match(asked()[0]!, /else exec docker system dial-stdio; fi\|$/);
  const there = await on(`ssh://box${daemon.socket}`, ['images', '-q']);
  assert.match(there.stdout, /^[0-9a-f]{12}\n$/, there.stderr);
  await nothingLeft(daemon);
});

test('the docker command comes the same way, where kobako stands for docker', { skip }, async (t) => {
  const { daemon, env, asked } = await ground(t, 'docker');
  const { program, config } = await dockerClient(daemon.folder);
  const docker = (args: readonly string[], input?: string) =>
    run(program, ['-H', `ssh://box${daemon.socket}`, ...args], { env: { ...env, DOCKER_CONFIG: config }, ...(input === undefined ? {} : { input }) });
  const ran = await docker(['run', '--rm', '-i', '--network', 'none', 'busybox', 'sh', '-c', 'cat; exit 7'], 'in and out');
  assert.deepEqual([ran.code, ran.stdout], [7, 'in and out'], ran.stderr);
  assert.match(asked()[0]!, /\|docker .*system dial-stdio\|$/);
  await nothingLeft(daemon);
});

test('a machine that cannot be reached: in ssh’s words', async (t) => {
  const { daemon, on } = await ground(t);
  for (const args of [['ps'], ['run', '-i', 'busybox', 'true']]) {
    const { code, stderr } = await on('ssh://nobody', args);
    assert.ok(code === 1 || code === 125, `${code}`);
    assert.match(stderr, /error during connect: ssh:\/\/nobody: exit status 255: .*ssh: connect to host nobody port 22: Connection refused/s);
  }
  await nothingLeft(daemon);
});
