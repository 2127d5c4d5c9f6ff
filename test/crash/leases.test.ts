/** The daemon and the owners of leases are killed at random moments: what is under no living lease goes, nothing else does. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { LEASE_LABEL } from '../../src/engine/leases-contract.ts';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { readUntil } from '../support/raw-http.ts';
import { removed, sleep } from './ground.ts';

const ROUNDS = 12;
const OWNERS = 4;
const PARENT = `/kobako-crash-leases-${process.pid}`;

const body = { Image: 'busybox', Cmd: ['sleep', '300'], HostConfig: { CgroupParent: PARENT, NetworkMode: 'none' } };

async function hold({ socket: path }: TestDaemon, query = ''): Promise<{ socket: Socket; id: string }> {
  const socket = connect(path).on('error', () => {});
  socket.write(`POST /kobako/leases${query} HTTP/1.1\r\nHost: d\r\n\r\n`);
  const id = /"Id":"([0-9a-f]{32})"/.exec(await readUntil(socket, '}\n'))?.[1];
  if (id === undefined) throw new Error('no lease');
  return { socket, id };
}

/** One owner after another: each makes containers under its lease until it goes, in one way or another, or the daemon does. */
async function owners(daemon: TestDaemon, number: number, open: Set<Socket>): Promise<void> {
  for (let i = number; ; i++) {
    const { socket, id } = await hold(daemon, i % 3 === 0 ? '?grace=1' : '');
    open.add(socket);
    for (let made = 0; made <= i % 3; made++) {
      const create = daemon.api.post('/v1.51/containers/create', { ...body, Labels: { [LEASE_LABEL]: id } }, { checked: false });
      // some go while something is being made for them
      if (i % 4 === 3) socket.destroy();
      const { json } = await create;
      await daemon.api.post(`/v1.51/containers/${(json as { Id: string }).Id}/start`, undefined, { checked: false });
    }
    if (i % 4 === 1) await daemon.api.delete(`/kobako/leases/${id}`, { checked: false });
    socket.destroy();
  }
}

test(`SIGKILL at ${ROUNDS} random moments`, { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t, ['--lease-grace', '1']);
  // after its containers have gone: hooks run in the order in which they were added
  t.after(async () => {
    for (const parent of globSync(`/sys/fs/cgroup{,/*}${PARENT}`)) await until(`${parent} can be removed`, () => removed(parent));
  });
  const bystander = await daemon.run(body);
  let kept = await hold(daemon);
  const under = await daemon.run({ ...body, Labels: { [LEASE_LABEL]: kept.id } });
  const pidOf = async (id: string) => ((await daemon.api.get(`/v1.51/containers/${id}/json`)).json as { State: { Pid: number } }).State.Pid;
  const pids = await Promise.all([bystander, under].map(pidOf));
  const ids = async () => ((await daemon.api.get('/v1.51/containers/json?all=1')).json as { Id: string }[]).map(({ Id }) => Id);
  for (let round = 0; round < ROUNDS; round++) {
    const open = new Set<Socket>();
    const working = Array.from({ length: OWNERS }, (_, number) => owners(daemon, number, open).catch(() => {}));
    await sleep(20 + Math.random() * 300);
    await daemon.stop(round % 4 === 3 ? 'SIGTERM' : 'SIGKILL');
    for (const socket of open) socket.destroy();
    await Promise.all(working);
    await daemon.start();
    kept = await hold(daemon, `?id=${kept.id}`);
    assert.deepEqual(await Promise.all([bystander, under].map(pidOf)), pids, 'whose owner came back, and who has none, run on');
    // every other time the daemon is killed before it has removed anything
    if (round % 2 === 0) await until('all others have gone', async () => (await ids()).length === 2);
  }
  await until('all others have gone', async () => (await ids()).length === 2);
  kept.socket.destroy();
  await until('the last lease’s has gone', async () => (await ids()).length === 1);
  const entries = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  await until('nothing is left but what belongs to the bystander', () => {
    const left = [
      entries(`${daemon.dataRoot}/leases`).length,
      entries(`${daemon.dataRoot}/containers`).length,
      entries(`${daemon.dataRoot}/names`).length,
      globSync(`${daemon.dataRoot}/{overlay,erofs}/writable/*`).length,
      entries(`${daemon.execRoot}/sockets`).length,
    ];
    return left.join() === '0,1,1,1,1';
  });
  await until('its cgroup', () => globSync(`/sys/fs/cgroup/{pids,.}${PARENT}/*/`).length <= 1);
});
