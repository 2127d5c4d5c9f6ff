/** What the client of an exec sees, and when. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { framed } from '../../../test/support/frames.ts';
import { ground, post, readUntil, talk } from '../../../test/support/raw-http.ts';
import { EngineError } from '../../base/errors.ts';
import type { Execs, ExecStart } from '../../engine/containers-contract.ts';
import type { Engine } from '../../engine/contract.ts';
import type { ApiRequest } from '../contract.ts';
import { destroyUnlessTaken, streamRoutes } from './streams.ts';

const JSON_TYPE = 'Content-Type: application/json\r\n';
const startOf = (tty: boolean) => post('/v1.51/exec/e/start', JSON.stringify({ Tty: tty }), `${JSON_TYPE}Connection: Upgrade\r\nUpgrade: tcp\r\n`);
const START = startOf(false);
const NOT_THERE = new EngineError('invalid', 'exec: "nope": executable file not found in $PATH', { detail: { exitCode: 127 } });

/** A server whose execs start as `start` says. */
async function serving(t: TestContext, start: Execs['start']): Promise<string> {
  const engine = { execs: { start, inspect: async () => ({}) } } as unknown as Engine;
  const routes = streamRoutes.map((route) => ({ ...route, handler: (request: ApiRequest) => route.handler(request, engine) }));
  return (await ground(t, routes)).path;
}

const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4);

for (const tty of [false, true]) {
  test(`exec${tty ? ' with a terminal' : ''}: the head comes before the program is started, then what it says, then the end`, async (t) => {
    const stream = new PassThrough();
    const go = Promise.withResolvers<void>();
    const path = await serving(t, async (_id, { opened }: ExecStart = {}) => {
      opened!({ tty, stream });
      await go.promise;
      return { tty, stream };
    });
    const socket = connect(path);
    socket.write(startOf(tty));
    assert.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 101 UPGRADED\r\n[^]*\r\n\r\n$/);
    go.resolve();
    stream.end('output');
    assert.equal(await readUntil(socket), 'output');
    socket.destroy();
    await once(socket, 'close');
  });

  test(`exec${tty ? ' with a terminal' : ''}: a program that cannot be started is told of in the stream, which had ended before`, async (t) => {
    const path = await serving(t, async (_id, { opened }: ExecStart = {}) => {
      const stream = new PassThrough();
      opened!({ tty, stream });
      stream.end();
      await once(stream, 'end');
      throw NOT_THERE;
    });
    const text = `OCI runtime exec failed: exec failed: unable to start container process: ${NOT_THERE.message}\r\n`;
    assert.equal(bodyOf(await talk(path, [startOf(tty)])), tty ? text : framed('stdout', text).toString('latin1'));
  });
}

test('exec: frames or none as the start asks for, not as the exec was made', async (t) => {
  for (const tty of [false, true]) {
    const path = await serving(t, async (_id, { opened }: ExecStart = {}) => {
      const stream = new PassThrough();
      opened!({ tty, stream });
      stream.end(tty ? 'shown' : framed('stdout', 'written'));
      return { tty, stream };
    });
    const answer = await talk(path, [startOf(!tty)]);
    assert.match(answer, tty ? /^Content-Type: application\/vnd\.docker\.multiplexed-stream/m : /^Content-Type: application\/vnd\.docker\.raw-stream/m);
    assert.equal(bodyOf(answer), tty ? framed('stdout', 'shown').toString('latin1') : 'written');
  }
});

test('exec: streams that go without an end, and an error that no program is to blame for', async (t) => {
  const path = await serving(t, async (_id, { opened }: ExecStart = {}) => {
    const stream = new PassThrough();
    opened!({ tty: true, stream });
    stream.destroy();
    throw new EngineError('conflict', 'container c is not running');
  });
  assert.equal(bodyOf(await talk(path, [startOf(true)])), 'container c is not running\r\n');
});

test('exec: what fails before there are streams has a status', async (t) => {
  const errors = [new EngineError('conflict', 'Container c is paused, unpause the container before exec'), NOT_THERE];
  const path = await serving(t, async () => {
    throw errors.shift()!;
  });
  assert.match(await talk(path, [START], '}\n'), /^HTTP\/1\.1 409 [^]*"Container c is paused, unpause the container before exec"/);
  const detached = post('/v1.51/exec/e/start', '{"Detach":true}');
  assert.match(
    await talk(path, [detached], '}\n'),
    /^HTTP\/1\.1 400 [^]*"OCI runtime exec failed: exec failed: unable to start container process: exec: \\"nope\\"/,
  );
});

test('what a client sent before it went waits for the process as long as that takes some of it', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const taken: (() => void)[] = [];
  const stream = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => void taken.push(done) });
  for (const text of ['a', 'b', 'c']) stream.write(text);
  stream.end();
  destroyUnlessTaken(stream);
  for (let times = 0; times < 2; times++) {
    taken.shift()!();
    await turn();
    t.mock.timers.tick(60_000);
    assert.equal(stream.destroyed, false);
  }
  t.mock.timers.tick(60_000);
  assert.equal(stream.destroyed, true);
});
