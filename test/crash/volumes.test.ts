/** kill -9 while containers with volumes are made and removed: no volume is half there, none is left that belongs to nobody. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalEngine } from '../../src/engine/contract.ts';
import { openEngine } from '../../src/engine/open-engine.ts';
import { busyboxLayer, imageArchive } from '../support/image-archive.ts';
import { dir, file, layerTar } from '../support/layers.ts';
import { until } from '../support/monitored.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { mountsBelow, tempFor } from '../support/temp.ts';

const ROUNDS = Number(process.env['KOBAKO_CRASH_ROUNDS'] ?? 12);
const FILES = 300;

interface Place {
  readonly options: { readonly stateDir: string; readonly dataRoot: string };
  readonly volumes: string;
  open(): LocalEngine;
}

async function place(t: TestContext): Promise<Place> {
  const engines: LocalEngine[] = [];
  t.after(async () => {
    for (const engine of engines) await engine.close();
  });
  const folder = tempFor(t);
  const options = { stateDir: `${folder}/state`, dataRoot: `${folder}/data` };
  const open = () => {
    const engine = openEngine(options);
    engines.push(engine);
    return engine;
  };
  const content = [dir('data/', { uid: 9 }), ...Array.from({ length: FILES }, (_, at) => file(`data/${at}`, 'x'.repeat(at * 7), { uid: at }))];
  const { bytes } = imageArchive({
    names: ['crash:1'],
    layers: [await busyboxLayer(), layerTar(content)],
    config: { Cmd: ['true'], Volumes: { '/data': {} } },
  });
  await open().images.load(pieces(bytes));
  mkdirSync(`${options.dataRoot}/volumes`);
  return { options, volumes: `${options.dataRoot}/volumes`, open };
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** A process that makes and removes containers with volumes until it is killed. */
function worker({ options }: Place) {
  return spawn(projectNode, [`${projectDir}/test/support/volume-worker.ts`, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What a fresh engine finds: whole volumes, each of somebody's, empty or with all of the content. */
async function check(ground: Place): Promise<void> {
  const engine = ground.open();
  const { Volumes } = await engine.volumes.list();
  const containers = await engine.containers.list({ all: true });
  const used = new Set(containers.flatMap(({ Mounts }) => Mounts.map(({ Name }) => Name)));
  await until('nothing is on its way', () => readdirSync(ground.volumes).every((name) => name === '.locks' || !name.startsWith('.')));
  assert.deepEqual(
    readdirSync(ground.volumes).filter((name) => name !== '.locks'),
    Volumes.map(({ Name }) => Name).toSorted(),
  );
  for (const { Name, Labels, Mountpoint } of Volumes) {
    if (Labels !== null) assert.ok(used.has(Name), `${Name} belongs to nobody`);
    assert.deepEqual(readdirSync(`${ground.volumes}/${Name}`).toSorted(), ['_data', 'volume.json']);
    const { length } = readdirSync(Mountpoint);
    assert.ok(length === 0 || length === FILES, `${Name} has ${length} files of ${FILES}`);
  }
  for (const { Id, Mounts } of containers) {
    for (const { Name, Source } of Mounts) if (Name !== undefined) assert.ok(existsSync(Source), `${Id} lacks its volume ${Name}`);
    await engine.containers.remove(Id, { volumes: true });
  }
  assert.deepEqual(mountsBelow(ground.options.dataRoot), []);
  await engine.volumes.prune({ all: ['1'] });
  await engine.close();
  assert.deepEqual(
    readdirSync(ground.volumes).filter((name) => name !== '.locks'),
    [],
  );
}

test('SIGKILL at a random moment', { timeout: 300_000 }, async (t) => {
  const ground = await place(t);
  for (let round = 0; round < ROUNDS; round++) {
    const child = worker(ground);
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep(Math.random() * 250);
    child.kill('SIGKILL');
    assert.deepEqual(await exit, [null, 'SIGKILL'], 'it was at work until then');
    await check(ground);
  }
});

test('what is found half done', async (t) => {
  const ground = await place(t);
  const engine = ground.open();
  const dead = '999999.1';
  await engine.volumes.create({ Name: 'filling' });
  await engine.volumes.create({ Name: 'filled' });
  const { Name: alone } = await engine.volumes.create();
  const kept = await engine.containers.create({ Image: 'crash:1', HostConfig: { NetworkMode: 'none' } });
  const own = (await engine.containers.inspect(kept.Id)).Mounts[0]!.Name!;
  await engine.close();
  const at = (name: string) => `${ground.volumes}/${name}`;
  // killed while it wrote; while it moved what it had written; before its container was on record; just after; while it made or removed one
  mkdirSync(`${at('filling')}/.filling/below`, { recursive: true });
  mkdirSync(`${at('filled')}/.filled/below`, { recursive: true });
  writeFileSync(`${at('filled')}/.filled/a`, 'not yet');
  writeFileSync(`${at('filled')}/.filled/b`, 'there already');
  writeFileSync(`${at('filled')}/_data/b`, 'mine');
  const pend = (name: string, container: string) => {
    const path = `${at(name)}/volume.json`;
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), pending: { container, maker: dead } }));
  };
  pend(alone, 'f'.repeat(64));
  pend(own, kept.Id);
  mkdirSync(`${at(`.${dead}-new-x`)}/_data`, { recursive: true });
  mkdirSync(at(`.${dead}-gone-x`));
  renameSync(at(`.${dead}-gone-x`), at(`.${dead}-gone-y`));

  const fresh = ground.open();
  await until('nothing is on its way', () => readdirSync(ground.volumes).every((name) => name === '.locks' || !name.startsWith('.')));
  assert.deepEqual((await fresh.volumes.list()).Volumes.map(({ Name }) => Name).toSorted(), ['filled', 'filling', own].toSorted());
  assert.deepEqual(readdirSync(at('filling')).toSorted(), ['_data', 'volume.json']);
  assert.deepEqual(readdirSync(`${at('filled')}/_data`).toSorted(), ['a', 'b', 'below']);
  assert.equal(readFileSync(`${at('filled')}/_data/b`, 'utf8'), 'mine');
  assert.equal((JSON.parse(readFileSync(`${at(own)}/volume.json`, 'utf8')) as { pending?: unknown }).pending, undefined);
  await fresh.containers.remove(kept.Id, { volumes: true });
  assert.deepEqual((await fresh.volumes.list()).Volumes.map(({ Name }) => Name).toSorted(), ['filled', 'filling']);
});
