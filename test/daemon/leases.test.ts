/** Leases whose owners are killed, and whose daemon is. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { connectEngine } from '../../src/client/engine.ts';
import { LEASE_LABEL } from '../../src/engine/leases-contract.ts';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { nothingLeft } from '../support/daemon-state.ts';
import { until } from '../support/monitored.ts';
import { projectDir } from '../support/paths.ts';
import { readUntil } from '../support/raw-http.ts';

const NONE = { NetworkMode: 'none' };
const SLEEP = { Cmd: ['sleep', '600'], HostConfig: NONE };

const names = async (daemon: TestDaemon) => {
  const { json } = await daemon.api.get('/v1.51/containers/json?all=1');
  return (json as { Names: string[] }[]).map(({ Names }) => Names[0]!.slice(1)).toSorted();
};
const pidOf = async (daemon: TestDaemon, name: string) =>
  ((await daemon.api.get(`/v1.51/containers/${name}/json`)).json as { State: { Pid: number } }).State.Pid;
const leaseFiles = ({ dataRoot }: TestDaemon) => (existsSync(`${dataRoot}/leases`) ? readdirSync(`${dataRoot}/leases`) : []);
const leases = async (daemon: TestDaemon) => (await daemon.api.get('/kobako/leases', { checked: false })).json as { Id: string; State: string }[];

/** A command line of ours, which is killed with the test. */
function kobakoOf(t: TestContext, daemon: TestDaemon, args: readonly string[]): { child: ChildProcess; said: () => string } {
  const child = spawn(`${projectDir}/bin/kobako`, args, { stdio: ['pipe', 'pipe', 'inherit'], env: daemon.env });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout!.on('data', (chunk) => (text += String(chunk)));
  return { child, said: () => text };
}

/** A lease over a connection of its own. */
async function hold(t: TestContext, { socket: path }: TestDaemon, query = '') {
  const socket = connect(path).on('error', () => {});
  t.after(() => socket.destroy());
  socket.write(`POST /kobako/leases${query} HTTP/1.1\r\nHost: d\r\n\r\n`);
  const id = /"Id":"([0-9a-f]{32})"/.exec(await readUntil(socket, '}\n'))![1]!;
  return { socket, id, labels: { [LEASE_LABEL]: id } };
}

describe('everything that an application has', () => {
  test('goes with the lease: containers, the network that they are in, the volumes that they use', async (t) => {
    const daemon = await daemonFor(t);
    const lease = await hold(t, daemon);
    const headers = { 'X-Kobako-Lease': lease.id, 'Content-Type': 'application/json' };
    const made = async (path: string, body: object) => {
      const answer = await daemon.api.ask('POST', `/v1.51${path}`, { headers, body: Buffer.from(JSON.stringify(body)) });
      assert.equal(answer.status, 201, answer.text);
      return answer.json as { Id: string; Name: string };
    };
    await made('/networks/create', { Name: 'mine' });
    await made('/volumes/create', { Name: 'kept' });
    const HostConfig = { NetworkMode: 'mine', Binds: ['kept:/data', 'made-by-it:/more'] };
    const { Id } = await made('/containers/create', { Image: 'busybox', Cmd: ['sleep', '600'], HostConfig });
    assert.equal((await daemon.api.post(`/v1.51/containers/${Id}/start`)).status, 204);
    await daemon.api.post('/v1.51/networks/create', { Name: 'bystander' });
    lease.socket.destroy();
    const names = async () => ((await daemon.api.get('/v1.51/networks')).json as { Name: string }[]).map(({ Name }) => Name);
    const volumes = async () => ((await daemon.api.get('/v1.51/volumes')).json as { Volumes: { Name: string }[] }).Volumes.map(({ Name }) => Name);
    await until('all of it is gone', async () => !(await names()).includes('mine') && !(await volumes()).includes('kept'));
    assert.deepEqual(await daemon.api.get('/v1.51/containers/json?all=1').then(({ json }) => json), []);
    assert.ok((await names()).includes('bystander'));
    // what nobody tied to the lease stays
    assert.deepEqual(await volumes(), ['made-by-it']);
    for (const [path, body] of [
      ['/networks/create', { Name: 'late' }],
      ['/volumes/create', { Name: 'late' }],
    ] as const) {
      const late = await daemon.api.ask('POST', `/v1.51${path}`, { headers, body: Buffer.from(JSON.stringify(body)) });
      assert.equal(late.status, 409, late.text);
    }
  });
});

describe('an owner is killed', () => {
  const owners: Readonly<Record<string, readonly string[]>> = {
    'kobako run --lease': [
      'run',
      '--lease',
      '--name',
      'under',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'echo here; trap "" TERM; while :; do sleep 1; done',
    ],
    'kobako lease run': [
      'lease',
      'run',
      `${projectDir}/bin/kobako`,
      'run',
      '--name',
      'under',
      '--network',
      'none',
      'busybox',
      'sh',
      '-c',
      'echo here; sleep 600',
    ],
  };
  for (const [title, args] of Object.entries(owners)) {
    test(title, async (t) => {
      const daemon = await daemonFor(t);
      await daemon.run(SLEEP, 'bystander');
      const { child, said } = kobakoOf(t, daemon, args);
      await until('it runs', () => said() === 'here\n');
      assert.deepEqual(await names(daemon), ['bystander', 'under']);
      child.kill('SIGKILL');
      await until('its container has gone', async () => (await names(daemon)).length === 1);
      assert.deepEqual(await names(daemon), ['bystander']);
      await until('its lease has, too', () => leaseFiles(daemon).length === 0);
    });
  }

  test('a client that has sent more than is read', async (t) => {
    const daemon = await daemonFor(t);
    const lease = await hold(t, daemon);
    await daemon.run({ ...SLEEP, Labels: lease.labels });
    lease.socket.write(Buffer.alloc(1 << 20, 'GET /_ping HTTP/1.1\r\n\r\n'));
    await until('it is read no more', () => lease.socket.writableLength > 0);
    lease.socket.destroy();
    await until('it has gone', async () => (await names(daemon)).length === 0 && leaseFiles(daemon).length === 0);
  });

  test('lease run: signals and exit codes are the command’s', async (t) => {
    const daemon = await daemonFor(t);
    const ended = async (...command: string[]) => {
      const { child } = kobakoOf(t, daemon, ['lease', 'run', ...command]);
      return (await once(child, 'exit')) as unknown[];
    };
    assert.deepEqual(await ended('sh', '-c', 'test -n "$KOBAKO_LEASE" && exit 7'), [7, null]);
    assert.deepEqual(await ended('sh', '-c', 'kill -9 $$'), [137, null]);
    const { child, said } = kobakoOf(t, daemon, [
      'lease',
      'run',
      'sh',
      '-c',
      'trap "exit 5" TERM; echo ready; i=0; while [ $((i += 1)) -lt 600 ]; do sleep 0.05; done',
    ]);
    await until('it is ready', () => said() === 'ready\n');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [5, null]);
    assert.deepEqual(await ended('/no/such/program'), [127, null]);
    assert.deepEqual(await ended('/etc/passwd'), [126, null]);
    assert.deepEqual(leaseFiles(daemon), []);
  });
});

describe('the daemon ends', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`by ${signal}, with leases open: who comes back in time has lost nothing, the others all`, async (t) => {
      const daemon = await daemonFor(t, ['--lease-grace', '2']);
      await daemon.run(SLEEP, 'bystander');
      const [kept, lost, patient] = [await hold(t, daemon), await hold(t, daemon), await hold(t, daemon, '?grace=600')];
      await daemon.run({ ...SLEEP, Labels: kept.labels }, 'kept');
      await daemon.run({ ...SLEEP, Labels: lost.labels }, 'lost');
      await daemon.run({ ...SLEEP, Labels: patient.labels }, 'patient');
      const pid = await pidOf(daemon, 'kept');
      await daemon.stop(signal);
      assert.ok(existsSync(`/proc/${pid}`), 'nothing is removed while no daemon is there');
      assert.equal(leaseFiles(daemon).length, 3);
      for (const name of leaseFiles(daemon)) assert.doesNotMatch(readFileSync(`${daemon.dataRoot}/leases/${name}`, 'utf8'), /ended/);
      await daemon.start();
      const again = await hold(t, daemon, `?id=${kept.id}`);
      await until('one is lost', async () => !(await names(daemon)).includes('lost'));
      assert.deepEqual(await names(daemon), ['bystander', 'kept', 'patient']);
      assert.equal(await pidOf(daemon, 'kept'), pid);
      const states = new Map((await leases(daemon)).map(({ Id, State }) => [Id, State]));
      assert.deepEqual([states.get(kept.id), states.get(lost.id), states.get(patient.id)], ['held', undefined, 'waiting']);
      again.socket.destroy();
      await until('it goes with its owner', async () => !(await names(daemon)).includes('kept'));
      assert.equal((await daemon.api.delete(`/kobako/leases/${patient.id}`, { checked: false })).status, 204);
      assert.deepEqual([await names(daemon), leaseFiles(daemon)], [['bystander'], []]);
      assert.equal((await daemon.api.delete('/v1.51/containers/bystander?force=1')).status, 204);
      nothingLeft(daemon);
    });
  }

  test('a program that is connected comes back by itself', async (t) => {
    const daemon = await daemonFor(t);
    const engine = connectEngine(daemon.host);
    t.after(() => engine.close());
    const lease = await engine.lease();
    await daemon.run({ ...SLEEP, Labels: lease.labels }, 'under');
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await daemon.stop(signal);
      await daemon.start();
      await until('it is held again', async () => (await leases(daemon)).some(({ State }) => State === 'held'));
    }
    assert.equal(lease.lost.aborted, false);
    assert.deepEqual(await names(daemon), ['under']);
    await lease.end();
    assert.deepEqual(await names(daemon), []);
  });

  test('in the middle of a removal: the next one goes on at once', async (t) => {
    const daemon = await daemonFor(t, ['--lease-grace', '600']);
    const lease = await hold(t, daemon);
    for (let i = 0; i < 20; i++) await daemon.run({ ...SLEEP, Labels: lease.labels }, `c${i}`);
    lease.socket.destroy();
    await until('it has begun', () => readFileSync(`${daemon.dataRoot}/leases/${lease.id}.json`, 'utf8').includes('"ended":true'));
    await daemon.stop('SIGKILL');
    assert.equal(leaseFiles(daemon).length, 1);
    await daemon.start();
    await until('all have gone', async () => (await names(daemon)).length === 0 && leaseFiles(daemon).length === 0);
    nothingLeft(daemon);
  });
});
