/** The daemon is killed at random moments while clients make, start, stop and remove containers: nothing leaks, nothing is lost. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonFor, type TestDaemon } from '../support/daemon.ts';
import { until } from '../support/monitored.ts';
import { alive, commandOf, pids, removed } from './ground.ts';

const ROUNDS = 15;
const CLIENTS = 4;
const PARENT = `/kobako-crash-daemon-${process.pid}`;

/** One client's life: containers come and go until the daemon does. */
async function client(daemon: TestDaemon, number: number): Promise<void> {
  for (let i = 0; ; i++) {
    const body = {
      Image: 'busybox',
      Cmd: ['sleep', i % 3 === 0 ? '0' : '300'],
      HostConfig: { CgroupParent: PARENT, AutoRemove: i % 4 === 1, NetworkMode: 'none' },
    };
    const { json } = await daemon.api.post('/v1.51/containers/create', body, { checked: false });
    const { Id } = json as { Id: string };
    const path = `/v1.51/containers/${Id}`;
    await daemon.api.post(`${path}/start`, undefined, { checked: false });
    if ((i + number) % 2 === 0) await daemon.api.post(`${path}/stop?t=0`, undefined, { checked: false });
    if ((i + number) % 4 < 3) await daemon.api.delete(`${path}?force=1`, { checked: false });
  }
}

test(`SIGKILL at ${ROUNDS} random moments`, { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t);
  // after its containers have gone: hooks run in the order in which they were added
  t.after(async () => {
    for (const parent of globSync(`/sys/fs/cgroup{,/*}${PARENT}`)) await until(`${parent} can be removed`, () => removed(parent));
  });
  const bystander = await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { CgroupParent: PARENT, NetworkMode: 'none' } }, 'bystander');
  const pidOf = async () => ((await daemon.api.get('/v1.51/containers/bystander/json')).json as { State: { Pid: number } }).State.Pid;
  const pid = await pidOf();
  for (let round = 0; round < ROUNDS; round++) {
    const clients = Array.from({ length: CLIENTS }, (_, number) => client(daemon, number).catch(() => {}));
    await sleep(20 + Math.random() * 250);
    await daemon.stop('SIGKILL');
    await Promise.all(clients);
    await daemon.start();
    assert.equal(await pidOf(), pid, 'who has nothing to do with it runs on');
    // whatever is there can be told about, and removed
    const { json } = await daemon.api.get('/v1.51/containers/json?all=1');
    for (const { Id, State } of json as { Id: string; State: string }[]) {
      if (Id === bystander) continue;
      assert.ok(['created', 'running', 'exited'].includes(State), State);
      const { status, text } = await daemon.api.delete(`/v1.51/containers/${Id}?force=1`);
      // one that removes itself may have been quicker
      assert.ok(status === 204 || status === 404 || status === 409, text);
    }
  }
  const entries = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  await until('only the bystander is left', async () => ((await daemon.api.get('/v1.51/containers/json?all=1')).json as unknown[]).length === 1);
  await until('its folder, its name, its layer, its socket', () => {
    const left = [
      entries(`${daemon.dataRoot}/containers`).length,
      entries(`${daemon.dataRoot}/names`).length,
      globSync(`${daemon.dataRoot}/{overlay,erofs}/writable/*`).length,
      entries(`${daemon.execRoot}/sockets`).length,
    ];
    return left.every((count) => count === 1);
  });
  await until('its cgroup', () => globSync(`/sys/fs/cgroup/{pids,.}${PARENT}/*/`).length <= 1);
  const runners = () => pids().filter((each) => alive(each) && commandOf(each).includes(daemon.execRoot) && commandOf(each).includes(' serve '));
  // the server that the daemon has with the runners that wait for the next plans, and the monitor that one of its forerunners forked for the bystander
  await until('no helper but its monitor, the server and its two spares', () => runners().length <= 4);
});
