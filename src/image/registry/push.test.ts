/** Pushing: what is there already, what is next door, in one piece, in chunks, over connections that break. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { answer, fakeRegistry, fault, type Hook, sha256, USER } from '../../../test/support/fake-registry.ts';
import { chunksOf, openRepository } from '../../../test/support/registry-client.ts';
import { EngineError } from '../../base/errors.ts';
import type { Credentials, RegistryOptions } from '../contract.ts';
import { OCI_MANIFEST } from '../manifest.ts';
import { failure } from '../../../test/support/failure.ts';

const BYTES = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 13 + (index >> 9)) & 0xff));
const blobOf = (bytes: Buffer) => ({ mediaType: 'application/octet-stream', digest: sha256(bytes), size: bytes.length });
const BLOB = blobOf(BYTES);

async function target(t: TestContext, options: RegistryOptions = {}, auth?: 'basic' | 'token', credentials?: Credentials) {
  const registry = await fakeRegistry(t, auth === undefined ? {} : { auth });
  return { registry, repository: openRepository(t, `${registry.host}/app:latest`, options, credentials) };
}

const uploads = (lines: readonly string[]) => lines.map((line) => line.replace(/uploads\/.+/, 'uploads/ID')).filter((line) => line.includes('uploads'));

test('what is there is not sent', async (t) => {
  const { registry, repository } = await target(t);
  registry.addBlob(BYTES);
  assert.equal(await repository.pushBlob(BLOB, () => assert.fail('nobody asked for it')), 'exists');
  assert.deepEqual(registry.lines(), ['GET /v2/', `HEAD /v2/app/blobs/${BLOB.digest}`]);
});

test('a small blob in one request, a large one streamed, an empty one too', async (t) => {
  const { registry, repository } = await target(t);
  const small = Buffer.from('small');
  assert.equal(await repository.pushBlob(blobOf(small), chunksOf(small)), 'uploaded');
  assert.deepEqual(uploads(registry.lines()), ['POST /v2/app/blobs/uploads/', 'PUT /v2/app/blobs/uploads/ID']);
  const seen: number[] = [];
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES), { progress: (sent) => seen.push(sent) }), 'uploaded');
  assert.deepEqual(uploads(registry.lines()).slice(2), ['POST /v2/app/blobs/uploads/', 'PATCH /v2/app/blobs/uploads/ID', 'PUT /v2/app/blobs/uploads/ID']);
  assert.ok(registry.blobs.get(BLOB.digest)!.equals(BYTES));
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  assert.equal(seen.at(-1), BYTES.length);
  assert.equal(await repository.pushBlob(blobOf(Buffer.alloc(0)), chunksOf(Buffer.alloc(0))), 'uploaded');
  assert.equal(registry.uploads.size, 0);
});

test('in chunks, at least as large as the registry wants', async (t) => {
  const { registry, repository } = await target(t, { chunkSize: 1_000_000 });
  await repository.pushBlob(BLOB, chunksOf(BYTES));
  const ranges = () => registry.asked.flatMap(({ method, headers }) => (method === 'PATCH' ? [headers['content-range']] : []));
  assert.deepEqual(ranges(), ['0-999999', '1000000-1999999', '2000000-2999999']);
  assert.ok(registry.blobs.get(BLOB.digest)!.equals(BYTES));
  registry.blobs.clear();
  registry.asked.length = 0;
  registry.hook = (request, response, url) => {
    if (request.method === 'POST') response.setHeader('oci-chunk-min-length', '2000000');
    void url;
    return false;
  };
  await repository.pushBlob(BLOB, chunksOf(BYTES));
  assert.deepEqual(ranges(), ['0-1999999', '2000000-2999999']);
});

test('mounted from next door, or sent where that does not work', async (t) => {
  const { registry, repository } = await target(t, {}, 'token', USER);
  registry.hook = (request, _response, url) => {
    if (request.method === 'HEAD' && url.pathname.includes('/app/blobs/')) {
      fault(_response, 404, 'BLOB_UNKNOWN', 'blob unknown');
      return true;
    }
    return false;
  };
  registry.addBlob(BYTES);
  assert.equal(await repository.pushBlob(BLOB, () => assert.fail('not needed'), { mountFrom: ['app', 'other/place'] }), 'mounted');
  const post = registry.asked.find(({ method }) => method === 'POST')!;
  assert.deepEqual(Object.fromEntries(post.url.searchParams), { mount: BLOB.digest, from: 'other/place' });
  const scopes = registry.asked
    .filter(({ url }) => url.pathname === '/token')
    .at(-1)!
    .url.searchParams.getAll('scope');
  assert.deepEqual(scopes, ['repository:app:pull,push', 'repository:other/place:pull']);

  registry.blobs.clear();
  registry.asked.length = 0;
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES), { mountFrom: ['a/b', 'c/d'] }), 'uploaded');
  assert.equal(registry.lines().filter((line) => line.startsWith('DELETE')).length, 2, 'the uploads that were opened instead of a mount are taken back');
  assert.equal(registry.uploads.size, 0);

  registry.blobs.clear();
  const missing = registry.hook;
  registry.hook = (request, response, url) => {
    if (!url.searchParams.getAll('scope').some((scope) => scope.includes('other'))) return missing(request, response, url);
    fault(response, 403, 'DENIED', 'not that one'); // the token server's, for both scopes
    return true;
  };
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES), { mountFrom: ['other/three'] }), 'uploaded');

  registry.blobs.clear();
  const behaved = registry.hook;
  registry.hook = (request, response, url) => {
    if (!url.searchParams.has('mount')) return behaved(request, response, url);
    fault(response, 403, 'DENIED', 'no');
    return true;
  };
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES), { mountFrom: ['a/b'] }), 'uploaded');
});

/** Breaks the connection in the first `times` PATCHes, after the registry has taken some. */
function breaking(times: number, taken: number, uploadsOf: Map<string, Buffer>): Hook {
  let left = times;
  return (request, _response, url) => {
    if (request.method !== 'PATCH' || left-- <= 0) return false;
    const id = url.pathname.split('/').at(-1)!;
    let came = 0;
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => {
      parts.push(part);
      came += part.length;
      if (came < taken) return;
      uploadsOf.set(id, Buffer.concat([uploadsOf.get(id)!, Buffer.concat(parts).subarray(0, taken)]));
      request.removeAllListeners('data');
      request.socket.destroy();
    });
    return true;
  };
}

test('a broken upload goes on where the registry has got to', async (t) => {
  const { registry, repository } = await target(t);
  registry.hook = breaking(2, 500_000, registry.uploads);
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES)), 'uploaded');
  assert.ok(registry.blobs.get(BLOB.digest)!.equals(BYTES));
  const ranges = registry.asked.flatMap(({ method, headers }) => (method === 'PATCH' ? [headers['content-range']] : []));
  assert.deepEqual(ranges, [undefined, '500000-2999999', '1000000-2999999']);
  assert.equal(registry.lines().filter((line) => line.startsWith('GET /v2/app/blobs/uploads/')).length, 2);
});

test('an upload that the registry has forgotten is begun anew; one that never works ends', async (t) => {
  const { registry, repository } = await target(t);
  let once = true;
  registry.hook = (request, response) => {
    if (request.method !== 'PATCH' || !once) return false;
    once = false;
    registry.uploads.clear();
    answer(response, 503);
    return true;
  };
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES)), 'uploaded');
  assert.equal(registry.lines().filter((line) => line.startsWith('POST')).length, 2);
  registry.blobs.clear();
  registry.hook = (request, response) => {
    if (request.method !== 'PATCH') return false;
    answer(response, 503);
    return true;
  };
  const before = registry.asked.length;
  const never = await failure(repository.pushBlob(BLOB, chunksOf(BYTES)));
  assert.match(never.message, /503 Service Unavailable/);
  assert.ok(registry.asked.length - before < 30);
  assert.equal(registry.uploads.size, 0, 'what cannot be finished is taken back');
});

test('a lost answer to the last request: it is there, and that is enough', async (t) => {
  const { registry, repository } = await target(t);
  registry.hook = (request, response, url) => {
    if (request.method !== 'PUT') return false;
    registry.blobs.set(url.searchParams.get('digest')!, BYTES);
    void response;
    request.socket.destroy();
    return true;
  };
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES)), 'uploaded');
});

test('a registry that refuses large requests gets chunks', async (t) => {
  const big = Buffer.alloc(12 << 20, 7);
  const { registry, repository } = await target(t);
  registry.hook = (request, response) => {
    if (request.method !== 'PATCH' || Number(request.headers['content-length']) <= 6 << 20) return false;
    answer(response, 413, { connection: 'close' }, 'too large'); // and does not read the rest
    return true;
  };
  assert.equal(await repository.pushBlob(blobOf(big), chunksOf(big)), 'uploaded');
  assert.ok(registry.blobs.get(sha256(big))!.equals(big));
});

test('a registry that stops reading, or answers nothing, is an error in time', async (t) => {
  const big = Buffer.alloc(32 << 20, 7);
  const { registry, repository } = await target(t, { timeouts: { idle: 900, headers: 900, connect: 5000, small: 5000 } });
  registry.hook = (request) => {
    if (request.method !== 'PATCH') return false;
    request.pause();
    return true;
  };
  assert.match((await failure(repository.pushBlob(blobOf(big), chunksOf(big)))).message, /nothing of the request taken within 900 ms$/);
  const small = Buffer.from('x');
  registry.hook = (request) => request.method === 'PUT';
  assert.match((await failure(repository.pushBlob(blobOf(small), chunksOf(small)))).message, /no answer within 900 ms$/);
});

test('what is read is not what was promised', async (t) => {
  const { repository, registry } = await target(t);
  const short = await failure(repository.pushBlob({ ...BLOB, size: BYTES.length + 5 }, chunksOf(BYTES)));
  assert.match(short.message, /blob is shorter than the 3000005 bytes that were promised/);
  const other = Buffer.from(BYTES).fill(0, 0, 10);
  const wrong = await failure(repository.pushBlob(BLOB, chunksOf(other)));
  assert.match(wrong.message, /provided digest did not match uploaded content/);
  const unreadable = await failure(
    repository.pushBlob(BLOB, async function* () {
      yield BYTES.subarray(0, 100);
      throw new EngineError('internal', 'the disk is gone');
    }),
  );
  assert.equal(unreadable.message, 'the disk is gone');
  assert.equal(registry.uploads.size, 0);
});

test('a signal ends a push', async (t) => {
  const { repository } = await target(t);
  const controller = new AbortController();
  const slow = async function* () {
    yield BYTES.subarray(0, 1000);
    controller.abort();
    await new Promise((resolve) => setTimeout(resolve, 50));
    yield BYTES.subarray(1000);
  };
  assert.equal((await failure(repository.pushBlob(BLOB, slow, { signal: controller.signal }))).kind, 'cancelled');
});

test('manifests by tag and by digest; refusals in the words of docker 28', async (t) => {
  const { registry, repository } = await target(t);
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST }));
  assert.equal(await repository.pushManifest('latest', { mediaType: OCI_MANIFEST, bytes }), sha256(bytes));
  assert.equal(await repository.pushManifest(sha256(bytes), { mediaType: OCI_MANIFEST, bytes }), sha256(bytes));
  assert.deepEqual(registry.manifests.get('app latest'), { type: OCI_MANIFEST, bytes });
  assert.match((await failure(repository.pushManifest(`sha256:${'0'.repeat(64)}`, { mediaType: OCI_MANIFEST, bytes }))).message, /verification failed/);
  assert.match((await failure(repository.pushManifest('a/b', { mediaType: OCI_MANIFEST, bytes }))).message, /neither a tag nor a digest/);
  registry.hook = (request, response) => {
    if (request.method === 'GET') return false;
    fault(response, 403, 'DENIED', 'requested access to the resource is denied');
    return true;
  };
  for (const work of [repository.pushManifest('latest', { mediaType: OCI_MANIFEST, bytes }), repository.pushBlob(BLOB, chunksOf(BYTES))]) {
    const error = await failure(work);
    assert.equal(error.message, 'denied: requested access to the resource is denied');
    assert.equal(error.kind, 'denied');
  }
  const guarded = await target(t, {}, 'basic');
  assert.equal((await failure(guarded.repository.pushBlob(BLOB, chunksOf(BYTES)))).message, 'no basic auth credentials'); // docker 28's
});

test('an upload that is sent to another host goes there without credentials', async (t) => {
  const { registry, repository } = await target(t, {}, 'basic', USER);
  const other = await fakeRegistry(t);
  other.uploads.set('there', Buffer.alloc(0));
  registry.hook = (request, response) => {
    if (request.method !== 'POST') return false;
    answer(response, 202, { location: `${other.address}/v2/app/blobs/uploads/there` });
    return true;
  };
  assert.equal(await repository.pushBlob(BLOB, chunksOf(BYTES)), 'uploaded');
  assert.ok(other.blobs.has(BLOB.digest));
  for (const { headers } of other.asked) assert.equal(headers.authorization, undefined);
});
