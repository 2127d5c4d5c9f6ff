import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import type { BuildEvent } from '../build/contract.ts';
import { until } from '../../test/support/monitored.ts';
import { Jobs } from './job.ts';

const log = (text: string): BuildEvent => ({ kind: 'log', vertex: 'sha256:a', stream: 1, data: Buffer.from(text), timestamp: 1 });

async function all(events: AsyncIterable<readonly BuildEvent[]>): Promise<string[]> {
  const got: string[] = [];
  for await (const batch of events) for (const each of batch) if (each.kind === 'log') got.push(each.data.toString());
  return got;
}

const found = (jobs: Jobs, ref: string) => jobs.all.find((job) => job.ref === ref);

test('who listens is told of what was and what comes, until the end', async () => {
  const job = new Jobs().get('a');
  job.event(log('before'));
  const { signal } = new AbortController();
  const listeners = [all(job.listen(signal)), all(job.listen(signal))];
  await Promise.resolve();
  job.event(log('after'));
  job.end();
  assert.deepEqual(await Promise.all(listeners), [
    ['before', 'after'],
    ['before', 'after'],
  ]);
  assert.deepEqual(await all(job.listen(signal)), ['before', 'after']);
});

test('what happens at once is told at once, and then after a pause; neither much output nor the end waits for that', async () => {
  const job = new Jobs().get('a');
  const batches: number[] = [];
  const listening = (async () => {
    for await (const batch of job.listen(new AbortController().signal, 60_000)) batches.push(batch.length);
  })();
  await immediate();
  for (let count = 0; count < 3; count++) job.event(log('first'));
  await until('it is told', () => batches.length === 1);
  assert.deepEqual(batches, [3]);
  for (let count = 0; count < 4; count++) {
    job.event(log('then'));
    await immediate();
  }
  assert.deepEqual(batches, [3]);
  // much of it does not wait
  job.event(log('x'.repeat(300_000)));
  await until('it is told', () => batches.length === 2);
  assert.deepEqual(batches, [3, 5]);
  job.event(log('last'));
  job.end();
  await listening;
  assert.deepEqual(batches, [3, 5, 1]);
});

test('a listener that goes is forgotten, and so is a build that never began', async () => {
  const jobs = new Jobs();
  const job = jobs.get('a');
  const stop = new AbortController();
  const listening = all(job.listen(stop.signal));
  await Promise.resolve();
  assert.equal(job.listened, true);
  jobs.tidy(job);
  assert.equal(found(jobs, 'a'), job);
  stop.abort();
  assert.deepEqual(await listening, []);
  jobs.tidy(job);
  assert.equal(found(jobs, 'a'), undefined);
});

test('a call within a build waits for the build to begin, and not for ever', async () => {
  const jobs = new Jobs();
  const { signal } = new AbortController();
  const waiting = [jobs.begun('a', signal), jobs.begun('a', signal)];
  jobs.tidy(jobs.get('a'));
  jobs.get('a').begin({});
  assert.deepEqual(await Promise.all(waiting), [jobs.get('a'), jobs.get('a')]);
  await assert.rejects(jobs.begun('b', AbortSignal.abort(new Error('gone'))), /gone/);
  await assert.rejects(jobs.begun('c', signal), /no such build c/);
  assert.equal(found(jobs, 'b'), undefined);
  assert.equal(found(jobs, 'c'), undefined);
});

test('of endless output the beginning is kept, and the rest is said to be missing', async () => {
  const job = new Jobs().get('a');
  for (let i = 0; i < 40; i++) job.event(log('x'.repeat(100_000)));
  job.end();
  const got = await all(job.listen(new AbortController().signal));
  assert.ok(got.length < 15);
  assert.equal(got.at(-1), '\n[output clipped]\n');
});

test('of how far something is only the newest is kept, and waits for a listener', async () => {
  const job = new Jobs().get('a');
  const status = (id: string, current: number): BuildEvent => ({ kind: 'status', vertex: 'sha256:a', id, current, total: 0, timestamp: current });
  const { signal } = new AbortController();
  const listener = job.listen(signal, 60_000);
  job.event(log('begin'));
  const next = async () => (await listener.next()).value as readonly BuildEvent[];
  assert.deepEqual(await next(), [log('begin')]);
  for (let current = 0; current < 1000; current++) for (const id of ['one', 'other']) job.event(status(id, current));
  const newest = [status('one', 999), status('other', 999)];
  assert.deepEqual(job.events, [log('begin'), ...newest]);
  job.end();
  assert.deepEqual(await next(), newest);
  assert.equal(await next(), undefined);
});

test('old builds are forgotten', () => {
  const jobs = new Jobs();
  for (let i = 0; i < 80; i++) {
    jobs.get(`j${i}`).end();
    jobs.tidy();
  }
  assert.equal(jobs.all.length, 50);
  assert.equal(found(jobs, 'j0'), undefined);
});

test('how many builds are remembered, and how long more than these', () => {
  for (const [limits, left] of [
    [{ maxEntries: 3 }, 3],
    [{ maxEntries: 0 }, 0],
    [{ maxEntries: 3, maxAge: 3600_000 }, 9],
  ] as const) {
    const jobs = new Jobs(limits);
    for (let i = 0; i < 9; i++) jobs.get(`j${i}`).end();
    jobs.tidy();
    assert.equal(jobs.all.length, left, JSON.stringify(limits));
  }
});
