import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { attachContainer } from './container-attach.ts';
import type { ContainerRecord } from './container-record.ts';
import { LiveContainers } from './live.ts';
import type { EngineParts } from './parts.ts';

const entry = (log: string) => `${JSON.stringify({ log, stream: 'stdout', time: '2026-01-01T00:00:00Z' })}\n`;

/** A container that does not run, with that in its log. */
function ended(t: TestContext, logs: readonly string[]) {
  const log = `${tempFor(t)}/x.log`;
  writeFileSync(log, logs.map(entry).join(''));
  const record = { id: 'a', config: { Tty: true, OpenStdin: true } } as ContainerRecord;
  const live = new LiveContainers();
  const store = { load: () => record, paths: () => ({ log }), lost: () => false, info: () => ({ state: 'exited' }) };
  const remove = () => (store.load = () => undefined as never);
  return { record, live, remove, parts: { live, store } as unknown as EngineParts };
}

const asked = { stdin: true, stdout: true, logs: true };

test('the log first, whole; without a stream that is all', async (t) => {
  const { parts, record } = ended(t, ['one\n', 'two\n']);
  const { stream } = await attachContainer(parts, record, { ...asked, stream: false });
  assert.equal(await text(stream), 'one\ntwo\n');
});

test('of a long log no more is in memory than its reader has room for', async (t) => {
  const lines = Array.from({ length: 4000 }, (_, at) => `${at} ${'x'.repeat(1000)}\n`);
  const { parts, record, live, remove } = ended(t, lines);
  const { stream } = await attachContainer(parts, record, { ...asked, stream: true });
  assert.ok(stream.readableLength < 1 << 20, `${stream.readableLength} bytes wait`);
  let got = '';
  const wanted = lines.join('');
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    got += String(chunk);
    if (got.length === wanted.length) break;
  }
  assert.equal(got, wanted);
  remove();
  live.removed('a', undefined);
  assert.equal(await text(stream), '');
});

test('what follows a short log is not missed: the next process has the stream at once', async (t) => {
  const { parts, record, live } = ended(t, ['one\n']);
  const { stream } = await attachContainer(parts, record, { ...asked, stream: true });
  assert.deepEqual(live.takeEarly('a'), [stream]);
  stream.destroy();
});

test('who goes while it is read is forgotten', async (t) => {
  const { parts, record, live } = ended(
    t,
    Array.from({ length: 4000 }, () => 'x'.repeat(1000)),
  );
  const { stream } = await attachContainer(parts, record, { ...asked, stream: true });
  stream.destroy();
  await new Promise((resolve) => stream.once('close', resolve));
  assert.deepEqual(live.takeEarly('a'), []);
});

test('one that is removed while its log is read has no process any more', async (t) => {
  const { parts, record, remove } = ended(
    t,
    Array.from({ length: 4000 }, () => 'x'.repeat(1000)),
  );
  const { stream } = await attachContainer(parts, record, { ...asked, stream: true });
  remove();
  assert.equal((await text(stream)).length, 4_000_000);
});
