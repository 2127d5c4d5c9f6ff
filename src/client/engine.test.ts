/** The engine over HTTP, against a server that only writes down what it is asked. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../base/errors.ts';
import { tempFor } from '../../test/support/temp.ts';
import { connectEngine, type ConnectOptions } from './engine.ts';

interface Seen {
  readonly call: string;
  readonly body: unknown;
}

type Reply = { readonly status?: number; readonly json?: unknown } | 'hold';

async function daemon(t: TestContext, reply: (call: string) => Reply, options: ConnectOptions = {}, apiVersion = '1.51') {
  const seen: Seen[] = [];
  const bodies = async (request: IncomingMessage) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  const server = createServer((request, response) => {
    if (request.url === '/_ping') return void response.writeHead(200, { 'api-version': apiVersion }).end('OK');
    void bodies(request).then((body) => {
      const call = `${request.method} ${decodeURIComponent(request.url!.replace(/^\/v1\.\d+/, ''))}`;
      seen.push({ call, body });
      const answer = reply(call);
      if (answer === 'hold') return response.writeHead(200).flushHeaders();
      response.writeHead(answer.status ?? (answer.json === undefined ? 204 : 200)).end(answer.json === undefined ? '' : JSON.stringify(answer.json));
    });
  });
  server.on('upgrade', (request, socket, head) => {
    seen.push({
      call: `${request.method} ${decodeURIComponent(request.url!.replace(/^\/v1\.\d+/, ''))}`,
      body: head.length > 0 ? JSON.parse(head.toString()) : undefined,
    });
    const framed = request.url!.includes('framed') || request.headers['x-framed'] !== undefined;
    socket.end(
      `HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.${framed ? 'multiplexed' : 'raw'}-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello`,
    );
  });
  const socket = `${tempFor(t)}/s`;
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const engine = connectEngine(`unix://${socket}`, options);
  t.after(async () => {
    await engine.close();
    server.closeAllConnections();
    server.close();
  });
  return { engine, seen, server };
}

const is = (kind: string, message: RegExp) => (error: unknown) => error instanceof EngineError && error.kind === kind && message.test(error.message);

test('what happens to containers is asked in the API’s words', async (t) => {
  const { engine, seen } = await daemon(t, (call) => {
    if (call.includes('/create')) return { status: 201, json: { Id: 'abc', Warnings: null } };
    if (call.includes('/prune')) return { json: { ContainersDeleted: null, SpaceReclaimed: 5 } };
    if (call.startsWith('GET /containers/json')) return { json: [] };
    return call.includes('/running/start') || call.includes('/ended/stop') ? { status: 304 } : {};
  });
  const { containers } = engine;
  assert.deepEqual(await containers.create({ Image: 'i' }, { name: 'n', platform: 'linux/amd64' }), { Id: 'abc', Warnings: [] });
  assert.equal(await containers.start('c', { detachKeys: 'a,b' }), true);
  assert.equal(await containers.start('running'), false);
  assert.equal(await containers.stop('c', { signal: 'HUP', timeout: -1 }), true);
  assert.equal(await containers.stop('ended'), false);
  await containers.restart('/c', { timeout: 0 });
  await containers.kill('c');
  await containers.kill('c', '9');
  await containers.pause('c');
  await containers.unpause('c');
  await containers.rename('c', 'd');
  await containers.remove('c', { force: true, volumes: true, link: false });
  assert.deepEqual(await containers.prune({ label: ['a'] }), { ContainersDeleted: [], SpaceReclaimed: 5 });
  assert.deepEqual(await containers.list({ all: true, limit: 2, filters: { status: ['exited'] } }), []);
  await containers.resize('c', 3, 4);
  assert.deepEqual(
    seen.map(({ call, body }) => (body === undefined ? call : [call, body])),
    [
      ['POST /containers/create?name=n&platform=linux/amd64', { Image: 'i' }],
      'POST /containers/c/start?detachKeys=a,b',
      'POST /containers/running/start',
      'POST /containers/c/stop?signal=HUP&t=-1',
      'POST /containers/ended/stop',
      'POST /containers/c/restart?t=0',
      'POST /containers/c/kill',
      'POST /containers/c/kill?signal=9',
      'POST /containers/c/pause',
      'POST /containers/c/unpause',
      'POST /containers/c/rename?name=d',
      'DELETE /containers/c?force=1&v=1',
      'POST /containers/prune?filters={"label":["a"]}',
      'GET /containers/json?all=1&limit=2&filters={"status":["exited"]}',
      'POST /containers/c/resize?h=3&w=4',
    ],
  );
  await assert.rejects(containers.start(''), is('invalid', /value is empty/));
  await assert.rejects(containers.start('a/../b'), is('invalid', /invalid reference/));
});

test('a wait has begun with the head, ends with the document, and can be given up', async (t) => {
  const { engine, server } = await daemon(t, () => 'hold');
  let finish = () => {};
  server.prependListener('request', (request, response) => {
    if (request.url!.includes('condition=next-exit')) finish = () => response.end('{"StatusCode":7}');
  });
  const result = await engine.containers.wait('c', { condition: 'next-exit', started: () => finish() });
  assert.deepEqual(result, { StatusCode: 7 });
  const stop = new AbortController();
  await assert.rejects(engine.containers.wait('c', { signal: stop.signal, started: () => stop.abort() }), is('cancelled', /./));
});

test('streams are taken over; who has a terminal is known from the answer, or asked', async (t) => {
  const { engine, seen } = await daemon(t, () => ({ json: { Config: { Tty: false } } }));
  const old = await daemon(t, () => ({ json: { Config: { Tty: false } } }), {}, '1.41');
  const read = async (name: string, from = engine) => {
    const { tty, stream } = await from.containers.attach(name, { stdin: true, stdout: true });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return [tty, text];
  };
  assert.deepEqual(await read('framed'), [false, 'hello']);
  assert.deepEqual(await read('raw'), [true, 'hello']);
  assert.deepEqual(await read('raw', old.engine), [false, 'hello']);
  assert.deepEqual(
    seen.map(({ call }) => call),
    ['POST /containers/framed/attach?stdin=1&stdout=1&stream=1', 'POST /containers/raw/attach?stdin=1&stdout=1&stream=1'],
  );
});

test('execs: the daemon hears of the terminal again when they start', async (t) => {
  const { engine, seen } = await daemon(t, (call) => {
    if (call.endsWith('/c/exec')) return { status: 201, json: { Id: 'e' } };
    return call.startsWith('GET') ? { json: { ProcessConfig: { tty: false } } } : {};
  });
  const { Id } = await engine.execs.create('c', { Cmd: ['sh'], Tty: true });
  const attached = await engine.execs.start(Id, { consoleSize: [3, 4] });
  assert.equal(attached?.tty, true);
  attached.stream.destroy();
  assert.equal(await engine.execs.start('other', { detach: true, consoleSize: [3, 4] }), undefined);
  await engine.execs.resize('e', 1, 2);
  assert.deepEqual(
    seen.map(({ call, body }) => (body === undefined ? call : [call, body])),
    [
      ['POST /containers/c/exec', { Cmd: ['sh'], Tty: true }],
      ['POST /exec/e/start', { Detach: false, Tty: true, ConsoleSize: [3, 4] }],
      'GET /exec/other/json',
      ['POST /exec/other/start', { Detach: true, Tty: false }],
      'POST /exec/e/resize?h=1&w=2',
    ],
  );
});

test('the signal of the whole engine ends what is under way', async (t) => {
  const stop = new AbortController();
  const { engine } = await daemon(t, () => 'hold', { signal: stop.signal });
  await assert.rejects(engine.containers.wait('c', { started: () => stop.abort() }), is('cancelled', /./));
  await assert.rejects(engine.containers.list(), is('cancelled', /./));
});
