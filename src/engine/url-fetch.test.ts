import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { fetchUrl, type FetchOptions } from './url-fetch.ts';

async function serving(t: TestContext, answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const at = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return (more: Partial<FetchOptions> = {}) =>
    fetchUrl(at, {
      signal: undefined,
      headers: {},
      redirect: 'manual',
      failed: (why, cause) => new EngineError('unavailable', `not had: ${why}`, { cause }),
      ...more,
    });
}

test('who does not answer, or says nothing any more, is not waited for', async (t) => {
  let closed = Promise.withResolvers<unknown>();
  const get = await serving(t, (request, response) => {
    response.once('close', closed.resolve);
    if (request.headers['x-part'] === 'begin') response.write('begin');
  });
  await assert.rejects(get({ answerMs: 20 }), { kind: 'unavailable', message: 'not had: no answer in time' });
  await closed.promise;
  closed = Promise.withResolvers();
  const got: string[] = [];
  const take = async () => {
    for await (const piece of (await get({ headers: { 'x-part': 'begin' }, idleMs: 100 })).body()) got.push(piece.toString());
  };
  await assert.rejects(take(), { kind: 'unavailable', message: 'not had: no data in time' });
  assert.deepEqual(got, ['begin']);
  await closed.promise;
});

test('who takes his time with what has come is not the one who is late; who stops ends the connection', async (t) => {
  const closed = Promise.withResolvers<unknown>();
  const get = await serving(t, (_request, response) => {
    response.once('close', closed.resolve);
    response.write('one');
    setTimeout(() => response.write('two'), 20);
  });
  const got: string[] = [];
  for await (const piece of (await get({ idleMs: 100 })).body()) {
    got.push(piece.toString());
    if (got.length === 2) break;
    await delay(200);
  }
  assert.deepEqual(got, ['one', 'two']);
  await closed.promise;
});

test('one that is given up throws why', async (t) => {
  const get = await serving(t, (_request, response) => void response.write('one'));
  const stop = new AbortController();
  const { body } = await get({ signal: stop.signal });
  const pieces = body();
  await pieces.next();
  const reason = new EngineError('cancelled', 'given up');
  stop.abort(reason);
  await assert.rejects(pieces.next(), reason);
  await assert.rejects(get({ signal: stop.signal }), reason);
});
