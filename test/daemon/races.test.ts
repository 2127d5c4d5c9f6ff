/** Calls on one container that do not go together, all at once; and many containers at once. Nothing is left over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonForAll } from '../support/daemon.ts';
import { heldBy, holdsNoMore, nothingLeft } from '../support/daemon-state.ts';
import { randomNumbers } from '../support/random-tree.ts';

const SEED = Number(process.env['KOBAKO_SEED'] ?? Math.floor(Math.random() * 1e6));
const ROUNDS = Number(process.env['KOBAKO_ROUNDS'] ?? 40);
/** What Docker answers to who comes too late; never 500. */
const EXPECTED = new Set([200, 201, 204, 304, 404, 409]);

const daemon = await daemonForAll();
const { api } = daemon;

const CALLS: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['POST', 'start'],
  ['POST', 'start'],
  ['POST', 'stop?t=0'],
  ['POST', 'restart?t=0'],
  ['POST', 'kill'],
  ['POST', 'kill?signal=TERM'],
  ['POST', 'pause'],
  ['POST', 'unpause'],
  ['DELETE', ''],
  ['DELETE', '?force=1'],
  ['POST', 'rename'],
  ['POST', 'update', { Memory: 64 << 20, MemorySwap: 128 << 20 }],
  ['POST', 'exec', { Cmd: ['true'], AttachStdout: true }],
  ['POST', 'wait'],
  ['GET', 'json'],
  ['GET', 'top'],
  ['GET', 'stats?stream=0&one-shot=1'],
  ['GET', 'logs?stdout=1&follow=1'],
];

test(`${ROUNDS} rounds of conflicting calls (KOBAKO_SEED=${SEED}): one wins, the others are told`, async (t) => {
  t.diagnostic(`KOBAKO_SEED=${SEED}`);
  const numbers = randomNumbers(SEED);
  const random = (below: number) => Math.floor(numbers() * below);
  const before = await heldBy(daemon);
  for (let round = 0; round < ROUNDS; round++) {
    const policy = ['no', 'always', 'on-failure'][random(3)];
    const hostConfig = { NetworkMode: 'none', RestartPolicy: { Name: policy }, AutoRemove: policy === 'no' && random(3) === 0 };
    const script = ['exec sleep 60', 'true', 'trap "exit 3" TERM; while :; do sleep 0.02; done'][random(3)];
    const created = await api.post('/v1.51/containers/create', { Image: 'busybox', Cmd: ['sh', '-c', script], HostConfig: hostConfig });
    const { Id } = created.json as { Id: string };
    if (random(2) === 0) await api.post(`/v1.51/containers/${Id}/start`);
    const calls = Array.from({ length: 4 + random(8) }, () => CALLS[random(CALLS.length)]!);
    const answers = calls.map(async ([method, path, body], index) => {
      const separator = path === '' || path.startsWith('?') ? '' : '/';
      const query = path === 'rename' ? `?name=another-${index}` : '';
      const { status, text } = await api.ask(method, `/v1.51/containers/${Id}${separator}${path}${query}`, body === undefined ? {} : { body });
      return { call: `${method} ${path}`, status, text };
    });
    // whatever it is that still waits for its end
    const over = setTimeout(() => void api.delete(`/v1.51/containers/${Id}?force=1`), 500);
    for (const { call, status, text } of await Promise.all(answers)) {
      assert.ok(EXPECTED.has(status), `round ${round}, ${calls.map(([, path]) => path).join(' ')}: ${call}: ${status} ${text}`);
    }
    clearTimeout(over);
    assert.ok(EXPECTED.has((await api.delete(`/v1.51/containers/${Id}?force=1`)).status));
    assert.equal((await api.get(`/v1.51/containers/${Id}/json`)).status, 404);
  }
  assert.deepEqual((await api.get('/v1.51/containers/json?all=1')).json, []);
  await holdsNoMore(daemon, before);
  nothingLeft(daemon);
  assert.doesNotMatch(daemon.log(), /nobody (?:caught|waited for)/);
});

test('ten that want one name, and ten that start one container: one each', async () => {
  const create = () => api.post('/v1.51/containers/create?name=wanted', { Image: 'busybox', Cmd: ['sleep', '60'], HostConfig: { NetworkMode: 'none' } });
  const created = await Promise.all(Array.from({ length: 10 }, create));
  assert.deepEqual(created.map(({ status }) => status).toSorted(), [201, ...Array<number>(9).fill(409)]);
  const started = await Promise.all(Array.from({ length: 10 }, () => api.post('/v1.51/containers/wanted/start')));
  assert.deepEqual(started.map(({ status }) => status).toSorted(), [204, ...Array<number>(9).fill(304)]);
  const removed = await Promise.all(Array.from({ length: 10 }, () => api.delete('/v1.51/containers/wanted?force=1')));
  assert.ok(removed.every(({ status }) => status === 204 || status === 404 || status === 409));
  assert.ok(removed.some(({ status }) => status === 204));
  nothingLeft(daemon);
});

test('200 containers, started 8 at a time and removed', async () => {
  const before = await heldBy(daemon);
  const left = Array.from({ length: 200 }, (_, index) => index);
  const work = async () => {
    for (let index; (index = left.pop()) !== undefined;) {
      const id = await daemon.run({ Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } }, `many-${index}`);
      assert.match(id, /^[0-9a-f]{64}$/);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  const { json } = await api.get('/v1.51/containers/json');
  const running = json as readonly { readonly Id: string; readonly State: string }[];
  assert.equal(running.length, 200);
  assert.ok(running.every(({ State }) => State === 'running'));
  assert.equal((await heldBy(daemon)).monitors, before.monitors + 200);
  const ids = running.map(({ Id }) => Id);
  const removal = async () => {
    for (let id; (id = ids.pop()) !== undefined;) assert.equal((await api.delete(`/v1.51/containers/${id}?force=1`)).status, 204);
  };
  await Promise.all(Array.from({ length: 8 }, removal));
  assert.deepEqual((await api.get('/v1.51/containers/json?all=1')).json, []);
  await holdsNoMore(daemon, before);
  nothingLeft(daemon);
});
