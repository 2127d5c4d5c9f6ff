import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { createServer, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { tempFor } from '../../test/support/temp.ts';
import { DetachKeys, parseDetachKeys, pump } from './attach.ts';

test('detach keys are found across chunks, and what only began like them is passed on', () => {
  const keys = new DetachKeys('ctrl-p,ctrl-q');
  assert.deepEqual(keys.push(Buffer.from('ab\x10')), { pass: Buffer.from('ab'), detached: false });
  assert.deepEqual(keys.push(Buffer.from('x')), { pass: Buffer.from('\x10x'), detached: false });
  assert.deepEqual(keys.push(Buffer.from('\x10\x10')), { pass: Buffer.from('\x10'), detached: false });
  assert.deepEqual(keys.push(Buffer.from('\x11rest')), { pass: Buffer.alloc(0), detached: true });
});

test('no detach keys: everything passes', () => {
  assert.deepEqual(new DetachKeys('').push(Buffer.from('\x10\x11')), { pass: Buffer.from('\x10\x11'), detached: false });
});

test('detach keys are parsed as docker does', () => {
  assert.deepEqual([...parseDetachKeys('ctrl-a,b,ctrl-@,ctrl-[')], [1, 98, 0, 27]);
  assert.throws(() => parseDetachKeys('ctrl-!'), /unknown detach key "ctrl-!"/);
  assert.throws(() => parseDetachKeys('ab'), /unknown detach key "ab"/);
});

async function pair(t: Parameters<typeof tempFor>[0]): Promise<[Socket, Socket]> {
  const path = `${tempFor(t)}/s`;
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const near = connect({ path, allowHalfOpen: true });
  const far = await new Promise<Socket>((resolve) => server.once('connection', resolve));
  t.after(() => {
    server.close();
    near.destroy();
    far.destroy();
  });
  return [near, far];
}

const frame = (kind: number, text: string) => {
  const head = Buffer.alloc(8);
  head[0] = kind;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

test('frames come apart however the stream is cut', async (t) => {
  const [near, far] = await pair(t);
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const done = pump(near, { stdout, stderr }, false);
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, ' more')]);
  for (const byte of bytes) {
    far.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  far.end();
  assert.equal(await done, 'exit');
  assert.equal(String(stdout.read()), 'out more');
  assert.equal(String(stderr.read()), 'err');
});

test('a malformed frame is an error', async (t) => {
  const [near, far] = await pair(t);
  const done = pump(near, {}, false);
  far.write(Buffer.from('not a frame'));
  await assert.rejects(done, /malformed stream frame of type 110/);
});

test('the end of the input half-closes; the output goes on', async (t) => {
  const [near, far] = await pair(t);
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const done = pump(near, { stdin, stdout }, false);
  stdin.end('typed');
  let got = '';
  for await (const chunk of far) got += String(chunk);
  assert.equal(got, 'typed');
  far.end(frame(1, 'answer'));
  await done;
  assert.equal(String(stdout.read()), 'answer');
});
