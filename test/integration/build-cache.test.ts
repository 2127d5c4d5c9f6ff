/** Garbage collection of the build cache: after builds, by its rules, and never what is in use. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { BuildEvent } from '../../src/engine/builds-contract.ts';
import { buildGround, type BuildGround } from '../support/build-ground.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;
const STEPS = lines('FROM busybox', 'RUN dd if=/dev/urandom of=/one bs=1k count=64 2>/dev/null', 'RUN echo two > /two');
const DAY = 24 * 3600_000;

const kept = async ({ engine }: BuildGround) => (await engine.builds.usage()).map(({ description }) => description).sort();

/** Makes all records look as if they had been used so many milliseconds ago. */
function age({ dataRoot }: BuildGround, milliseconds: number): void {
  const at = (Date.now() - milliseconds) / 1000;
  for (const name of readdirSync(`${dataRoot}/build/steps`)) utimesSync(`${dataRoot}/build/steps/${name}`, at, at);
}

async function eventually(is: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await is()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(what);
}

describe('after a build', () => {
  test('its owner collects in the background', async (t) => {
    const ground = await buildGround(t, { buildCacheGc: { rules: [{ maxUsedSpace: 60_000 }] } });
    await ground.build(STEPS, {}, { exporters: [] });
    assert.equal((await kept(ground)).length, 2, 'not at once');
    await eventually(async () => (await kept(ground)).length === 0, 'the cache was not collected');
    assert.match(
      (await ground.build(STEPS, {}, { exporters: [] })).events.map((event) => (event.kind === 'vertex' ? event.name : '')).join('\n'),
      /RUN echo two/,
    );
  });

  test('who is not alone collects before it goes on, now and then', async (t) => {
    const ground = await buildGround(t, { owner: false, buildCacheGc: { rules: [{ keepDuration: DAY }] } });
    await ground.build(STEPS, {}, { exporters: [] });
    age(ground, 2 * DAY);
    await ground.build('FROM busybox\nRUN echo other > /other\n', {}, { exporters: [] });
    assert.equal((await kept(ground)).length, 3, 'not after each build');
    rmSync(`${ground.dataRoot}/build/collected`);
    await ground.build('FROM busybox\nRUN echo third > /third\n', {}, { exporters: [] });
    assert.deepEqual(await kept(ground), ['[2/2] RUN echo other > /other', '[2/2] RUN echo third > /third']);
  });

  test('what an image has stays, and turned off is turned off', async (t) => {
    const ground = await buildGround(t, { owner: false, buildCacheGc: { rules: [{ maxUsedSpace: 1 }] } });
    const built = await ground.build(STEPS);
    assert.equal((await kept(ground)).length, 2);
    assert.equal((await ground.build(STEPS)).imageId, built.imageId);
    const off = await buildGround(t, { owner: false, buildCacheGc: { enabled: false, rules: [{ maxUsedSpace: 1 }] } });
    await off.build(STEPS, {}, { exporters: [] });
    assert.equal((await kept(off)).length, 2);
    assert.deepEqual(await off.engine.builds.gcRules(), []);
  });
});

test('what builds have come to is in use, and so is a cache that a step has', async (t) => {
  const ground = await buildGround(t, { buildCacheGc: { enabled: false } });
  const began = Promise.withResolvers<void>();
  const stop = new AbortController();
  t.after(() => stop.abort());
  const dockerfile = lines('FROM busybox', 'RUN echo one > /one', 'RUN --mount=type=cache,target=/c echo go; until test -e /c/open; do sleep 0.05; done');
  await ground.build(lines('FROM busybox', 'RUN echo idle > /idle'), {}, { exporters: [] });
  const onEvent = (event: BuildEvent) => event.kind === 'log' && began.resolve();
  const building = ground.build(dockerfile, {}, { exporters: [], onEvent, signal: stop.signal });
  building.catch(() => {}); // it is awaited below
  await Promise.race([began.promise, building]);
  const used = (await ground.engine.builds.usage()).flatMap(({ inUse, description }) => (inUse ? [description.replace('stage-0 ', '')] : []));
  assert.deepEqual(used.sort(), ['[2/3] RUN echo one > /one', 'cached mount /c']);
  const { records } = await ground.engine.builds.prune({ all: true });
  assert.deepEqual(
    records.map(({ description }) => description),
    ['[2/2] RUN echo idle > /idle'],
  );
  const [mount] = readdirSync(`${ground.dataRoot}/build/mounts`).filter((name) => !name.endsWith('.lock'));
  writeFileSync(`${ground.dataRoot}/build/mounts/${mount}/data/open`, '');
  await building;
  assert.equal((await ground.engine.builds.usage()).length, 3);
  assert.equal((await ground.engine.builds.prune({ all: true })).removed.length, 3, 'nobody has them any more');
});

test('limits of size: what is at the end of a chain goes first, and the rest is still good', async (t) => {
  const ground = await buildGround(t, { buildCacheGc: { enabled: false } });
  await ground.build(STEPS, {}, { exporters: [] });
  const [size] = (await ground.engine.builds.usage()).map((record) => record.size).toSorted((a, b) => b - a);
  const { records } = await ground.engine.builds.prune({ maxUsedSpace: size });
  assert.deepEqual(
    records.map(({ description }) => description),
    ['[3/3] RUN echo two > /two'],
  );
  assert.deepEqual((await ground.build(STEPS, {}, { exporters: [] })).cached.slice(-1), ['[2/3] RUN dd if=/dev/urandom of=/one bs=1k count=64 2>/dev/null']);
  await assert.rejects(ground.engine.builds.prune({ filters: { colour: ['red'] } }), { kind: 'invalid', message: "invalid filter 'colour'" });
});

test('a layer that two steps have come to takes its room once, and is freed with the second', async (t) => {
  const ground = await buildGround(t, { buildCacheGc: { enabled: false } });
  const content = Buffer.alloc(300_000, 'x');
  for (const name of ['a', 'b']) await ground.build(lines('FROM busybox', `COPY ${name} /same`), { [name]: content }, { exporters: [] });
  const records = (await ground.engine.builds.usage()).toSorted((a, b) => b.size - a.size);
  assert.equal(records.length, 2);
  assert.ok(records[0]!.size >= 300_000);
  assert.equal(records[1]!.size, 0, 'counted once');
  const first = await ground.engine.builds.prune({ filters: { id: [records[0]!.id] } });
  assert.deepEqual([first.removed, first.bytes], [[records[0]!.id], 0]);
  assert.equal((await ground.engine.builds.usage())[0]!.size, records[0]!.size, 'the other has it now');
  assert.equal((await ground.engine.builds.prune({ all: true })).bytes, records[0]!.size);
});
