import assert from 'node:assert/strict';
import { createServer, request, type IncomingMessage } from 'node:http';
import { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { letGo } from '../../base/memory.ts';
import { ResponseBody } from './response-body.ts';

async function answer(t: TestContext, pieces: () => Iterable<Buffer>): Promise<ResponseBody> {
  const server = createServer(async (_, response) => {
    for (const piece of pieces()) if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => request({ port }, resolve).on('error', reject).end());
  return new ResponseBody(response, { method: 'GET', url: new URL(`http://127.0.0.1:${port}/`), idle: 10_000 });
}

test('what the socket has read does not pile up', async (t) => {
  const piece = Buffer.alloc(1 << 20, 'x');
  const body = await answer(t, () => Array.from({ length: 64 }, () => piece));
  const start = process.memoryUsage().arrayBuffers;
  let [most, size] = [0, 0];
  for await (const chunk of body) {
    size += chunk.length;
    letGo(chunk);
    most = Math.max(most, process.memoryUsage().arrayBuffers - start);
  }
  assert.equal(size, 64 << 20);
  assert.ok(most < 4 << 20, `${most} bytes of buffers`);
});

test('a reader that waits stops the socket, and gets all of it in its order', async (t) => {
  const body = await answer(t, () => Array.from({ length: 300 }, (_, index) => Buffer.alloc(10_000, index & 0xff)));
  let at = 0;
  for await (const chunk of body) {
    if (at % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const byte of chunk) assert.equal(byte, Math.floor(at++ / 10_000) & 0xff);
  }
  assert.equal(at, 3_000_000);
});
