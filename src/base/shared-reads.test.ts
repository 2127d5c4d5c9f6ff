import assert from 'node:assert/strict';
import { connect, createServer } from 'node:http2';
import { duplexPair, Readable } from 'node:stream';
import { test } from 'node:test';
import { SharedReads } from './shared-reads.ts';

test('memory goes when all of its pieces are done, and no more can come', () => {
  const [first, second] = [new Uint8Array(100_000), new Uint8Array(100_000)];
  const reads = new SharedReads();
  const [one, other] = [new Readable({ read() {} }), new Readable({ read() {} })];
  for (const stream of [one, other]) reads.watch(stream);
  const [a, b, c] = [first.subarray(0, 10), first.subarray(10), second.subarray(0, 10)];
  one.push(a);
  reads.done(a);
  assert.equal(a.length, 10); // more of it may come
  other.push(b); // it waits there
  one.push(c);
  assert.equal(b.length, 99_990);
  reads.done(b);
  assert.deepEqual([a.length, b.length, first.length], [0, 0, 0]);
  reads.done(c);
  assert.equal(c.length, 10);
  one.push(new Uint8Array(1));
  assert.equal(c.length, 0);
});

test('of HTTP/2: what a paused stream has is whole, however much of others’ beside it was used', async () => {
  const [ours, theirs] = duplexPair();
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.respond();
    const byte = headers[':path'] === '/a' ? 1 : 2;
    for (let i = 0; i < 500; i++) stream.write(Buffer.alloc(1000, byte));
    stream.end();
  });
  server.emit('connection', theirs);
  const session = connect('http://localhost', { createConnection: () => ours });
  const reads = new SharedReads();
  const [a, b] = [session.request({ ':path': '/a' }), session.request({ ':path': '/b' })];
  for (const stream of [a, b]) reads.watch(stream);
  const kept: Buffer[] = [];
  b.on('data', (piece: Buffer) => {
    kept.push(Buffer.from(piece));
    reads.done(piece);
    b.pause();
    setImmediate(() => b.resume());
  });
  let used = 0;
  a.on('data', (piece: Buffer) => {
    used += piece.length;
    assert.ok(piece.every((byte) => byte === 1));
    reads.done(piece);
  });
  await Promise.all([a, b].map((stream) => new Promise((resolve) => stream.once('end', resolve))));
  session.destroy();
  const got = Buffer.concat(kept);
  assert.deepEqual([used, got.length, got.every((byte) => byte === 2)], [500_000, 500_000, true]);
});
