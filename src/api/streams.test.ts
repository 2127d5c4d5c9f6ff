/** Bodies and answers that come piece by piece, and clients that go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { get, ground, post, readUntil, talk } from '../../test/support/raw-http.ts';
import { EngineError } from '../base/errors.ts';
import type { ResponseStream, Route } from './contract.ts';

const CLOSE = 'Connection: close\r\n';
const route = (method: Route['method'], path: string, handler: Route['handler']): Route => ({ method, path, handler });
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);

test('an answer in pieces: its head at once, its end told by chunks, by its length, or by the connection', async (t) => {
  let go: (() => void) | undefined;
  const { path } = await ground(t, [
    route('GET', '/pieces', async (request) => {
      const answer = request.stream({ status: 201, type: 'application/x-tar', headers: { 'X-Stat': 'abc' } });
      answer.flush();
      await new Promise<void>((resolve) => (go = resolve));
      await answer.write('héllo');
      await answer.write('');
      await answer.write(Buffer.from('world'));
    }),
    route('GET', '/counted', async (request) => request.stream({ type: 'text/plain', headers: { 'Content-Length': '5' } }).write('hello')),
  ]);
  const socket = connect(path);
  socket.write(get('/pieces', CLOSE));
  const head = await readUntil(socket, '\r\n\r\n');
  assert.match(
    head,
    /^HTTP\/1\.1 201 Created\r\n[^]*Content-Type: application\/x-tar\r\nX-Stat: abc\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n$/,
  );
  go!();
  assert.equal(Buffer.from(await readUntil(socket), 'latin1').toString(), '6\r\nhéllo\r\n5\r\nworld\r\n0\r\n\r\n');
  assert.match(await talk(path, [get('/counted') + get('/counted', CLOSE)]), /Content-Length: 5\r\n\r\nhelloHTTP[^]*\r\n\r\nhello$/);
  const old = connect(path);
  old.write('GET /counted HTTP/1.0\r\n\r\n');
  assert.match(await readUntil(old), /Connection: close\r\n\r\nhello$/);
  const plain = connect(path);
  plain.write('GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  await sleep(20);
  go!();
  assert.match(Buffer.from(await readUntil(plain), 'latin1').toString(), /Connection: close\r\n\r\nhélloworld$/);
});

test('a last piece goes with the end, in each form of an answer', async (t) => {
  const { path } = await ground(t, [
    route('GET', '/last', async (request) => {
      const answer = request.stream({ type: 'text/plain' });
      await answer.write('a');
      answer.end('bé');
    }),
    route('GET', '/only', async (request) => request.stream({ type: 'text/plain' }).end('only')),
    route('GET', '/counted', async (request) => request.stream({ type: 'text/plain', headers: { 'Content-Length': '5' } }).end('hello')),
    route('GET', '/short', async (request) => request.stream({ type: 'text/plain', headers: { 'Content-Length': '5' } }).end('four')),
  ]);
  const body = async (...words: Parameters<typeof get>) => bodyOf(Buffer.from(await talk(path, [get(...words)]), 'latin1').toString());
  assert.equal(await body('/last', CLOSE), '1\r\na\r\n3\r\nbé\r\n0\r\n\r\n');
  assert.equal(await body('/only', CLOSE), '4\r\nonly\r\n0\r\n\r\n');
  assert.equal(await body('/counted', CLOSE), 'hello');
  assert.doesNotMatch(await talk(path, [get('/short', CLOSE)]), /four/);
});

test('each write waits for a slow client, and fails once it has gone', async (t) => {
  let written = 0;
  let outcome: unknown;
  let ended!: () => void;
  const over = new Promise<void>((resolve) => (ended = resolve));
  const { path, log } = await ground(t, [
    route('GET', '/flood', async (request) => {
      const answer = request.stream({ type: 'text/plain' });
      try {
        for (; written < 1000; written++) await answer.write(Buffer.alloc(64 * 1024));
      } catch (error) {
        outcome = error;
        assert.ok(request.signal.aborted);
        throw error;
      } finally {
        ended();
      }
    }),
  ]);
  const socket = connect(path);
  socket.pause();
  socket.write(get('/flood'));
  let before = -1;
  while (written !== before || written === 0) {
    before = written;
    await sleep(50);
  }
  assert.ok(written < 100, `${written} pieces were written to a client that reads nothing`);
  socket.destroy();
  await over;
  assert.ok(outcome instanceof EngineError && outcome.kind === 'cancelled');
  assert.deepEqual(log, []);
});

test('a failure after the head breaks the answer off; before it, it is an answer', async (t) => {
  const { path, log } = await ground(t, [
    route('GET', '/late', async (request) => {
      await request.stream({ type: 'text/plain' }).write('some');
      throw new EngineError('internal', 'the disk is gone');
    }),
    route('GET', '/told', (request) => {
      const answer = request.stream({ type: 'text/plain' });
      void answer.write('x').then(() => answer.fail(new EngineError('conflict', 'not running')));
      return sleep(20);
    }),
    route('GET', '/short', async (request) => request.stream({ type: 'text/plain', headers: { 'Content-Length': '5' } }).write('hell')),
    route('GET', '/split', (request) => void request.stream({ type: 'text/plain', headers: { 'X-Bad': 'a\r\nInjected: b' } })),
    {
      ...route('POST', '/hijacked', (request) => {
        request.hijack().write('some');
        throw new EngineError('conflict', 'the container has gone');
      }),
      hijack: true,
    },
    route('GET', '/twice', (request) => {
      request.send(1);
      request.send(2);
    }),
  ]);
  assert.match(await talk(path, [get('/late')]), /\r\n\r\n4\r\nsome\r\n$/);
  assert.match(log.join(), /GET \/late: EngineError: the disk is gone/);
  assert.match(await talk(path, [get('/told')]), /\r\n\r\n1\r\nx\r\n$/);
  assert.match(await talk(path, [get('/short')]), /\r\n\r\nhell$/);
  assert.match(await talk(path, [get('/split', CLOSE)]), /^HTTP\/1\.1 500 [^]*header X-Bad: invalid value/);
  assert.match(await talk(path, [get('/twice', CLOSE)]), /^HTTP\/1\.1 200 [^]*\r\n\r\n1\n$/);
  assert.match(log.at(-1)!, /answers a second time/);
  await talk(path, [post('/hijacked', '', '')]);
  assert.match(log.at(-1)!, /POST \/hijacked, after its answer: the container has gone/);
});

test('a body as bytes and as a document, in any pieces; what nobody reads is read over', async (t) => {
  const { path } = await ground(t, [
    route('POST', '/size', async (request) => {
      await sleep(5);
      request.send((await buffer(request.body)).length);
    }),
    route('POST', '/echo', async (request) => request.send((await request.json()) ?? 'none')),
    route('POST', '/ignore', (request) => request.end()),
  ]);
  const large = 'x'.repeat(3_000_000);
  assert.equal(bodyOf(await talk(path, [post('/size', large, CLOSE)])), '3000000\n');
  const chunks =
    'POST /size HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n' +
    `2dc6c0;a="b"\r\n${large}\r\n`.repeat(3) +
    '0\r\nTrailer: x\r\n\r\n';
  assert.equal(bodyOf(await talk(path, [chunks])), '9000000\n');
  const json = 'Content-Type: application/json\r\n';
  for (const pieces of [
    [post('/echo', '{"é":1}', json + CLOSE)],
    [...Buffer.from(post('/echo', '{"é":1}', json + CLOSE))].map((byte) => Buffer.from([byte])),
  ]) {
    assert.equal(Buffer.from(bodyOf(await talk(path, pieces)), 'latin1').toString(), '{"é":1}\n');
  }
  assert.equal(bodyOf(await talk(path, [post('/echo', '', CLOSE)])), '"none"\n');
  assert.match(await talk(path, [post('/echo', '{}', CLOSE)]), /^HTTP\/1\.1 400 [^]*malformed Content-Type header \(\): mime: no media type/);
  assert.match(await talk(path, [post('/echo', `"${'x'.repeat(5_000_000)}"`, json + CLOSE)]), /^HTTP\/1\.1 413 /);
  const unread = await talk(path, [post('/ignore', 'y'.repeat(500_000)) + post('/echo', '"next"', json + CLOSE)]);
  assert.match(unread, /^HTTP\/1\.1 204 No Content\r\n[^]*\r\n\r\nHTTP\/1\.1 200 OK[^]*"next"\n$/);
  // more than is worth reading over: answered all the same, then closed
  assert.match(await talk(path, [post('/ignore', 'y'.repeat(4_000_000))]), /^HTTP\/1\.1 204 No Content\r\n[^]*\r\n\r\n$/);
});

test('a body that nobody reads is held back', async (t) => {
  let finish!: () => void;
  const { path } = await ground(t, [route('POST', '/hold', (request) => new Promise<void>((resolve) => (finish = () => resolve(request.end()))))]);
  const socket = connect(path);
  socket.write('POST /hold HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n\r\n');
  let blocked = false;
  for (let round = 0; round < 1500 && !blocked; round++) {
    if (!socket.write(Buffer.alloc(64 * 1024))) blocked = !(await Promise.race([once(socket, 'drain').then(() => true), sleep(200).then(() => false)]));
  }
  assert.ok(blocked);
  assert.ok(socket.bytesWritten - socket.writableLength < 4_000_000);
  finish();
  assert.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 204 /);
  socket.destroy();
});

test('100-continue is said once the body is wanted, and the connection ends when it is not', async (t) => {
  const { path } = await ground(t, [
    route('POST', '/want', async (request) => request.send(await text(request.body))),
    route('POST', '/refuse', () => {
      throw new EngineError('not-found', 'No such container: x');
    }),
  ]);
  const head = (to: string): string => `POST ${to} HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  const socket = connect(path);
  socket.write(head('/want'));
  assert.equal(await readUntil(socket, '\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('hello');
  assert.match(await readUntil(socket, '"hello"\n'), /^HTTP\/1\.1 200 OK/);
  socket.write(head('/refuse'));
  assert.match(await readUntil(socket), /^HTTP\/1\.1 404 [^]*No such container: x"\}\n$/);
  assert.match(await talk(path, [head('/want').replace('100-continue', 'magic')]), /^HTTP\/1\.1 417 /);
});

test('a client that goes aborts its request: while it waits, while it uploads, while it is hijacked', async (t) => {
  const seen: string[] = [];
  let saw!: () => void;
  const wait = async (signal: AbortSignal, name: string): Promise<void> => {
    if (!signal.aborted) await once(signal, 'abort');
    seen.push(name);
    saw();
  };
  const { path, log } = await ground(t, [
    route('GET', '/wait', async (request) => {
      await wait(request.signal, 'wait');
      request.send('nobody');
    }),
    route('POST', '/upload', async (request) => {
      await assert.rejects(buffer(request.body), { kind: 'cancelled', message: 'unexpected EOF' });
      await wait(request.signal, 'upload');
      request.end();
    }),
    route('POST', '/document', async (request) => {
      await assert.rejects(request.json(), { kind: 'cancelled' });
      await wait(request.signal, 'document');
      request.end();
    }),
    {
      ...route('POST', '/hijack', async (request) => {
        const stream = request.hijack({ type: 'application/vnd.docker.raw-stream' });
        stream.once('end', () => stream.end()).resume();
        await wait(request.signal, 'hijack');
      }),
      hijack: true,
    },
    route('GET', '/logs', async (request) => {
      const answer = request.stream({ type: 'text/plain' });
      answer.flush();
      await wait(request.signal, 'logs');
      await assert.rejects(answer.write('x'), { kind: 'cancelled' });
    }),
  ]);
  const json = 'Content-Type: application/json\r\n';
  const half = (to: string): string => `POST ${to} HTTP/1.1\r\nHost: d\r\n${json}Content-Length: 10\r\n\r\n{"a":`;
  for (const request of [get('/wait'), half('/upload'), half('/document'), post('/hijack', '', json), get('/logs')]) {
    const done = new Promise<void>((resolve) => (saw = resolve));
    const socket = connect(path);
    socket.on('error', () => {});
    socket.write(request);
    await sleep(20);
    socket.destroy();
    await done;
  }
  assert.deepEqual(seen, ['wait', 'upload', 'document', 'hijack', 'logs']);
  await sleep(10);
  assert.deepEqual(log, []);
});

test('a client that has said all it has to say gets its answer', async (t) => {
  const { path } = await ground(t, [route('GET', '/slow', async (request) => (await sleep(20), request.send('answer')))]);
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(get('/slow'));
  assert.match(await readUntil(socket), /"answer"\n$/);
});

test('a stream handed to an exit that was too early does not bring the process down', async (t) => {
  let kept!: ResponseStream;
  const { path } = await ground(t, [
    route('GET', '/kept', (request) => {
      kept = request.stream({ type: 'text/plain' });
    }),
  ]);
  assert.match(await talk(path, [get('/kept', CLOSE)]), /\r\n\r\n0\r\n\r\n$/);
  await assert.rejects(kept.write('x'), { kind: 'internal' });
  kept.end();
  kept.fail(new Error('x'));
  kept.flush();
});
