/** Leases for clients that know nothing of them: testcontainers for Node as docs/leases.md has it, and the docker command. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { LEASE_LABEL } from '../../src/engine/leases-contract.ts';
import { daemonForAll } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { noPeers, peers } from '../support/peers.ts';
import { readUntil } from '../support/raw-http.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

const daemon = await daemonForAll();

const ids = async () => ((await daemon.api.get('/v1.51/containers/json?all=1')).json as { Id: string }[]).map(({ Id }) => Id);
const noLeases = async () => ((await daemon.api.get('/kobako/leases', { checked: false })).json as unknown[]).length === 0;

/** The program that the document shows. */
function recipe(): string {
  const [, code] = /```js\n(import [^]*?)```/.exec(readFileSync(`${projectDir}/docs/leases.md`, 'utf8'))!;
  return code!;
}

/** What a test suite does: a lease, two containers under it, and then its work. */
const SUITE = `
import { underLease } from './recipe.mjs';
import { GenericContainer, Wait } from 'testcontainers';

await underLease();
const container = () =>
  new GenericContainer('busybox').withNetworkMode('none')
    .withCommand(['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 1; done']).withWaitStrategy(Wait.forLogMessage('up'));
await Promise.all([container().start(), container().start()]);
console.log('working');
if (process.argv[2] === 'waits') await new Promise((resolve) => setTimeout(resolve, 600_000));
process.exitCode = 3;
`;

/** Its process, with nothing of this machine's settings. */
function suite(t: TestContext, ...args: string[]): { child: ChildProcess; said: () => string } {
  const folder = tempFor(t);
  symlinkSync(`${projectDir}/node_modules`, `${folder}/node_modules`);
  writeFileSync(`${folder}/recipe.mjs`, recipe());
  writeFileSync(`${folder}/suite.mjs`, SUITE);
  const env = { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, DOCKER_CONFIG: folder, DOCKER_HOST: daemon.host };
  const child = spawn(projectNode, [`${folder}/suite.mjs`, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...env, TESTCONTAINERS_RYUK_DISABLED: 'true' },
  });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  return { child, said: () => text };
}

test('testcontainers: the suite is killed, and its containers go', async (t) => {
  const bystander = await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } });
  t.after(() => daemon.api.delete(`/v1.51/containers/${bystander}?force=1`));
  const { child, said } = suite(t, 'waits');
  await until('it works', () => said() === 'working\n');
  assert.equal((await ids()).length, 3);
  child.kill('SIGKILL');
  await until('its containers have gone', async () => (await ids()).length === 1);
  assert.deepEqual(await ids(), [bystander]);
  await until('its lease has, too', noLeases);
});

test('testcontainers: the suite ends without stopping anything, with its own exit code', async (t) => {
  const { child, said } = suite(t);
  assert.deepEqual(await once(child, 'exit'), [3, null]);
  assert.equal(said(), 'working\n');
  await until('all has gone', async () => (await ids()).length === 0 && (await noLeases()));
});

test('docker: a label, or a header of all requests; a lease that has ended is no missing image', { skip: noPeers() ?? false }, async (t) => {
  const folder = tempFor(t);
  await peers(['clients', folder]);
  const docker = (args: readonly string[], config = folder) =>
    run(`${folder}/docker`, args, { env: { ...process.env, DOCKER_HOST: daemon.host, DOCKER_CONFIG: config } });
  const socket = connect(daemon.socket);
  t.after(() => socket.destroy());
  socket.write('POST /kobako/leases HTTP/1.1\r\nHost: d\r\n\r\n');
  const id = /"Id":"([0-9a-f]{32})"/.exec(await readUntil(socket, '}\n'))![1]!;
  const header = `${folder}/header`;
  mkdirSync(header);
  writeFileSync(`${header}/config.json`, JSON.stringify({ HttpHeaders: { 'X-Kobako-Lease': id } }));
  const background = ['run', '-d', '--network', 'none'];
  for (const result of [
    await docker([...background, '--label', `${LEASE_LABEL}=${id}`, 'busybox', 'sleep', '600']),
    await docker([...background, 'busybox', 'sleep', '600'], header),
  ])
    assert.deepEqual([result.code, result.stderr], [0, '']);
  assert.equal((await ids()).length, 2);
  socket.destroy();
  await until('both have gone', async () => (await ids()).length === 0);
  const late = await docker([...background, 'busybox', 'true'], header);
  assert.equal(late.code, 125);
  assert.match(late.stderr, new RegExp(`^docker: Error response from daemon: lease "${id}" has ended, or never was`));
});
