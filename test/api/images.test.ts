/** The endpoints of images as their clients see them: statuses, headers, documents by version, streams. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, after, describe, test } from 'node:test';
import { imageRoutes } from '../../src/api/images/routes.ts';
import { ApiClient } from '../support/api-client.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { imageArchive } from '../support/image-archive.ts';
import { imageGround, serveImage } from '../support/image-ground.ts';
import { file, layerTar } from '../support/layers.ts';

const MISSING = 'sha256:'.concat('0'.repeat(64));

describe('image endpoints', () => {
  const hooks: (() => unknown)[] = [];
  const suite = { after: (hook: () => unknown) => hooks.push(hook) };
  const archive = imageArchive(
    {
      names: ['full:1'],
      layers: [layerTar([file('a', 'aaa')]), layerTar([file('b', 'bb')])],
      config: {
        Env: [],
        Cmd: ['x'],
        Labels: { colour: 'green' },
        Healthcheck: { Test: ['CMD', 'x'], Interval: 5 },
        StopSignal: 'SIGUSR1',
        Shell: ['/bin/bash'],
        Hostname: 'h',
      },
      more: {
        created: '2024-01-02T03:04:05Z',
        author: 'me',
        docker_version: '20.10',
        history: [{ created_by: 'a', created: '2023-01-01T00:00:00Z' }, { created_by: 'b' }],
      },
    },
    { layers: [layerTar([file('a', 'aaa')])] },
  );
  const [full, bare] = archive.ids as [string, string];
  let api: ApiClient;
  before(async () => {
    const engine = imageGround(suite).engine({ registries: { retries: { attempts: 1 } } });
    api = new ApiClient((await serveRoutes(suite, imageRoutes, engine)).slice('unix://'.length));
    const loaded = await api.post('/v1.51/images/load', archive.bytes, { headers: { 'content-type': 'application/x-tar' } });
    assert.equal(loaded.status, 200);
  });
  after(async () => {
    api[Symbol.dispose]();
    for (const hook of hooks.toReversed()) await hook();
  });
  const refused = async (status: number, message: string | RegExp, method: string, path: string, options = {}) => {
    const answer = await api.ask(method, path, options);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    if (typeof message === 'string') assert.deepEqual(answer.json, { message }, path);
    else assert.match((answer.json as { message: string }).message, message);
  };
  const lines = (text: string) =>
    text
      .split('\r\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test('the list, in today’s form and in older ones', async () => {
    const of = async (version: string, query = '') =>
      ((await api.get(`/v${version}/images/json${query}`, { checked: version === '1.51' })).json as Record<string, unknown>[]).toSorted(
        (a, b) => Number(b['Created']) - Number(a['Created']),
      );
    const first = {
      Containers: 0,
      Created: 1_704_164_645,
      Id: full,
      Labels: { colour: 'green' },
      ParentId: '',
      RepoDigests: [],
      RepoTags: ['full:1'],
      SharedSize: -1,
      Size: 5,
    };
    const second = { Containers: 0, Created: 0, Id: bare, Labels: null, ParentId: '', RepoDigests: [], RepoTags: [], SharedSize: -1, Size: 3 };
    assert.deepEqual(await of('1.51'), [first, second]);
    assert.deepEqual(await of('1.51', '?shared-size=1'), [
      { ...first, SharedSize: 3 },
      { ...second, SharedSize: 3 },
    ]);
    assert.deepEqual(await of('1.50'), [
      { ...first, Containers: -1 },
      { ...second, Containers: -1 },
    ]);
    assert.deepEqual(await of('1.43'), [
      { ...first, Containers: -1, VirtualSize: 5 },
      { ...second, Containers: -1, VirtualSize: 3 },
    ]);
    assert.deepEqual(await of('1.42'), [
      { ...first, Containers: -1, VirtualSize: 5, RepoDigests: null },
      { ...second, Containers: -1, VirtualSize: 3, RepoDigests: ['<none>@<none>'], RepoTags: ['<none>:<none>'] },
    ]);
    assert.equal((await of('1.40', '?filter=full')).length, 1);
    assert.equal((await of('1.51', '?filter=full')).length, 2);
    const filters = encodeURIComponent('{"dangling":["true"]}');
    assert.deepEqual(await of('1.51', `?filters=${filters}`), [second]);
    await refused(400, 'invalid filter', 'GET', '/v1.51/images/json?filters=junk');
    await refused(400, "invalid filter 'bogus'", 'GET', `/v1.51/images/json?filters=${encodeURIComponent('{"bogus":["x"]}')}`);
  });

  test('inspect, in today’s form and in older ones', async () => {
    const of = async (version: string, name = 'full:1') =>
      (await api.get(`/v${version}/images/${name}/json`, { checked: version === '1.51' })).json as Record<string, unknown>;
    const today = await of('1.51');
    const { RootFS, GraphDriver, ...rest } = today;
    const config = {
      Cmd: ['x'],
      Entrypoint: null,
      Env: null,
      Healthcheck: { Test: ['CMD', 'x'], Interval: 5 },
      Labels: { colour: 'green' },
      OnBuild: null,
      Shell: ['/bin/bash'],
      StopSignal: 'SIGUSR1',
      User: '',
      Volumes: null,
      WorkingDir: '',
    };
    assert.deepEqual(rest, {
      Id: full,
      RepoTags: ['full:1'],
      RepoDigests: [],
      Parent: '',
      Comment: '',
      Created: '2024-01-02T03:04:05Z',
      DockerVersion: '20.10',
      Author: 'me',
      Architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      Os: 'linux',
      Size: 5,
      Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
      Config: config,
    });
    assert.equal((RootFS as { Layers: string[] }).Layers.length, 2);
    assert.match((GraphDriver as { Name: string }).Name, /^(overlay|erofs)$/);
    const before150 = await of('1.49');
    assert.deepEqual(before150['Config'], {
      ...config,
      Hostname: '',
      Domainname: '',
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Image: '',
    });
    assert.deepEqual([before150['ContainerConfig'], before150['VirtualSize']], [undefined, undefined]);
    assert.equal(((await of('1.44'))['ContainerConfig'] as { Cmd: unknown }).Cmd, null);
    assert.equal((await of('1.43'))['VirtualSize'], 5);
    assert.equal((await of('1.51', bare))['Created'], undefined);
    assert.equal((await of('1.43', bare))['Created'], '0001-01-01T00:00:00Z');
    await refused(404, 'No such image: none:latest', 'GET', '/v1.51/images/none/json');
    await refused(404, `No such image: ${MISSING}`, 'GET', `/v1.51/images/${MISSING.slice(7)}/json`);
    await refused(400, 'invalid reference format: repository name (library/UPPER) must be lowercase', 'GET', '/v1.51/images/UPPER/json');
    const platform = (value: unknown) => `platform=${encodeURIComponent(JSON.stringify(value))}`;
    await refused(
      404,
      /^image with reference full:1 was found but its platform/,
      'GET',
      `/v1.51/images/full:1/json?${platform({ os: 'linux', architecture: 's390x' })}`,
    );
    assert.equal((await api.get(`/v1.48/images/full:1/json?${platform({ os: 'linux', architecture: 's390x' })}`, { checked: false })).status, 200);
    await refused(400, 'both OS and Architecture must be provided', 'GET', `/v1.51/images/full:1/json?${platform({ os: 'linux' })}`);
    await refused(400, "failed to parse platform: invalid character 'j' looking for beginning of value", 'GET', '/v1.51/images/full:1/json?platform=junk');
  });

  test('history', async () => {
    assert.deepEqual((await api.get('/v1.51/images/full:1/history')).json, [
      { Comment: '', Created: 0, CreatedBy: 'b', Id: full, Size: 2, Tags: ['full:1'] },
      { Comment: '', Created: 1_672_531_200, CreatedBy: 'a', Id: '<missing>', Size: 3, Tags: null },
    ]);
    assert.deepEqual((await api.get(`/v1.51/images/${bare}/history`)).json, [], 'as dockerd: what the config tells of');
    await refused(404, 'No such image: none:latest', 'GET', '/v1.51/images/none/history');
  });

  test('tag and delete', async () => {
    const tag = async (query: string) => {
      const { status, text } = await api.post(`/v1.51/images/full:1/tag${query}`, undefined, { checked: query !== '' });
      return [status, text];
    };
    assert.deepEqual(await tag('?repo=kept:9&tag=10'), [201, '']);
    assert.deepEqual(await tag('?repo=kept'), [201, '']);
    assert.deepEqual(await tag(''), [200, '']);
    await refused(400, 'invalid tag format', 'POST', '/v1.51/images/full:1/tag?repo=x&tag=-bad');
    await refused(400, 'cannot import digest reference', 'POST', `/v1.51/images/full:1/tag?repo=x@${MISSING}`);
    await refused(400, 'refusing to create an ambiguous tag using digest algorithm as name', 'POST', '/v1.51/images/full:1/tag?repo=sha256&tag=x');
    await refused(404, 'No such image: none:latest', 'POST', '/v1.51/images/none/tag?repo=x');
    const inspected = (await api.get('/v1.51/images/full:1/json')).json as { RepoTags: string[]; Metadata: { LastTagTime: string } };
    assert.deepEqual(inspected.RepoTags, ['full:1', 'kept:10', 'kept:latest']);
    assert.ok(Math.abs(Date.parse(inspected.Metadata.LastTagTime) - Date.now()) < 60_000);
    await refused(
      409,
      /^conflict: unable to delete [0-9a-f]{12} \(must be forced\) - image is referenced in multiple repositories$/,
      'DELETE',
      `/v1.51/images/${full}`,
    );
    for (const name of ['kept:10', 'kept:latest']) assert.deepEqual((await api.delete(`/v1.51/images/${name}`)).json, [{ Untagged: name }]);
    await refused(404, 'No such image: kept:latest', 'DELETE', '/v1.51/images/kept?force=1');
  });

  test('import: names, changes, and what is no archive', async () => {
    const tar = layerTar([file('x', 'y')]);
    const options = { headers: { 'content-type': 'application/x-tar' } };
    const create = (query: string, body: Buffer = tar) => api.post(`/v1.51/images/create?fromSrc=-${query}`, body, options);
    const made = await create('&repo=made&tag=1&message=hey&changes=CMD%20%5B%22sh%22%5D&changes=ENV%20a%3Db');
    assert.equal(made.headers['content-type'], 'application/json');
    const [line, ...more] = lines(made.text);
    assert.deepEqual([Object.keys(line!), more], [['status'], []], 'only the id');
    const inspected = (await api.get('/v1.51/images/made:1/json')).json as { Id: string; Comment: string; Config: { Cmd: unknown; Env: unknown } };
    assert.deepEqual([inspected.Id, inspected.Comment, inspected.Config.Cmd, inspected.Config.Env], [line!['status'], 'hey', ['sh'], ['a=b']]);
    const failing = async (query: string, message: string | RegExp, body: Buffer = tar) => {
      const { status, json } = await create(query, body);
      assert.equal(status, 400);
      assert.match((json as { message: string }).message, typeof message === 'string' ? new RegExp(`^${message}$`) : message);
    };
    await failing('&repo=q&tag=-bad', 'invalid tag format');
    await failing(`&repo=x@${MISSING}`, 'cannot import digest reference');
    await failing('&repo=x&changes=FOO%20x', 'FOO is not a valid change command');
    await failing('&repo=x&platform=windows/amd64', 'operating system is not supported');
    await failing('&repo=x&platform=a/b/c/d', '"a/b/c/d": cannot parse platform specifier: invalid argument');
    await failing('&repo=x', /tar header/, Buffer.from('junk'.repeat(1000)));
    const users: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      users.push(request.headers.authorization);
      if (request.url === '/x.tar') response.end(tar);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const fetched = await api.post(`/v1.51/images/create?fromSrc=${host}/x.tar&repo=made&tag=2`);
    assert.deepEqual(lines(fetched.text)[0], { status: `Downloading from http://${host}/x.tar` });
    await refused(503, 'got HTTP status code >= 400: 404 Not Found', 'POST', `/v1.51/images/create?fromSrc=http://${host}/none`);
    // a password is for the host, and stays in no image
    const mine = await api.post(`/v1.51/images/create?fromSrc=http://me:sesame@${host}/x.tar&repo=made&tag=3`);
    assert.deepEqual(lines(mine.text)[0], { status: `Downloading from http://xxxxx:xxxxx@${host}/x.tar` });
    assert.equal(users.at(-1), `Basic ${Buffer.from('me:sesame').toString('base64')}`);
    await api.post(`/v1.51/images/create?fromSrc=me:sesame@${host}/x.tar&repo=made&tag=4`);
    for (const tag of [3, 4]) {
      assert.match((await api.get(`/v1.51/images/made:${tag}/history`)).text, new RegExp(`"Imported from (http://)?xxxxx:xxxxx@${host}/x.tar"`));
      assert.doesNotMatch((await api.get(`/v1.51/images/made:${tag}/json`)).text, /sesame/);
    }
    server.closeAllConnections();
    server.close();
    assert.doesNotMatch((await api.post(`/v1.51/images/create?fromSrc=http://me:sesame@${host}/x.tar`)).text, /sesame/);
    for (const name of ['made:1', 'made:2', 'made:3', 'made:4']) assert.equal((await api.delete(`/v1.51/images/${name}`)).status, 200);
  });

  test('archives: out, in, quietly, and not at all', async () => {
    const saved = await api.stream('GET', '/v1.51/images/full:1/get');
    assert.equal(saved.headers['content-type'], 'application/x-tar');
    const bytes = Buffer.concat((await saved.toArray()) as Buffer[]);
    const load = async (query: string, body: Buffer) => {
      const answer = await api.post(`/v1.51/images/load${query}`, body, { headers: { 'content-type': 'application/x-tar' } });
      return [answer.status, lines(answer.text)] as const;
    };
    assert.deepEqual(await load('', bytes), [200, [{ stream: 'Loaded image: full:1\n' }]]);
    const fresh = imageArchive({ names: ['fresh:1', 'fresh:2'], layers: [layerTar([file('c', 'fresh')])] }).bytes;
    const [, loud] = await load('?quiet=0', fresh);
    assert.deepEqual(loud.at(0)!['status'], 'Loading layer');
    assert.deepEqual(loud.slice(-2), [{ stream: 'Loaded image: fresh:1\n' }, { stream: 'Loaded image: fresh:2\n' }]);
    assert.deepEqual((await api.delete('/v1.51/images/fresh:1')).json, [{ Untagged: 'fresh:1' }]);
    await api.delete('/v1.51/images/fresh:2');
    assert.deepEqual((await load('', fresh))[1], loud.slice(-2), 'as dockerd: progress is for who asks for it');
    await api.delete('/v1.51/images/fresh:1');
    await api.delete('/v1.51/images/fresh:2');
    assert.deepEqual((await load('?quiet=1', fresh))[1], [{ stream: 'Loaded image: fresh:1\n' }, { stream: 'Loaded image: fresh:2\n' }]);
    const large = imageArchive({ names: ['large:1'], layers: [layerTar([file('d', randomBytes(3_000_000))])] });
    for (const program of ['bzip2', 'xz']) {
      const { stdout } = spawnSync(program, ['-c'], { input: large.bytes, maxBuffer: 1 << 24 });
      assert.deepEqual(await load('', stdout), [200, [{ stream: 'Loaded image: large:1\n' }]], program);
      await api.delete('/v1.51/images/large:1');
    }
    const [status, [error]] = await load('', Buffer.from('junk'.repeat(1000)));
    assert.equal(status, 200, 'as dockerd: what is wrong with an archive is said in the stream');
    assert.equal((error!['errorDetail'] as { message: string }).message, error!['error']);
    await refused(404, 'No such image: none', 'GET', '/v1.51/images/none/get');
    await refused(404, 'No such image: none', 'GET', '/v1.51/images/get?names=full:1&names=none');
    const platform = encodeURIComponent('{"os":"linux","architecture":"s390x"}');
    await refused(404, 'no suitable export target found for platform linux/s390x', 'GET', `/v1.51/images/get?names=full:1&platform=${platform}`);
    await api.delete('/v1.51/images/fresh:1');
    await api.delete('/v1.51/images/fresh:2');
  });

  test('pull and push: the stream, and what comes before it', async (t) => {
    const registry = await fakeRegistry(t);
    const { digest, id } = serveImage(registry, 'app', '1', ['one', 'two']);
    const name = `${registry.host}/app`;
    const pulled = await api.post(`/v1.51/images/create?fromImage=${name}&tag=1`);
    const said = lines(pulled.text).filter(({ progress }) => progress === undefined);
    assert.deepEqual(said[0], { status: 'Pulling from app', id: '1' });
    assert.deepEqual(
      said.filter(({ status }) => status === 'Pull complete').map(({ progressDetail }) => progressDetail),
      [{}, {}],
    );
    assert.deepEqual(said.slice(-2), [{ status: `Digest: ${digest}` }, { status: `Status: Downloaded newer image for ${name}:1` }]);
    for (const query of [`fromImage=${name}:1`, `fromImage=${name}:2&tag=1`]) {
      const again = lines((await api.post(`/v1.51/images/create?${query}`)).text);
      assert.deepEqual(
        again.map(({ status }) => status),
        ['Pulling from app', `Digest: ${digest}`, `Status: Image is up to date for ${name}:1`],
      );
    }
    for (const query of [`fromImage=${name}@${digest}`, `fromImage=${name}&tag=${digest}`]) {
      const [first] = lines((await api.post(`/v1.51/images/create?${query}`)).text);
      assert.deepEqual(first, { status: 'Pulling from app', id: `${name}@${digest}` });
    }
    assert.deepEqual(
      lines((await api.post(`/v1.51/images/create?fromImage=${name}`)).text).at(-1),
      { status: `Status: Image is up to date for ${name}` },
      'all tags',
    );
    const warned = lines((await api.post(`/v1.51/images/create?fromImage=${name}&tag=1&platform=linux/s390x`)).text).at(-1);
    assert.match(String(warned!['status']), /^WARNING: image with reference .* does not match the specified platform \(linux\/s390x\)$/);
    await refused(404, `manifest for ${name}:none not found: manifest unknown: manifest unknown`, 'POST', `/v1.51/images/create?fromImage=${name}&tag=none`);
    await refused(400, 'invalid tag format', 'POST', '/v1.51/images/create?fromImage=x&tag=-bad');
    await refused(400, "'scratch' is a reserved name", 'POST', '/v1.51/images/create?fromImage=scratch');
    await refused(400, '"a/b/c/d": cannot parse platform specifier: invalid argument', 'POST', `/v1.51/images/create?fromImage=${name}&platform=a/b/c/d`);

    await api.post(`/v1.51/images/${id}/tag?repo=${name}&tag=2`);
    const pushed = lines((await api.post(`/v1.51/images/${name}/push?tag=2`)).text);
    assert.deepEqual(pushed[0], { status: `The push refers to repository [${name}]` });
    assert.deepEqual(pushed.filter(({ status }) => status === 'Layer already exists').length, 2);
    const size = registry.manifests.get(`app 2`)!.bytes.length;
    assert.deepEqual(pushed.slice(-2), [
      { status: `2: digest: ${digest} size: ${size}` },
      { progressDetail: {}, aux: { Tag: '2', Digest: digest, Size: size } },
    ]);
    const ofAll = lines((await api.post(`/v1.51/images/${name}/push`)).text).filter(({ aux }) => aux !== undefined);
    assert.equal(ofAll.length, 2);
    const failed = lines((await api.post(`/v1.51/images/none/push?tag=1`)).text);
    const words = 'An image does not exist locally with the tag: none';
    assert.deepEqual(failed, [
      { status: 'The push refers to repository [docker.io/library/none]' },
      { errorDetail: { code: 404, message: words }, error: words },
    ]);
    assert.equal((await api.delete(`/v1.51/images/${id}?force=1`)).status, 200);
  });

  test('a pull ends with the client who wanted it', async (t) => {
    const registry = await fakeRegistry(t);
    const { layers } = serveImage(registry, 'app', '1', [randomBytes(4 << 20)]);
    let gone = () => {};
    const ended = new Promise<void>((resolve) => (gone = resolve));
    registry.hook = (_request, response, url) => {
      if (!url.pathname.includes('/blobs/')) return false;
      const digest = url.pathname.split('/').at(-1)!;
      const bytes = registry.blobs.get(digest)!;
      if (bytes.length !== layers[0]!.length) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 1 << 20)); // and never more
      response.on('close', gone);
      return true;
    };
    const answer = await api.stream('POST', `/v1.51/images/create?fromImage=${registry.host}/app&tag=1`);
    for await (const chunk of answer) if (String(chunk).includes('Downloading')) break;
    await ended;
    await refused(404, /^No such image/, 'GET', `/v1.51/images/${registry.host}/app:1/json`);
  });

  test('credentials: from the header, and from nowhere else', async (t) => {
    const registry = await fakeRegistry(t, { auth: 'basic' });
    serveImage(registry, 'app', '1', ['one']);
    const name = `${registry.host}/app`;
    const pull = (value?: string) =>
      api.post(`/v1.51/images/create?fromImage=${name}&tag=1`, undefined, value === undefined ? {} : { headers: { 'X-Registry-Auth': value } });
    assert.equal((await pull()).status, 403);
    assert.equal((await pull('!!')).status, 403);
    const right = Buffer.from(JSON.stringify({ username: 'user', password: 'pass:word' })).toString('base64url');
    assert.equal((await pull(right)).status, 200);
    const found = await api.get(`/v1.51/distribution/${name}:1/json`, { headers: { 'X-Registry-Auth': right } });
    const { Descriptor, Platforms } = found.json as { Descriptor: { mediaType: string }; Platforms: unknown[] };
    assert.equal(Descriptor.mediaType, 'application/vnd.oci.image.manifest.v1+json');
    assert.deepEqual(Platforms, [{ os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' }]);
    const login = (body: unknown) => api.post('/v1.51/auth', body);
    const good = await login({ username: 'user', password: 'pass:word', serveraddress: `http://${registry.host}/v1/` });
    assert.deepEqual([good.status, good.json], [200, { IdentityToken: '', Status: 'Login Succeeded' }]);
    const bad = await login({ username: 'user', password: 'wrong', serveraddress: registry.host });
    assert.deepEqual([bad.status, bad.json], [401, { message: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized` }]);
    const nobody = await login({ serveraddress: registry.host });
    assert.deepEqual([nobody.status, nobody.json], [401, { message: `Get "http://${registry.host}/v2/": no basic auth credentials` }]);
    assert.equal((await login({ serveraddress: 'UP PER' })).status, 400);

    const tokens = await fakeRegistry(t, { auth: 'token' });
    serveImage(tokens, 'app', '1', ['two']);
    const identity = await login({ username: 'user', password: 'pass:word', serveraddress: tokens.host });
    assert.deepEqual([identity.status, identity.json], [200, { IdentityToken: 'refresh', Status: 'Login Succeeded' }]);
    const instead = Buffer.from(JSON.stringify({ username: 'user', identitytoken: 'refresh' })).toString('base64url');
    const pulled = await api.post(`/v1.51/images/create?fromImage=${tokens.host}/app&tag=1`, undefined, { headers: { 'X-Registry-Auth': instead } });
    assert.match(pulled.text, /Downloaded newer image/);
    await refused(400, 'no manifest found for full image ID', 'GET', `/v1.51/distribution/${'0'.repeat(64)}/json`);
  });

  test('a list of platforms, for an index', async (t) => {
    const registry = await fakeRegistry(t);
    const { digest } = serveImage(registry, 'app', '1', ['one']);
    const size = registry.manifests.get('app 1')!.bytes.length;
    const type = 'application/vnd.oci.image.index.v1+json';
    const one = (platform: object) => ({ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size, platform });
    registry.addManifest('app', 'many', type, {
      schemaVersion: 2,
      mediaType: type,
      manifests: [one({ os: 'linux', architecture: 'amd64' }), one({ os: 'linux', architecture: 'arm', variant: 'v7' })],
    });
    const { json } = await api.get(`/v1.51/distribution/${registry.host}/app:many/json`);
    assert.deepEqual((json as { Platforms: unknown }).Platforms, [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ]);
  });

  test('search', async (t) => {
    const results = [
      { name: 'a', description: 'first\u001b[31m', star_count: 5, is_official: true, is_automated: false },
      { name: 'b', star_count: 1, is_official: false },
      { bogus: true },
    ];
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      if (request.url!.startsWith('/v1/search')) response.end(JSON.stringify({ results }));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const search = (query: string) => api.get(`/v1.51/images/search?term=${host}/x%20y${query}`);
    const found = (await search('&limit=7')).json as { name: string; description: string }[];
    assert.equal(asked.at(-1), '/v1/search?q=x+y&n=7');
    assert.deepEqual(found[1], { star_count: 1, is_official: false, name: 'b', is_automated: false, description: '' });
    assert.ok(!found[0]!.description.includes('\u001b'), 'nothing that moves a terminal');
    const filter = (value: object) => search(`&filters=${encodeURIComponent(JSON.stringify(value))}`);
    assert.deepEqual(
      ((await filter({ 'is-official': ['true'] })).json as { name: string }[]).map(({ name }) => name),
      ['a'],
    );
    assert.deepEqual(
      ((await filter({ stars: ['2'] })).json as { name: string }[]).map(({ name }) => name),
      ['a'],
    );
    await refused(400, 'limit 101 is outside the range of [1, 100]', 'GET', `/v1.51/images/search?term=x&limit=101`);
    await refused(400, "invalid filter 'bogus'", 'GET', `/v1.51/images/search?term=x&filters=${encodeURIComponent('{"bogus":["x"]}')}`);
  });

  test('prune', async () => {
    const prune = (filters: object) => api.post(`/v1.51/images/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    assert.deepEqual((await prune({ label: ['nobody'] })).json, { ImagesDeleted: null, SpaceReclaimed: 0 });
    const { ImagesDeleted, SpaceReclaimed } = (await prune({})).json as { ImagesDeleted: object[]; SpaceReclaimed: number };
    assert.deepEqual(ImagesDeleted[0], { Deleted: bare });
    assert.ok(SpaceReclaimed > 0);
    assert.equal((await api.get('/v1.51/images/full:1/json')).status, 200);
    const all = (await prune({ dangling: ['false'] })).json as { ImagesDeleted: object[] };
    assert.deepEqual(all.ImagesDeleted.slice(0, 2), [{ Untagged: 'full:1' }, { Deleted: full }]);
    await refused(400, "invalid filter 'dangling=[true false]'", 'POST', `/v1.51/images/prune?filters=${encodeURIComponent('{"dangling":["true","false"]}')}`);
  });
});
