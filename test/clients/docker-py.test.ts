/** docker-py, Debian's with Debian's Python, on our daemon. docker-py.py says what it sees; with dockerd 28 it sees the same, but where noted. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { daemonForAll } from '../support/daemon.ts';
import { debs } from '../support/debs.ts';
import { projectDir } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const [TRIPLET, LOADER] = process.arch === 'arm64' ? ['aarch64-linux-gnu', 'lib/ld-linux-aarch64.so.1'] : ['x86_64-linux-gnu', 'lib64/ld-linux-x86-64.so.2'];

const daemon = await daemonForAll();
const said = await seen();

async function seen(): Promise<Readonly<Record<string, readonly unknown[]>>> {
  const tree = await debs(['python3-docker'], { dependencies: true });
  const python = readdirSync(`${tree}/usr/bin`).find((name) => /^python3\.\d+$/.test(name))!;
  const libraries = [`${tree}/usr/lib/${TRIPLET}`, `${tree}/lib/${TRIPLET}`].join(':');
  const env = {
    PATH: process.env['PATH'],
    HOME: tempFor({ after }),
    DOCKER_HOST: daemon.host,
    PYTHONHOME: `${tree}/usr`,
    PYTHONPATH: `${tree}/usr/lib/python3/dist-packages`,
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const script = `${projectDir}/test/clients/docker-py.py`;
  const { code, stdout, stderr } = await run(`${tree}/${LOADER}`, ['--library-path', libraries, `${tree}/usr/bin/${python}`, script], {
    env,
    timeoutMs: 120_000,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, unknown[]]),
  );
}

function saw(name: string, title: string, expected: readonly unknown[]): void {
  test(`docker-py: ${title}`, () => assert.deepEqual(said[name], expected));
}

saw('daemon', 'ping, version, info', [true, true, 'linux', 'linux', 0]);

saw('run_and_fail', 'run: output, both streams, an exit code as ContainerError, removed at the end', ['hello there\n', ['b', 'err'], [3, 'bad\n'], 0]);

saw('logs', 'logs: followed, each stream, with times, the last, since', [
  ['one', 'three', 'two'],
  { StatusCode: 0 },
  'one\nthree\n',
  'two\n',
  ['T', 'three\n'],
  '',
]);

saw('exec_run', 'exec: user, streams taken apart, folder, environment, stream, terminal, stdin over the socket, errors', [
  [0, 'guest\n'],
  [4, 'b /tmp\n', 'bad\n'],
  '1\n2\n3\n',
  '/dev/pts/0\r\n',
  [1, 'sent\n', false],
  127,
  ['APIError', 400, 'unable to find user nobody-like-this: no matching entries in passwd file'],
  ['NotFound', 404, `No such exec instance: ${'0'.repeat(64)}`],
]);

saw('archives', 'put_archive before the start, get_archive, diff, export', [
  true,
  ['first', 9, 0o640, ''],
  'the first',
  ['/tmp/first 640 9', '/tmp/second 640 1', ''],
  [
    ['/tmp', 0],
    ['/tmp/first', 1],
    ['/tmp/second', 1],
  ],
  '2',
  ['NotFound', 404],
  ['NotFound', 404],
]);

saw('events', 'events: a stream of one label, and those that were', [
  ['create', 'start', 'pause', 'unpause', 'rename', 'kill', 'die', 'destroy'],
  'renamed',
  'me',
  true,
  ['5', 1],
]);

saw('lists', 'containers.list and its filters', [
  ['one', 'two'],
  ['ended', 'one', 'two'],
  ['ended', 'one'],
  ['one'],
  ['ended'],
  ['ended'],
  ['two'],
  ['ended', 'one', 'two'],
  ['ended'],
  ['one'],
  ['one', 'two'],
  ['APIError', 400, "invalid filter 'wrong'"],
  true,
  `sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'`,
]);

saw('errors', 'errors.NotFound and its kin, status_code and explanation', [
  ['APIError', 409, 'Container ID is paused, unpause the container before exec'],
  ['NotFound', 404, 'No such container: absent'],
  [
    'APIError',
    409,
    'Conflict. The container name "/there" is already in use by container "ID". You have to remove (or rename) that container to be able to reuse that name.',
  ],
  ['APIError', 400, 'Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'],
  ['ImageNotFound', 404, 'No such image: absent:1'],
  ['APIError', 409, 'cannot remove container "ID": container is running: stop the container before removing or force remove'],
  // dockerd: 500
  ['APIError', 409, 'Container ID is not paused'],
  ['APIError', 400, 'cannot kill container: ID: invalid signal: NOTHING'],
  // dockerd: with the names of those that were asked before it
  ['APIError', 400, 'exec: "nothing-like-this": executable file not found in $PATH'],
  ['APIError', 400, 'Minimum memory limit allowed is 6MB'],
  ['NotFound', 404, 'network absent not found'],
]);

saw('options', 'limits, capabilities, mounts, health, stats, top, update', [
  [64 << 20, 500_000_000, 50, ['NET_ADMIN'], true, { Name: 'on-failure', MaximumRetryCount: 2 }, true],
  ['host', '1000', '100', 'touch: /x: Read-only file system', '2'],
  [true, true, true],
  [['PID', 'COMMAND'], true],
  128 << 20,
]);

saw('lifecycle', 'pause, unpause, restart, stop, start, kill, prune', [
  'created',
  ['paused', 0],
  ['running', 0],
  ['running', 0],
  ['exited', 5],
  ['running', 0],
  ['exited', 137],
  true,
  true,
]);

saw('stdin', 'the socket of attach, before the start', [1, 'to cat\n']);

saw('images', 'commit, tag, save, remove, load, history', [
  true,
  ['py:one', 'py:two'],
  'made\n',
  'ImageNotFound',
  ['py:one'],
  ['by docker-py', 'me'],
  ['py:one'],
]);
