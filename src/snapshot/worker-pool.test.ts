import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkerPool, type LayerThread } from './worker-pool.ts';
import type { FromWorker, IngestTask, ToWorker } from './worker-protocol.ts';

/** A thread that does what the test says. */
class FakeThread implements LayerThread {
  readonly got: ToWorker[] = [];
  readonly listeners: Record<string, ((value: never) => void)[]> = {};
  ended = false;

  postMessage(message: ToWorker): void {
    this.got.push(message);
  }
  on(event: string, listener: (value: never) => void): void {
    (this.listeners[event] ??= []).push(listener);
  }
  say(message: FromWorker): void {
    for (const listener of this.listeners['message']!) listener(message as never);
  }
  die(): void {
    for (const listener of this.listeners['exit']!) listener(1 as never);
  }
  ref(): void {}
  unref(): void {}
  /** As a real one: it exits some time after it is told to. */
  async terminate(): Promise<number> {
    this.ended = true;
    await turn();
    this.die();
    return 0;
  }
}

const INGEST: IngestTask = { kind: 'ingest', driver: 'overlay', dir: '/x', request: { compression: 'none' } };
const USAGE = { kind: 'usage', path: '/x' } as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function pool(max: number): { pool: WorkerPool; threads: FakeThread[] } {
  const threads: FakeThread[] = [];
  const made = new WorkerPool(() => {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  }, max);
  return { pool: made, threads };
}

test('layers wait for each other, other work does not wait for layers', async () => {
  const { pool: workers, threads } = pool(2);
  const first = await workers.run<'ingest'>(INGEST);
  await workers.run<'ingest'>(INGEST);
  let third = false;
  void workers.run<'ingest'>(INGEST).then(() => (third = true));
  await turn();
  assert.deepEqual([threads.length, third], [2, false]);
  const usage = workers.do<'usage'>(USAGE);
  await turn();
  assert.equal(threads.length, 3);
  threads[2]!.say({ event: 'done', value: { bytes: 1, inodes: 2 } });
  assert.deepEqual(await usage, { bytes: 1, inodes: 2 });
  await turn();
  assert.equal(third, false, 'the thread for other work takes no third layer');
  threads[0]!.say({ event: 'done', value: 'info' });
  assert.equal(await first.result, 'info');
  await turn();
  assert.deepEqual([third, threads.length], [true, 3], 'threads are used again');
  await workers.close();
  assert.ok(threads.every((thread) => thread.ended));
});

test('who waits for a thread can give up, and nobody behind him waits for longer', async () => {
  const { pool: workers, threads } = pool(1);
  const first = await workers.run<'ingest'>(INGEST);
  const abort = new AbortController();
  const second = workers.run<'ingest'>(INGEST, () => {}, abort.signal);
  const third = workers.run<'ingest'>(INGEST);
  await turn();
  abort.abort();
  await assert.rejects(second, { kind: 'cancelled' });
  threads[0]!.say({ event: 'done', value: 'info' });
  assert.equal(await first.result, 'info');
  await third;
  assert.equal(threads.length, 1);
  await workers.close();
});

test('streams that nobody reads keep nobody else waiting', async () => {
  const { pool: workers, threads } = pool(1);
  const streams = Array.from({ length: 13 }, () => workers.run<'archive'>({ kind: 'archive', root: '/', path: '/', options: {} }));
  await turn();
  assert.equal(threads.length, 12);
  await workers.run<'usage'>(USAGE);
  await workers.run<'ingest'>(INGEST);
  assert.equal(threads.length, 14);
  threads[0]!.say({ event: 'done', value: undefined });
  await streams.at(-1);
  assert.equal(threads.length, 14);
  await workers.close();
});

test('a thread that dies fails its task and is replaced', async () => {
  const { pool: workers, threads } = pool(1);
  const task = await workers.run<'ingest'>(INGEST);
  const next = workers.run<'ingest'>(INGEST);
  threads[0]!.die();
  await assert.rejects(task.result, { name: 'EngineError', kind: 'cancelled' });
  await next;
  assert.equal(threads.length, 2);
  await workers.close();
  await assert.rejects(workers.run<'usage'>(USAGE), { kind: 'unavailable' });
});

test('failures keep their kind; messages after the end go nowhere', async () => {
  const { pool: workers, threads } = pool(1);
  const task = await workers.run<'ingest'>(INGEST);
  threads[0]!.say({ event: 'failed', error: { kind: 'exhausted', message: 'no space left on device', hint: 'make some' } });
  await assert.rejects(task.result, { name: 'EngineError', kind: 'exhausted', message: 'no space left on device', hint: 'make some' });
  task.post({ op: 'end' });
  assert.deepEqual(
    threads[0]!.got.map((message) => message.op),
    ['task'],
  );
  await workers.close();
});

test('a thread that was idle for too long, and has yet to end, is given no work', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { pool: workers, threads } = pool(1);
  const first = workers.do<'usage'>(USAGE);
  await turn();
  threads[0]!.say({ event: 'done', value: { bytes: 1, inodes: 1 } });
  await first;
  t.mock.timers.tick(60_000);
  assert.equal(threads[0]!.ended, true);
  const second = workers.do<'usage'>(USAGE);
  await turn();
  assert.equal(threads.length, 2);
  threads[1]!.say({ event: 'done', value: { bytes: 2, inodes: 2 } });
  assert.deepEqual(await second, { bytes: 2, inodes: 2 });
  await workers.close();
});
