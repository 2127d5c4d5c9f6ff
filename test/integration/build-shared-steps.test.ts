/** A step that two builds want is done once: also where the build that began it ends before the step does. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { BuildEvent, BuildRequest } from '../../src/engine/builds-contract.ts';
import { buildGround, type BuildGround } from '../support/build-ground.ts';
import { until } from '../support/monitored.ts';

const lines = (...text: readonly string[]) => `${text.join('\n')}\n`;

/** Begins it twice; resolves when both builds are at the last step. */
async function twice(ground: BuildGround, dockerfile: string, more: readonly Partial<BuildRequest>[] = []) {
  const stop = new AbortController();
  const began = [0, 0];
  const begin = (index: number) =>
    ground.build(
      dockerfile,
      { file: 'of the context\n' },
      {
        ...more[index],
        ...(index === 0 ? { signal: stop.signal } : {}),
        onEvent: (event: BuildEvent) => {
          if (event.kind === 'vertex' && / RUN /.test(event.name) && event.started !== undefined) began[index] = 1;
        },
      },
    );
  const first = begin(0);
  await until('the first is there', () => began[0] === 1);
  const second = begin(1);
  await until('the second is there', () => began[1] === 1);
  return { first, second, stop: () => stop.abort() };
}

/** A folder that steps see as a cache, for who tells them to go on. */
async function gate(ground: BuildGround, t: TestContext) {
  await ground.build(lines('FROM busybox', 'RUN --mount=type=cache,id=gate,target=/gate true'));
  const [folder] = readdirSync(`${ground.dataRoot}/build/mounts`).filter((name) => !name.endsWith('.lock'));
  const path = `${ground.dataRoot}/build/mounts/${folder}/data`;
  t.after(() => existsSync(path) && writeFileSync(`${path}/open`, ''));
  return {
    mount: '--mount=type=cache,id=gate,target=/gate',
    wait: 'touch /gate/here; until [ -e /gate/open ]; do sleep 0.05; done',
    reached: () => until('the step runs', () => existsSync(`${path}/here`)),
    open: () => writeFileSync(`${path}/open`, ''),
  };
}

test('its context is there until the step has ended', { timeout: 60_000 }, async (t) => {
  const ground = await buildGround(t);
  const { mount, wait, reached, open } = await gate(ground, t);
  const { first, second, stop } = await twice(ground, lines('FROM busybox', `RUN ${mount} --mount=target=/ctx ${wait}; cat /ctx/file > /out`));
  await reached();
  stop();
  await assert.rejects(first, { kind: 'cancelled' });
  open();
  assert.equal(await ground.run((await second).imageId!, 'cat /out'), 'of the context\n');
  assert.deepEqual(readdirSync(`${ground.dataRoot}/build/work`), []);
});

test('where it fails for what only that build had, those that are left do it themselves', { timeout: 60_000 }, async (t) => {
  const ground = await buildGround(t);
  const gone = Promise.withResolvers<Uint8Array>();
  const { first, second, stop } = await twice(ground, lines('FROM busybox', 'RUN --mount=type=secret,id=key cat /run/secrets/key | rev > /out'), [
    { secret: () => gone.promise },
    { secret: async () => Buffer.from('terces\n') },
  ]);
  stop();
  await assert.rejects(first, { kind: 'cancelled' });
  gone.reject(new EngineError('unavailable', 'the client has gone'));
  assert.equal(await ground.run((await second).imageId!, 'cat /out'), 'secret\n');
  assert.deepEqual(readdirSync(`${ground.dataRoot}/build/work`), []);
});
