import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../base/errors.ts';
import type { OnProgress } from '../engine/images-contract.ts';
import type { ApiRequest, ResponseStream } from './contract.ts';
import { messageOf, progressText, streamMessages, type MessageOptions } from './json-messages.ts';

interface Client {
  readonly lines: unknown[];
  ended: boolean;
  /** Lets one write through, where it was asked to be slow. */
  next: () => void;
}

function client(slow = false): { client: Client; request: ApiRequest; heads: number } {
  const state = { client: { lines: [] as unknown[], ended: false, next: () => {} }, heads: 0 };
  const stream: ResponseStream = {
    flush: () => {},
    write: async (chunk) => {
      if (slow) await new Promise<void>((resolve) => (state.client.next = resolve));
      assert.match(String(chunk), /\r\n$/);
      state.client.lines.push(JSON.parse(String(chunk)));
    },
    last: () => assert.fail('messages come one by one'),
    end: () => void (state.client.ended = true),
    fail: () => assert.fail('the stream was broken off'),
  };
  const request = {
    stream: ({ type, status }: { type: string; status?: number }) => {
      assert.deepEqual([type, status], ['application/json', undefined]);
      state.heads++;
      return stream;
    },
  } as unknown as ApiRequest;
  return Object.assign(state, { request });
}

async function said(work: (say: OnProgress) => Promise<unknown>, options: MessageOptions = {}): Promise<unknown[]> {
  const one = client();
  await streamMessages(one.request, work, options);
  assert.equal(one.client.ended, true);
  assert.equal(one.heads, 1);
  return one.client.lines;
}

test('lines are as dockerd writes them', () => {
  assert.deepEqual(messageOf({ status: 'Digest: x' }), { status: 'Digest: x' });
  assert.deepEqual(messageOf({ status: 'Pulling from library/redis', id: 'latest' }), { status: 'Pulling from library/redis', id: 'latest' });
  assert.deepEqual(messageOf({ status: 'Pull complete', id: 'a' }), { status: 'Pull complete', progressDetail: {}, id: 'a' });
  assert.deepEqual(messageOf({ status: '', aux: { Tag: '1' } }), { progressDetail: {}, aux: { Tag: '1' } });
  assert.deepEqual(messageOf({ status: 'Downloading', id: 'a', current: 98_304, total: 9_447_396 }), {
    status: 'Downloading',
    progressDetail: { current: 98_304, total: 9_447_396 },
    progress: '[>                                                  ]   98.3kB/9.447MB',
    id: 'a',
  });
  // as dockerd 28 has written them
  assert.equal(progressText(5_508_096, 12_582_912), '[=====================>                             ]  5.508MB/12.58MB');
  assert.equal(progressText(12_587_008, 12_582_912), '[==================================================>]  12.59MB');
  assert.equal(progressText(1536), ' 1.536kB');
});

test('of progress a tenth of a second shows one line, and the last is never lost', async () => {
  let time = 1000;
  const lines = await said(
    async (say) => {
      for (const id of ['a', 'b']) {
        for (let current = 1; current <= 50; current++, time += 10) {
          say({ status: 'Downloading', id, current, total: 50 });
          await new Promise((resolve) => setImmediate(resolve));
        }
        say({ status: 'Download complete', id });
        say({ status: 'Extracting', id, current: 1, total: 50 });
      }
    },
    { now: () => time },
  );
  const seen = (lines as { id: string; status: string; progressDetail: { current?: number } }[]).map(({ id, status, progressDetail: { current = '' } }) =>
    `${id} ${status} ${current}`.trim(),
  );
  const one = (id: string) => [...[1, 11, 21, 31, 41, 50].map((current) => `${id} Downloading ${current}`), `${id} Download complete`, `${id} Extracting 1`];
  assert.deepEqual(seen, [...one('a'), ...one('b')]);
});

test('who reads slowly gets the newest of each step, in order, and makes nobody wait', async () => {
  const { client: reader, request } = client(true);
  let time = 0;
  const done = streamMessages(
    request,
    async (say) => {
      for (let current = 0; current < 1000; current++, time += 1000) say({ status: 'Downloading', id: 'a', current, total: 1000 });
      say({ status: 'Pull complete', id: 'a' });
    },
    { now: () => time },
  );
  let over = false;
  void done.then(() => (over = true));
  while (!over) {
    reader.next();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const currents = (reader.lines as { progressDetail: { current?: number } }[]).map(({ progressDetail }) => progressDetail.current);
  assert.deepEqual(currents, [0, 999, undefined]);
});

test('an error is an answer of its own before the first line, and a line after it', async () => {
  const gone = new EngineError('not-found', 'No such image: x');
  const { request, client: reader } = client();
  await assert.rejects(
    streamMessages(request, async () => Promise.reject(gone)),
    gone,
  );
  assert.equal(reader.ended, false);
  const errorLine = { errorDetail: { code: 404, message: 'No such image: x' }, error: 'No such image: x' };
  const late = async (say: OnProgress) => {
    say({ status: 'first' });
    throw gone;
  };
  assert.deepEqual(await said(late), [{ status: 'first' }, errorLine]);
  assert.deepEqual(await said(async () => Promise.reject(gone), { errorsInStream: true }), [errorLine]);
  const fault = { errorDetail: { message: 'odd' }, error: 'odd' };
  assert.deepEqual(await said(async () => Promise.reject(new Error('odd')), { errorsInStream: true }), [fault]);
});

test('nothing said is an empty answer; who has gone is told nothing more', async () => {
  assert.deepEqual(await said(async () => {}), []);
  const stream = { write: async () => Promise.reject(new EngineError('cancelled', 'the client has gone')), end: () => {} };
  const request = { stream: () => stream } as unknown as ApiRequest;
  await streamMessages(request, async (say) => {
    for (let count = 0; count < 3; count++) {
      say({ status: String(count) });
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
