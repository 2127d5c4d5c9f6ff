/** Blobs: whole, cut off, slow, too short, too long, elsewhere. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, fakeRegistry, type Hook } from '../../../test/support/fake-registry.ts';
import { collect, openRepository } from '../../../test/support/registry-client.ts';
import type { RegistryOptions } from '../contract.ts';
import { failure } from '../../../test/support/failure.ts';

const BYTES = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));

async function withBlob(t: TestContext, options: RegistryOptions = {}, bytes = BYTES) {
  const registry = await fakeRegistry(t);
  const digest = registry.addBlob(bytes);
  const repository = openRepository(t, `${registry.host}/app`, options);
  const hook = (use: Hook) => {
    registry.hook = (request, response, url) => (url.pathname.includes('/blobs/') ? use(request, response, url) : false);
  };
  return { registry, repository, hook, blob: { mediaType: 'application/octet-stream', digest, size: bytes.length } };
}

/** Answers with a range of the blob, and breaks off after `count` bytes. */
function cutAfter(count: () => number, bytes = BYTES): Hook {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const part = bytes.subarray(from, from + count());
    const range = request.headers.range === undefined ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(request.headers.range === undefined ? 200 : 206, { 'content-length': bytes.length - from, ...range });
    if (part.length === bytes.length - from) response.end(part);
    else response.write(part, () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

test('the whole blob, and from an offset', async (t) => {
  const { repository, blob, registry } = await withBlob(t);
  const whole = await repository.blob(blob);
  assert.equal(whole.size, BYTES.length);
  assert.ok((await collect(whole)).equals(BYTES));
  const rest = await repository.blob(blob, { offset: 250_000 });
  assert.ok((await collect(rest)).equals(BYTES.subarray(250_000)));
  assert.equal(registry.asked.at(-1)!.headers.range, 'bytes=250000-');
  assert.equal((await collect(await repository.blob(blob, { offset: BYTES.length }))).length, 0);
  await assert.rejects(repository.blob(blob, { offset: -1 }), /no offset -1/);
  assert.ok(await repository.hasBlob(blob.digest));
  assert.ok(!(await repository.hasBlob(`sha256:${'0'.repeat(64)}`)));
});

test('an empty blob', async (t) => {
  const { repository, blob } = await withBlob(t, {}, Buffer.alloc(0));
  assert.equal((await collect(await repository.blob(blob))).length, 0);
});

test('a connection that breaks off is continued where it was, again and again', async (t) => {
  const { repository, blob, hook, registry } = await withBlob(t);
  hook(cutAfter(() => 70_000));
  assert.ok((await collect(await repository.blob(blob))).equals(BYTES));
  const ranges = registry.asked.flatMap(({ url, headers }) => (url.pathname.includes('/blobs/') ? [headers.range] : []));
  assert.deepEqual(ranges, [undefined, 'bytes=70000-', 'bytes=140000-', 'bytes=210000-', 'bytes=280000-']);
});

test('a registry that ignores Range: what was there already is passed over', async (t) => {
  const { repository, blob, hook } = await withBlob(t);
  let first = true;
  hook((_request, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    if (first) response.write(BYTES.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    else response.end(BYTES);
    first = false;
    return true;
  });
  assert.ok((await collect(await repository.blob(blob))).equals(BYTES));
  assert.ok((await collect(await repository.blob(blob, { offset: 1000 }))).equals(BYTES.subarray(1000)), 'the first time too');
});

test('breaking off without progress ends in an error that says how far it got', async (t) => {
  const { repository, blob, hook, registry } = await withBlob(t);
  hook(cutAfter(() => (registry.asked.length < 3 ? 1000 : 0)));
  const error = await failure(repository.blob(blob).then(collect));
  assert.equal(error.kind, 'unavailable');
  assert.match(error.message, /^blob sha256:[0-9a-f]{64}: .*unexpected EOF \(1000 of 300000 bytes arrived\)$/);
  assert.ok(registry.asked.length < 10, `${registry.asked.length} requests`);
});

test('fewer bytes than promised, with and without a length', async (t) => {
  const { repository, blob, hook } = await withBlob(t);
  hook((_request, response) => {
    answer(response, 200, {}, BYTES.subarray(0, 5000));
    return true;
  });
  assert.match((await failure(repository.blob(blob).then(collect))).message, /unexpected EOF \(5000 of 300000 bytes arrived\)/);
  hook((_request, response) => {
    response.write(BYTES.subarray(0, 4000)); // chunked
    response.end(BYTES.subarray(4000, 5000));
    return true;
  });
  assert.match((await failure(repository.blob(blob).then(collect))).message, /unexpected EOF \(5000 of 300000 bytes arrived\)/);
});

test('more bytes than promised: refused by its length, or when they come', async (t) => {
  const { repository, blob, hook } = await withBlob(t);
  const more = Buffer.concat([BYTES, Buffer.alloc(10_000_000)]);
  hook((_request, response) => {
    answer(response, 200, {}, more);
    return true;
  });
  const announced = await failure(repository.blob(blob).then(collect));
  assert.equal(announced.kind, 'invalid');
  assert.match(announced.message, /sends 10300000 bytes where 300000 were promised/);
  hook((_request, response) => {
    response.write(BYTES.subarray(0, 1000)); // chunked
    response.end(more.subarray(1000));
    return true;
  });
  let came = 0;
  const surprise = await failure(
    (async () => {
      for await (const chunk of await repository.blob(blob)) came += chunk.length;
    })(),
  );
  assert.match(surprise.message, /sends more than the 300000 bytes that were promised/);
  assert.ok(came <= BYTES.length);
});

test('a range that was not asked for, a blob of another size, an encoding', async (t) => {
  const { repository, blob, hook } = await withBlob(t);
  const ranged = (range: string) =>
    hook((_request, response) => {
      answer(response, 206, { 'content-range': range }, 'x');
      return true;
    });
  ranged('bytes 0-0/300000');
  assert.match((await failure(repository.blob(blob, { offset: 5 }))).message, /was asked for bytes from 5 on and sends others/);
  ranged('bytes 5-9/300001');
  assert.match((await failure(repository.blob(blob, { offset: 5 }))).message, /has 300001 bytes where 300000 were promised/);
  hook((_request, response) => {
    answer(response, 200, { 'content-encoding': 'gzip' }, 'x');
    return true;
  });
  assert.match((await failure(repository.blob(blob))).message, /Content-Encoding gzip/);
});

test('a body that stands still or drips is given up, and taken up again', async (t) => {
  const { repository, blob, hook, registry } = await withBlob(t, { timeouts: { idle: 900, headers: 5000, connect: 5000, small: 5000 } });
  let first = true;
  hook((request, response, url) => {
    if (!first) return false;
    first = false;
    void request;
    void url;
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 100_000));
    return true; // and no more
  });
  assert.ok((await collect(await repository.blob(blob))).equals(BYTES));
  assert.equal(registry.asked.at(-1)!.headers.range, 'bytes=100000-');
  hook((_request, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    const timer = setInterval(() => response.write('x'), 10);
    response.on('close', () => clearInterval(timer));
    return true;
  });
  assert.match((await failure(repository.blob(blob).then(collect))).message, /no more of the answer within 900 ms \(\d+ of 300000 bytes arrived\)$/);
});

test('a reader that is slow is no registry that hangs, and is not run over', async (t) => {
  const big = Buffer.alloc(16 << 20, 1);
  const { repository, blob, registry } = await withBlob(t, { timeouts: { idle: 900, headers: 5000, connect: 5000, small: 5000 } }, big);
  let served = 0;
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/blobs/')) return false;
    response.writeHead(200, { 'content-length': big.length });
    let at = 0;
    const more = () => {
      while (at < big.length) {
        const part = big.subarray(at, at + (64 << 10));
        at += part.length;
        served = at;
        if (!response.write(part)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
    return true;
  };
  let came = 0;
  for await (const chunk of await repository.blob(blob)) {
    if (came === 0) {
      await sleep(2000);
      assert.ok(served < big.length, 'it was all taken before anybody read it');
    }
    came += chunk.length;
  }
  assert.equal(came, big.length);
});

test('a signal ends a blob in the middle; so does a reader that stops', async (t) => {
  const { repository, blob, hook, registry } = await withBlob(t);
  let closed = 0;
  hook((_request, response) => {
    response.on('close', () => closed++);
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 1000));
    return true;
  });
  const controller = new AbortController();
  const stream = await repository.blob(blob, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  assert.equal((await failure(collect(stream))).kind, 'cancelled');
  for await (const chunk of await repository.blob(blob)) {
    assert.equal(chunk.length, 1000);
    break;
  }
  await sleep(100);
  assert.equal(closed, 2);
  assert.equal(registry.asked.length, 3);
});

test('what the registry has not is an error, or is at one of its urls', async (t) => {
  const { repository, blob, hook } = await withBlob(t);
  const elsewhere = await fakeRegistry(t);
  elsewhere.hook = (request, response) => {
    assert.equal(request.headers.authorization, undefined);
    answer(response, 200, {}, BYTES);
    return true;
  };
  hook((_request, response) => {
    answer(response, 404, { 'content-type': 'application/json' }, '{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}');
    return true;
  });
  const error = await failure(repository.blob(blob));
  assert.equal(error.message, 'unknown blob'); // docker 28's
  assert.equal(error.kind, 'not-found');
  const urls = ['file:///etc/passwd', 'nonsense', 'http://127.0.0.1:1/refused', `${elsewhere.address}/layer`];
  assert.ok((await collect(await repository.blob({ ...blob, urls }))).equals(BYTES));
});
