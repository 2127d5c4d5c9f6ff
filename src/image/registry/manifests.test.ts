/** Manifests and tags, from a registry that behaves and from ones that do not. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { answer, fakeRegistry, fault, type FakeRegistry, type Hook, sha256 } from '../../../test/support/fake-registry.ts';
import { openRepository } from '../../../test/support/registry-client.ts';
import type { Repository } from '../contract.ts';
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../manifest.ts';
import { failure } from '../../../test/support/failure.ts';

const D = `sha256:${'a'.repeat(64)}`;
const IMAGE = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: D, size: 2 }, layers: [] };

async function withImage(t: TestContext, path = 'app', options: Parameters<typeof openRepository>[2] = {}) {
  const registry = await fakeRegistry(t);
  const image = registry.addManifest(path, 'latest', OCI_MANIFEST, IMAGE);
  return { registry, image, repository: openRepository(t, `${registry.host}/${path}:latest`, options) };
}

/** A registry whose hook answers everything below a repository. */
async function hooked(
  t: TestContext,
  hook: Hook,
  options: Parameters<typeof openRepository>[2] = {},
): Promise<{ registry: FakeRegistry; repository: Repository }> {
  const registry = await fakeRegistry(t);
  registry.hook = (request, response, url) => (url.pathname === '/v2/' ? false : hook(request, response, url));
  return { registry, repository: openRepository(t, `${registry.host}/app:latest`, options) };
}

test('gets a manifest by tag and by digest, and its descriptor without it', async (t) => {
  const { repository, image, registry } = await withImage(t);
  const byTag = await repository.manifest('latest');
  assert.deepEqual(byTag.bytes, image.bytes);
  assert.deepEqual(byTag.descriptor, { mediaType: OCI_MANIFEST, digest: image.digest, size: image.bytes.length });
  assert.deepEqual((await repository.manifest(image.digest)).bytes, image.bytes);
  assert.deepEqual(await repository.resolve('latest'), byTag.descriptor);
  assert.deepEqual(registry.lines(), ['GET /v2/', 'GET /v2/app/manifests/latest', `GET /v2/app/manifests/${image.digest}`, 'HEAD /v2/app/manifests/latest']);
  assert.match(registry.asked[1]!.headers.accept!, /vnd\.docker\.distribution\.manifest\.v2\+json.*vnd\.oci\.image\.index\.v1\+json/);
});

test('a registry that tells nothing by HEAD is asked again with GET', async (t) => {
  const { repository, image } = await hookedHead(t, (response) => answer(response, 200));
  assert.equal((await repository.resolve('latest')).digest, image.digest);
  const other = await hookedHead(t, (response) => answer(response, 405));
  assert.equal((await other.repository.resolve('latest')).digest, other.image.digest);
});

async function hookedHead(t: TestContext, head: (response: Parameters<Hook>[1]) => void) {
  const made = await withImage(t);
  made.registry.hook = (request, response) => {
    if (request.method !== 'HEAD') return false;
    head(response);
    return true;
  };
  return made;
}

test('keeps artifacts and types that it does not know', async (t) => {
  const { registry, repository } = await withImage(t);
  const odd = registry.addManifest('app', 'odd', 'application/vnd.example.thing+json', { some: 'thing' });
  const got = await repository.manifest('odd');
  assert.deepEqual(got.bytes, odd.bytes);
  assert.equal(got.descriptor.mediaType, 'application/vnd.example.thing+json');
  registry.addManifest('app', 'plain', 'text/plain', { schemaVersion: 2, config: IMAGE.config, layers: [] });
  assert.equal((await repository.manifest('plain')).descriptor.mediaType, OCI_MANIFEST);
});

test('what docker 28 says of what is not there or not allowed', async (t) => {
  const cases: readonly (readonly [status: number, code: string, message: string, kind: string, says: string | RegExp])[] = [
    [404, 'MANIFEST_UNKNOWN', 'manifest unknown', 'not-found', 'manifest for HOST/app:latest not found: manifest unknown: manifest unknown'],
    [
      404,
      'NAME_UNKNOWN',
      'repository name not known to registry',
      'not-found',
      'repository HOST/app not found: name unknown: repository name not known to registry',
    ],
    [
      403,
      'DENIED',
      'requested access to the resource is denied',
      'not-found',
      "pull access denied for HOST/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    ],
    [401, 'UNAUTHORIZED', 'authentication required', 'denied', 'unauthorized: authentication required'],
    [400, 'SOMETHING_ELSE', 'oh\u001b[31m no', 'invalid', 'something else: oh [31m no'],
  ];
  for (const [status, code, message, kind, says] of cases) {
    const { registry, repository } = await hooked(t, (_request, response) => {
      fault(response, status, code, message);
      return true;
    });
    for (const work of [repository.manifest('latest'), repository.resolve('latest')]) {
      const error = await failure(work);
      assert.equal(error.kind, kind, code);
      assert.equal(error.message.replaceAll(registry.host, 'HOST'), says, code);
    }
  }
});

test('answers that are not in the form of the specification', async (t) => {
  const cases: readonly (readonly [status: number, type: string, text: string, says: RegExp])[] = [
    [403, 'text/html', '<html>forbidden by a proxy</html>', /^pull access denied for .*: denied: requested access to the resource is denied$/],
    [404, 'text/plain', 'nope', /^manifest for .* not found: unknown: nope$/],
    [401, 'application/json', '{"details":"incorrect username or password"}', /^unauthorized: incorrect username or password$/],
    [418, 'application/json', '{"errors":"x"}', /^received unexpected HTTP status: 418 I'm a Teapot/],
    [404, 'application/json', '{"errors":[null,{"code":7}]}', /not found: unknown: /],
  ];
  for (const [status, type, text, says] of cases) {
    const { repository } = await hooked(t, (_request, response) => {
      answer(response, status, { 'content-type': type }, text);
      return true;
    });
    assert.match((await failure(repository.manifest('latest'))).message, says);
  }
});

test('a wrong digest is refused, asked for or announced', async (t) => {
  const { repository, image, registry } = await withImage(t);
  registry.manifests.set(`app ${image.digest}`, { type: DOCKER_MANIFEST, bytes: Buffer.from('{"other":1}') });
  assert.equal((await failure(repository.manifest(image.digest))).message, `manifest verification failed for digest ${image.digest}`);
  registry.hook = (_request, response) => {
    answer(response, 200, { 'content-type': OCI_MANIFEST, 'docker-content-digest': D }, image.bytes);
    return true;
  };
  assert.equal((await failure(repository.manifest('latest'))).message, `manifest verification failed for digest ${D}`);
});

test('refuses schema 1, and what is no manifest', async (t) => {
  const { registry, repository } = await withImage(t);
  registry.addManifest('app', 'old', 'application/vnd.docker.distribution.manifest.v1+prettyjws', { schemaVersion: 1, fsLayers: [] });
  assert.equal(
    (await failure(repository.manifest('old'))).message,
    `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${registry.host}/app:latest to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
  );
  assert.equal((await failure(repository.resolve('old'))).kind, 'invalid');
  registry.addManifest('app', 'page', 'text/html', Buffer.from('<html>'));
  assert.match((await failure(repository.manifest('page'))).message, /it is not JSON/);
});

test('a manifest of gigabytes is not read, whether its size is announced or not', async (t) => {
  const announced = await hooked(t, (_request, response) => {
    response.writeHead(200, { 'content-type': OCI_MANIFEST, 'content-length': String(8e9) });
    response.write('{');
    return true;
  });
  assert.match((await failure(announced.repository.manifest('latest'))).message, /larger than 4194304 bytes/);
  let written = 0;
  const endless = await hooked(t, (_request, response) => {
    response.writeHead(200, { 'content-type': OCI_MANIFEST });
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 20, 0x20))) written += 1 << 20;
    };
    response.on('drain', more);
    more();
    return true;
  });
  assert.match((await failure(endless.repository.manifest('latest'))).message, /larger than 4194304 bytes/);
  assert.ok(written < 64 << 20, `${written} bytes were read`);
});

test('a content encoding that was not asked for is refused', async (t) => {
  const { registry, repository, image } = await withImage(t);
  registry.hook = (_request, response) => {
    answer(response, 200, { 'content-type': OCI_MANIFEST, 'content-encoding': 'gzip' }, image.bytes);
    return true;
  };
  assert.match((await failure(repository.manifest('latest'))).message, /Content-Encoding gzip, which was not asked for/);
  assert.equal(registry.asked[0]!.headers['accept-encoding'], 'identity');
});

test('bursts of 5xx, resets and timeouts pass; what lasts is an error', async (t) => {
  const { registry, repository, image } = await withImage(t, 'app');
  let left = 3;
  registry.hook = (request, response, url) => {
    if (url.pathname === '/v2/' || left-- <= 0) return false;
    if (left === 2) answer(response, 503);
    else if (left === 1) request.socket.destroy();
    else answer(response, 500, {}, 'x');
    return true;
  };
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  registry.hook = (_request, response) => {
    answer(response, 503, {}, 'busy');
    return true;
  };
  const before = registry.asked.length;
  const lasting = await failure(repository.manifest('latest'));
  assert.equal(lasting.message, 'received unexpected HTTP status: 503 Service Unavailable: busy');
  assert.equal(lasting.kind, 'unavailable');
  assert.equal(registry.asked.length - before, 4);
});

test('a kept connection that was closed meanwhile costs no try', async (t) => {
  const { registry, repository, image } = await withImage(t, 'app', { retries: { attempts: 1 } });
  await repository.manifest('latest');
  let closed = 0;
  registry.hook = (request) => {
    if (closed++ > 0) return false;
    request.socket.destroy();
    return true;
  };
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.equal(closed, 2);
});

test('a registry that hangs, before its answer or in it, or drips, is an error in time', async (t) => {
  const timeouts = { headers: 900, connect: 5_000, idle: 900, small: 2_000 };
  const silent = await hooked(t, () => true, { timeouts });
  assert.match(
    (await failure(silent.repository.manifest('latest'))).message,
    /^Get "http:\/\/127\.0\.0\.1:\d+\/v2\/app\/manifests\/latest": no answer within 900 ms$/,
  );
  const stuck = await hooked(
    t,
    (_request, response) => {
      response.writeHead(200, { 'content-type': OCI_MANIFEST, 'content-length': '100' });
      response.write('{');
      return true;
    },
    { timeouts },
  );
  assert.match((await failure(stuck.repository.manifest('latest'))).message, /no more of the answer within 900 ms/);
  const drip = await hooked(
    t,
    (_request, response) => {
      response.writeHead(200, { 'content-type': OCI_MANIFEST });
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
      return true;
    },
    { timeouts },
  );
  assert.match((await failure(drip.repository.manifest('latest'))).message, /no more of the answer within|did not end within/);
});

test('a server that accepts and says nothing, one that refuses, and one that is none', async (t) => {
  const sockets: { destroy(): unknown }[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const timeouts = { headers: 200, connect: 200, idle: 200, small: 600 };
  const hanging = await failure(openRepository(t, `127.0.0.1:${port}/app`, { timeouts }).manifest('latest'));
  assert.match(hanging.message, /within 200 ms$/);
  assert.equal(hanging.kind, 'unavailable');
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  const refused = await failure(openRepository(t, `127.0.0.1:${port}/app`).manifest('latest'));
  assert.equal(refused.message, `Get "http://127.0.0.1:${port}/v2/": dial tcp 127.0.0.1:${port}: connect: connection refused`); // docker 28's
  const nowhere = await failure(openRepository(t, 'nosuch.invalid/app').manifest('latest'));
  assert.match(nowhere.message, /^Get "https:\/\/nosuch\.invalid\/v2\/": dial tcp: lookup nosuch\.invalid: /);
  const port99 = await failure(openRepository(t, 'host:99999999/x').manifest('latest'));
  assert.equal(port99.message, 'Get "https://host:99999999/v2/": dial tcp: address 99999999: invalid port'); // docker 28's
});

test('429: a short wait is waited, a long one is explained', async (t) => {
  const { registry, repository, image } = await withImage(t);
  let left = 1;
  const hub = 'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit';
  registry.hook = (_request, response, url) => {
    if (url.pathname === '/v2/' || left-- <= 0) return false;
    fault(response, 429, 'TOOMANYREQUESTS', hub, { 'retry-after': '1' });
    return true;
  };
  const start = performance.now();
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.ok(performance.now() - start >= 990);
  let asked = 0;
  registry.hook = (_request, response) => {
    asked++;
    fault(response, 429, 'TOOMANYREQUESTS', hub, { 'retry-after': '3600' });
    return true;
  };
  const error = await failure(repository.manifest('latest'));
  assert.equal(error.kind, 'exhausted');
  assert.equal(error.message, `toomanyrequests: ${hub}`); // docker 28's
  assert.match(error.hint!, /log in .* wait 3600 s/);
  assert.equal(asked, 1);
});

test('a signal ends it at any point', async (t) => {
  const { repository } = await hooked(t, () => true);
  const controller = new AbortController();
  const work = failure(repository.manifest('latest', controller.signal));
  setTimeout(() => controller.abort(), 50);
  assert.equal((await work).kind, 'cancelled');
  assert.equal((await failure(repository.manifest('latest', controller.signal))).kind, 'cancelled');
  const busy = await hooked(
    t,
    (_request, response) => {
      answer(response, 503);
      return true;
    },
    { retries: { attempts: 5, baseMs: 60_000, maxWaitMs: 60_000 } },
  );
  assert.equal((await failure(busy.repository.manifest('latest', AbortSignal.timeout(100)))).kind, 'cancelled');
});

test('connections that nobody uses are not kept for ever', async (t) => {
  const open = new Set<Socket>();
  const server = createHttpServer((request, response) => answer(response, request.url === '/v2/' ? 200 : 404));
  server.keepAliveTimeout = 0;
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const repository = openRepository(t, `127.0.0.1:${port}/app:latest`, { timeouts: { connect: 5_000, headers: 5_000, idle: 200, small: 5_000 } });
  assert.equal((await failure(repository.manifest('latest'))).kind, 'not-found');
  assert.ok(open.size > 0);
  while (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await failure(repository.manifest('latest'))).kind, 'not-found', 'another one is made');
});

test('a server that changes the protocol is an error at once', async (t) => {
  const { repository } = await hooked(t, (request) => {
    request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n');
    return true;
  });
  assert.match((await failure(repository.manifest('latest'))).message, /the server changes the protocol/);
});

test('redirects in a circle end', async (t) => {
  const { repository } = await hooked(t, (_request, response, url) => {
    answer(response, 307, { location: url.pathname });
    return true;
  });
  assert.match((await failure(repository.manifest('latest'))).message, /^Get "http.*\/v2\/app\/manifests\/latest": stopped after 10 redirects$/);
});

test('lists tags over all pages, within the registry and without circles', async (t) => {
  const { registry, repository } = await withImage(t);
  for (let number = 0; number < 8; number++) registry.addManifest('app', `v${number}`, OCI_MANIFEST, IMAGE);
  assert.deepEqual(await repository.tags(), ['latest', 'v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7']);
  const next = (link: string) => {
    registry.hook = (_request, response) => {
      answer(response, 200, { 'content-type': 'application/json', link }, '{"tags":["a","../x",7]}');
      return true;
    };
  };
  next('</v2/app/tags/list?last=a>; rel="next"');
  assert.match((await failure(repository.tags())).message, /lists without end/);
  let pages = 0;
  registry.hook = (_request, response) => {
    const link = `</v2/app/tags/list?last=${++pages}>; rel="next"`;
    answer(response, 200, { 'content-type': 'application/json', link }, JSON.stringify({ tags: Array<string>(50_000).fill('a'.repeat(128)) }));
    return true;
  };
  assert.match((await failure(repository.tags())).message, /lists without end/);
  assert.ok(pages < 10, `${pages} pages of 6 MB`);
  next('<http://127.0.0.2:1/v2/app/tags/list>; rel="next"');
  assert.match((await failure(repository.tags())).message, /continues its list on another host/);
  next('</v2/x>; rel="prev"');
  assert.deepEqual(await repository.tags(), ['a']);
});

test('referrers, by the API and by tag', async (t) => {
  const { registry, repository, image } = await withImage(t);
  const entry = { mediaType: OCI_MANIFEST, digest: D, size: 5, artifactType: 'application/x-signature' };
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] };
  assert.deepEqual(await repository.referrers(image.digest), []);
  registry.addManifest('app', image.digest.replace(':', '-'), OCI_INDEX, index);
  assert.deepEqual(await repository.referrers(image.digest), [entry]);
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/referrers/')) return false;
    answer(response, 200, { 'content-type': OCI_INDEX }, JSON.stringify({ ...index, manifests: [entry, entry] }));
    return true;
  };
  assert.equal((await repository.referrers(image.digest)).length, 2);
});

test('a mirror is asked first and is not told who asks; the registry is asked where it fails', async (t) => {
  const { Registries } = await import('./registries.ts');
  const good = await fakeRegistry(t);
  const image = good.addManifest('library/app', 'latest', OCI_MANIFEST, IMAGE);
  const broken = await fakeRegistry(t);
  const { QUICK } = await import('../../../test/support/registry-client.ts');
  using registries = new Registries({ ...QUICK, mirrors: [broken.address, good.address] });
  const repository = registries.repository({ domain: 'docker.io', path: 'library/app', tag: 'latest' }, { username: 'u', password: 'p' });
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.equal(broken.lines().at(-1), 'GET /v2/library/app/manifests/latest');
  for (const { headers } of [...good.asked, ...broken.asked]) assert.equal(headers.authorization, undefined);
  const elsewhere = registries.repository({ domain: good.host, path: 'library/app' });
  assert.equal((await elsewhere.manifest(sha256(image.bytes))).descriptor.digest, image.digest);
});
