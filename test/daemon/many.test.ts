/** A daemon that finds 500 containers on its disk knows them all, as they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonForAll, type TestDaemon } from '../support/daemon.ts';
import { nothingLeft } from '../support/daemon-state.ts';

const MANY = 500;
const ENDED = 24;
const RUNNING = 8;

interface Listed {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Status: string;
}

const daemon = await daemonForAll();

/** Some at a time. */
async function each(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  const left = Array.from({ length: count }, (_, index) => index);
  const worker = async () => {
    for (let index; (index = left.pop()) !== undefined;) await work(index);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function all({ api }: TestDaemon): Promise<readonly Listed[]> {
  const { json } = await api.get('/v1.51/containers/json?all=1');
  return json as Listed[];
}

/** Without what a clock changes. */
const timeless = (list: readonly Listed[]) =>
  list.map(({ Status, ...rest }) => ({ ...rest, Status: Status.replace(/(?:About an?|Less than a|\d+) \w+/, 'TIME') }));

test(`${MANY} containers, of all states, are listed after the daemon’s restart as they were before`, async () => {
  const host = { NetworkMode: 'none' };
  await each(MANY, async (index) => {
    const ends = index < ENDED;
    const runs = !ends && index < ENDED + RUNNING;
    const body = {
      Cmd: ends ? ['sh', '-c', `exit ${index}`] : ['sleep', '600'],
      Labels: { number: String(index), kind: ends ? 'ends' : runs ? 'runs' : 'waits' },
      HostConfig: { ...host, ...(runs && index % 2 === 0 ? { RestartPolicy: { Name: 'always' } } : {}) },
    };
    if (ends || runs) await daemon.run(body, `many-${index}`);
    else assert.equal((await daemon.api.post(`/v1.51/containers/create?name=many-${index}`, { Image: 'busybox', ...body })).status, 201);
    if (ends) assert.deepEqual((await daemon.api.post(`/v1.51/containers/many-${index}/wait`)).json, { StatusCode: index });
  });
  const before = await all(daemon);
  assert.equal(before.length, MANY);
  const states = (state: string) => before.filter(({ State }) => State === state).length;
  assert.deepEqual([states('created'), states('exited'), states('running')], [MANY - ENDED - RUNNING, ENDED, RUNNING]);
  const inspected = new Map<string, unknown>();
  for (const { Id } of before) inspected.set(Id, (await daemon.api.get(`/v1.51/containers/${Id}/json`)).json);

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await daemon.stop(signal);
    await daemon.start();
    assert.deepEqual(timeless(await all(daemon)), timeless(before));
    for (const [id, document] of inspected) assert.deepEqual((await daemon.api.get(`/v1.51/containers/${id}/json`)).json, document);
    const { json } = await daemon.api.get(`/v1.51/containers/json?all=1&filters=${encodeURIComponent('{"label":["number=77"]}')}`);
    assert.deepEqual(
      (json as Listed[]).flatMap(({ Names }) => Names),
      ['/many-77'],
    );
    const taken = await daemon.api.post('/v1.51/containers/create?name=many-499', { Image: 'busybox', Cmd: ['true'] });
    assert.equal(taken.status, 409, taken.text);
  }

  await each(RUNNING, async (index) => daemon.api.delete(`/v1.51/containers/many-${ENDED + index}?force=1`));
  const pruned = await daemon.api.post('/v1.51/containers/prune');
  assert.equal((pruned.json as { ContainersDeleted: string[] }).ContainersDeleted.length, MANY - RUNNING);
  assert.deepEqual(await all(daemon), []);
  nothingLeft(daemon);
});
