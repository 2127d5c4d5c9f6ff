/** The real docker command builds with the older builder's API. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { dockerClient, noDockerClient } from '../support/docker-client.ts';
import { daemonFor } from '../support/daemon.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const skip = await noDockerClient();

test('docker build with the older builder', { skip: skip ?? false }, async (t) => {
  const daemon = await daemonFor(t);
  const folder = tempFor(t);
  const { program, config } = await dockerClient(folder);
  const docker = (...args: readonly string[]) =>
    run(program, args, { timeoutMs: 60_000, env: { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: config, DOCKER_BUILDKIT: '0' } });
  const context = `${folder}/context`;
  mkdirSync(`${context}/sub`, { recursive: true });
  writeFileSync(`${context}/sub/a.txt`, 'a\n');
  writeFileSync(`${context}/left.out`, 'secret\n');
  symlinkSync('sub/a.txt', `${context}/link`);
  writeFileSync(`${context}/.dockerignore`, '*.out\n');
  const dockerfile =
    'FROM busybox AS base\nARG WHO=me\nRUN echo hello $WHO > /said\nFROM base\nCOPY . /app/\nCOPY --from=base /said /copied\nWORKDIR /app\nCMD ["cat", "/copied"]\n';
  writeFileSync(`${context}/Dockerfile`, dockerfile);

  const built = await docker('build', '-t', 'mine:1', '--build-arg', 'WHO=you', context);
  assert.equal(built.code, 0, built.stderr);
  assert.match(built.stdout, /^Step 1\/8 : FROM busybox AS base$/m);
  assert.match(built.stdout, /^Step 8\/8 : CMD \["cat", "\/copied"\]$/m);
  assert.match(built.stdout, /^Successfully built [0-9a-f]{12}$/m);
  assert.match(built.stdout, /^Successfully tagged mine:1$/m);
  assert.equal((await docker('run', '--rm', 'mine:1')).stdout, 'hello you\n');
  assert.equal((await docker('run', '--rm', 'mine:1', 'ls')).stdout, 'Dockerfile\nlink\nsub\n');

  const again = await docker('build', '-q', '-t', 'mine:2', '--build-arg', 'WHO=you', context);
  assert.match(again.stdout, /^sha256:[0-9a-f]{64}\n$/);
  const ids = await docker('images', '--no-trunc', '-q', 'mine');
  assert.deepEqual([...new Set(ids.stdout.trim().split('\n'))], [again.stdout.trim()], 'all of it was known');

  writeFileSync(`${context}/Dockerfile`, 'FROM busybox\nRUN exit 7\n');
  const failed = await docker('build', context);
  assert.equal(failed.code, 7);
  assert.match(failed.stderr, /The command '\/bin\/sh -c exit 7' returned a non-zero code: 7/);

  writeFileSync(`${context}/Dockerfile`, 'FROM busybox\nFOO bar\n');
  const wrong = await docker('build', context);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /dockerfile parse error on line 2: unknown instruction: FOO/);

  assert.match((await docker('builder', 'prune', '-f')).stdout, /Total reclaimed space: /);
});
