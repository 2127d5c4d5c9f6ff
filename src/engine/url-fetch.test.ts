import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { fetchUrl, type Fetched, type FetchOptions } from './url-fetch.ts';

/** Where it is served. */
async function urlOf(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serving(t: TestContext, answer: RequestListener) {
  const host = (await urlOf(t, answer)).replace('http://', '');
  return (more: Partial<FetchOptions> & { readonly url?: string } = {}) =>
    fetchUrl((more.url ?? 'http://HOST/').replace('HOST', host), {
      signal: undefined,
      failed: (why: string, cause: unknown) => new EngineError('unavailable', `not had: ${why}`, { cause }),
      ...more,
    });
}

test('who does not answer, or says nothing any more, is not waited for', async (t) => {
  let closed = Promise.withResolvers<unknown>();
  const get = await serving(t, (request, response) => {
    response.once('close', closed.resolve);
    if (request.url === '/begin') response.write('begin');
  });
  await assert.rejects(get({ answerMs: 20 }), { kind: 'unavailable', message: 'not had: no answer within 20 ms' });
  await closed.promise;
  closed = Promise.withResolvers();
  const got: string[] = [];
  const take = async () => {
    for await (const piece of (await get({ url: 'http://HOST/begin', idleMs: 100 })).body()) got.push(piece.toString());
  };
  await assert.rejects(take(), { kind: 'unavailable', message: 'not had: no more of the answer within 100 ms' });
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

test('who is sent elsewhere does not take a password along, and is not sent on without end', async (t) => {
  const seen: (string | undefined)[] = [];
  const elsewhere = await urlOf(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.end('there');
  });
  const get = await serving(t, (request, response) => {
    seen.push(request.headers.authorization);
    if (request.url === '/same') return response.end('here');
    response.writeHead(302, { location: { '/': '/same', '/away': elsewhere, '/bad': 'file:///etc/passwd' }[request.url!] ?? '/loop' }).end();
  });
  const text = async (answer: Fetched) => {
    let all = '';
    for await (const piece of answer.body()) all += piece.toString();
    return all;
  };
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  assert.equal(await text(await get({ url: 'http://me:secret@HOST/' })), 'here');
  assert.deepEqual(seen.splice(0), [basic, basic]);
  assert.equal(await text(await get({ url: 'http://me:secret@HOST/away' })), 'there');
  assert.deepEqual(seen.splice(0), [basic, undefined]);
  await assert.rejects(get({ url: 'http://HOST/loop' }), { message: 'not had: stopped after 10 redirects' });
  await assert.rejects(get({ url: 'http://HOST/bad' }), { kind: 'invalid', message: 'invalid URL "file:///etc/passwd": http and https can be fetched' });
});

test("through the environment's proxy, except what it leaves out", async (t) => {
  const seen: string[] = [];
  const proxy = await urlOf(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(404).end('no such thing');
  });
  const direct = await serving(t, (_request, response) => void response.end('direct'));
  const answer = await direct({ url: 'http://files.test/x.tar', env: { HTTP_PROXY: proxy } });
  assert.deepEqual([answer.status, answer.statusText, await answer.beginning()], [404, '404 Not Found', 'no such thing']);
  assert.deepEqual(seen, ['GET http://files.test/x.tar']);
  assert.equal((await direct({ env: { HTTP_PROXY: proxy } })).status, 200, 'loopback never');
});
