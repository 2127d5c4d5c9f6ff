/** What `Images` promises, whoever keeps it: the engine in this process, a daemon of ours, a real dockerd. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { Images, ProgressEvent } from '../../src/engine/images-contract.ts';
import { imageArchive } from '../support/image-archive.ts';
import { file, layerTar } from '../support/layers.ts';
import { realRegistry, REGISTRY_USER } from '../support/registry.ts';
import { tempFor } from '../support/temp.ts';

export interface ImagesSubject {
  readonly images: Images;
  /** Where a registry must listen that it can reach. */
  readonly registryAddress: string;
  /** A daemon of Docker's own tells less: a streamed error has no kind, and a registry's trouble is `internal`. */
  readonly isDocker: boolean;
}

export function imagesSuite(name: string, open: (t: TestContext) => Promise<ImagesSubject>, options: { skip?: string | false } = {}): void {
  const check = (what: string, body: (t: TestContext, subject: ImagesSubject, later: (work: () => Promise<unknown>) => void) => Promise<void>) =>
    test(`${name}: ${what}`, options, async (t) => {
      // before the test's own hooks, which end the subject
      const cleanups: (() => Promise<unknown>)[] = [];
      try {
        await body(t, await open(t), (work) => void cleanups.push(work));
      } finally {
        for (const work of cleanups) await work();
      }
    });
  const fails = async (promise: Promise<unknown>, kind: string, message: RegExp | string) => {
    await assert.rejects(promise, (error) => {
      assert.ok(error instanceof EngineError, String(error));
      assert.equal(error.kind, kind, error.message);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  };
  const bytesOf = async (chunks: AsyncIterable<Buffer>) => {
    const out: Buffer[] = [];
    for await (const chunk of chunks) out.push(chunk);
    return Buffer.concat(out);
  };
  const inPieces = async function* (bytes: Buffer) {
    for (let at = 0; at < bytes.length; at += 4000) yield bytes.subarray(at, at + 4000);
  };
  /** Of a name that nobody else uses, also in a daemon that others use. */
  const unique = () => `kb-suite-${randomBytes(4).toString('hex')}`;

  check('import, list, inspect, history', async (_t, { images }, later) => {
    const repository = unique();
    const tar = layerTar([file('hello', 'hello\n')]);
    const events: ProgressEvent[] = [];
    const changes = ['CMD ["sh"]', 'LABEL colour=green', 'EXPOSE 80', 'ENV A=b'];
    const id = await images.import(inPieces(tar), { name: `${repository}:1`, message: 'said', changes, onProgress: (event) => void events.push(event) });
    later(() => images.remove(id, { force: true }));
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    assert.equal(events.at(-1)!.status, id);
    const [line, ...others] = await images.list({ filters: { reference: [repository] } });
    assert.equal(others.length, 0);
    assert.deepEqual(
      { ...line, created: 0 },
      { id, repoTags: [`${repository}:1`], repoDigests: [], created: 0, size: 6, labels: { colour: 'green' }, containers: 0 },
    );
    const [shared] = await images.list({ filters: { reference: [repository] }, sharedSize: true });
    assert.ok([0, 6].includes(shared!.sharedSize!));
    const details = await images.inspect(`${repository}:1`);
    const { Cmd, Env, Labels, ExposedPorts } = details.config;
    assert.deepEqual({ Cmd, Env, Labels, ExposedPorts }, { Cmd: ['sh'], Env: ['A=b'], Labels: { colour: 'green' }, ExposedPorts: { '80/tcp': {} } });
    const { comment, size, layers, platform, author, labels, created, repoTags } = details;
    assert.deepEqual(
      { comment, size, author, labels, repoTags },
      { comment: 'said', size: 6, author: '', labels: { colour: 'green' }, repoTags: [`${repository}:1`] },
    );
    assert.equal(layers.length, 1);
    assert.equal(platform.os, 'linux');
    assert.ok(Math.abs(created - Date.now() / 1000) < 60);
    assert.ok(Math.abs(Date.parse(details.lastTagged!) - Date.now()) < 60_000);
    assert.deepEqual(await images.inspect(id), details);
    const [step] = await images.history(repository.concat(':1'));
    assert.deepEqual(step, { id, created, createdBy: '', size: 6, comment: 'said', tags: [`${repository}:1`] });
  });

  check('names: tag, remove, and what is wrong with them', async (_t, { images }) => {
    const repository = unique();
    const id = await images.import(inPieces(layerTar([file('hello', randomBytes(8))])), { name: `${repository}:1` });
    await images.tag(`${repository}:1`, repository);
    await images.tag(id, `${repository}:2`);
    assert.deepEqual((await images.inspect(id)).repoTags, [`${repository}:1`, `${repository}:2`, `${repository}:latest`]);
    await fails(images.remove(id), 'conflict', /\(must be forced\) - image is referenced in multiple repositories|unable to delete/);
    assert.deepEqual(await images.remove(`${repository}:1`), [{ Untagged: `${repository}:1` }]);
    assert.deepEqual(await images.remove(repository), [{ Untagged: `${repository}:latest` }]);
    const lines = await images.remove(`${repository}:2`);
    assert.deepEqual(lines.slice(0, 2), [{ Untagged: `${repository}:2` }, { Deleted: id }]);
    assert.equal(lines.length, 3, 'and the layer');
    await fails(images.inspect(repository), 'not-found', `No such image: ${repository}:latest`);
    await fails(images.history(repository), 'not-found', `No such image: ${repository}:latest`);
    await fails(images.tag(repository, 'x'), 'not-found', `No such image: ${repository}:latest`);
    await fails(images.remove(repository, { force: true }), 'not-found', `No such image: ${repository}:latest`);
    await fails(images.inspect('UPPER'), 'invalid', 'invalid reference format: repository name (library/UPPER) must be lowercase');
    await fails(bytesOf(images.save([repository])), 'not-found', `No such image: ${repository}`);
    await fails(images.list({ filters: { bogus: ['x'] } }), 'invalid', "invalid filter 'bogus'");
    await fails(images.prune({ filters: { dangling: ['maybe'] } }), 'invalid', "invalid filter 'dangling=[maybe]'");
    assert.equal(images.familiarName('docker.io/library/redis'), 'redis:latest');
    assert.equal(images.fullName('redis'), 'docker.io/library/redis:latest');
  });

  check('an ambiguous or digested tag is refused', async (_t, { images }, later) => {
    const repository = unique();
    const id = await images.import(inPieces(layerTar([])), { name: repository });
    later(() => images.remove(id, { force: true }));
    await fails(images.tag(repository, 'sha256:x'), 'invalid', 'refusing to create an ambiguous tag using digest algorithm as name');
    await fails(images.tag(repository, `x@sha256:${'0'.repeat(64)}`), 'invalid', /digest reference/);
    await fails(images.import(inPieces(layerTar([])), { name: 'x', changes: ['FOO x'] }), 'invalid', 'FOO is not a valid change command');
  });

  check('load and save', async (t, { images, isDocker }, later) => {
    const repository = unique();
    const layer = layerTar([file('a', randomBytes(1 << 20))]);
    const more = {
      created: '2024-01-02T03:04:05Z',
      author: 'me',
      docker_version: '20.10',
      history: [{ created_by: 'a' }, { created_by: 'b', empty_layer: true, comment: 'last' }],
    };
    const archive = imageArchive({ names: [`${repository}:1`, `${repository}:2`], layers: [layer], config: { User: 'u' }, more });
    const [id] = archive.ids;
    const path = `${tempFor(t)}/image.tar`;
    writeFileSync(path, archive.bytes);
    later(() => images.remove(id!, { force: true }));
    const events: ProgressEvent[] = [];
    assert.deepEqual(await images.load(path, { onProgress: (event) => void events.push(event) }), [{ id, names: [`${repository}:1`, `${repository}:2`] }]);
    assert.ok(events.some(({ status, current, total }) => status === 'Loading layer' && current !== undefined && total !== undefined));
    const details = await images.inspect(`${repository}:1`);
    const { author, dockerVersion, comment, createdText, lastTagged, layers, config } = details;
    assert.deepEqual(
      { author, dockerVersion, comment, createdText, lastTagged, layers: layers.length, user: config.User },
      { author: 'me', dockerVersion: '20.10', comment: 'last', createdText: '2024-01-02T03:04:05Z', lastTagged: undefined, layers: 1, user: 'u' },
    );
    const steps = (await images.history(id!)).map(({ createdBy, size, comment: said }) => ({ createdBy, size, said }));
    assert.deepEqual(steps, [
      { createdBy: 'b', size: 0, said: 'last' },
      { createdBy: 'a', size: 1 << 20, said: '' },
    ]);
    const saved = await bytesOf(images.save([`${repository}:1`]));
    await images.remove(id!, { force: true });
    assert.deepEqual(await images.load(inPieces(saved)), [{ id, names: [`${repository}:1`] }]);
    const kind = isDocker ? 'internal' : 'invalid';
    await fails(images.load(inPieces(Buffer.from('junk'.repeat(1000)))), kind, /./);
    await fails(images.load(`${path}.none`), 'not-found', /no such file or directory/);
    const broken = async function* () {
      yield saved.subarray(0, 700);
      throw new EngineError('unavailable', 'the source broke off');
    };
    await fails(images.load(broken()), 'unavailable', 'the source broke off');
  });

  check('what is not for a platform is not found for it', async (_t, { images }, later) => {
    const repository = unique();
    const id = await images.import(inPieces(layerTar([])), { name: repository, platform: 'linux/s390x' });
    later(() => images.remove(id, { force: true }));
    assert.equal((await images.inspect(repository)).platform.architecture, 's390x');
    await images.inspect(repository, { platform: 'linux/s390x' });
    const words = /was found but its platform \(linux\/s390x\) does not match the specified platform \(linux\/arm64\)$/;
    await fails(images.inspect(repository, { platform: 'linux/arm64' }), 'not-found', words);
    await fails(images.history(repository, { platform: 'linux/arm64' }), 'not-found', words);
    await fails(images.push(`${repository}:latest`, { platform: 'linux/arm64' }), 'not-found', words);
  });

  check('a registry: push, pull, distribution, login', async (t, { images, registryAddress, isDocker }, later) => {
    const registry = await realRegistry(t, { folder: tempFor(t), address: registryAddress, auth: 'basic' });
    const name = `${registry.host}/${unique()}`;
    const credentials = REGISTRY_USER;
    const id = await images.import(inPieces(layerTar([file('x', randomBytes(300_000))])), { name: `${name}:1` });
    later(() => images.remove(id, { force: true }).catch(() => {}));
    await images.tag(id, `${name}:2`);
    const pushed: ProgressEvent[] = [];
    await images.push(`${name}:1`, { credentials, onProgress: (event) => void pushed.push(event) });
    assert.equal(pushed[0]!.status, `The push refers to repository [${name}]`);
    const { Tag, Digest: digest, Size } = pushed.at(-1)!.aux as { Tag: string; Digest: `sha256:${string}`; Size: number };
    assert.deepEqual([Tag, pushed.at(-2)!.status], ['1', `1: digest: ${digest} size: ${Size}`]);
    await images.push(name, { allTags: true, credentials });
    assert.deepEqual((await images.inspect(id)).repoDigests, [`${name}@${digest}`]);
    await fails(images.push(`${name}:none`, { credentials }), isDocker ? 'internal' : 'not-found', `tag does not exist: ${name}:none`);
    await fails(images.push(`${name}:1`, { credentials: {} }), isDocker ? 'internal' : 'denied', 'no basic auth credentials');

    const { descriptor, platforms } = await images.distribution(`${name}:1`, { credentials });
    assert.deepEqual([descriptor.digest, descriptor.size, platforms.length, platforms[0]!.os], [digest, Size, 1, 'linux']);
    await fails(images.distribution(`${name}:none`, { credentials }), 'not-found', /manifest unknown/);

    await images.remove(id, { force: true });
    const pulled: ProgressEvent[] = [];
    const [first] = await images.pull(`${name}:1`, { credentials, onProgress: (event) => void pulled.push(event) });
    assert.deepEqual(first, { id, digest, upToDate: false });
    const lines = pulled.filter(({ current }) => current === undefined).map(({ id: what, status }) => `${what === undefined ? '' : `${what} `}${status}`);
    assert.equal(lines[0], `1 Pulling from ${name.slice(name.indexOf('/') + 1)}`);
    assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}:1`]);
    assert.ok(lines.some((line) => /^[0-9a-f]{12} Pull complete$/.test(line)));
    const again: string[] = [];
    assert.equal((await images.pull(`${name}:1`, { credentials, onProgress: ({ status }) => void again.push(status) }))[0]!.upToDate, true);
    assert.deepEqual(again.slice(1), [`Digest: ${digest}`, `Status: Image is up to date for ${name}:1`]);
    assert.deepEqual(await images.pull(`${name}@${digest}`, { credentials }), [{ id, digest, upToDate: true }]);
    assert.equal((await images.pull(name, { allTags: true, credentials })).length, 2);
    await fails(images.pull(`${name}:none`, { credentials }), 'not-found', `manifest for ${name}:none not found: manifest unknown: manifest unknown`);
    await fails(images.pull(`${name}:1`, { credentials: {} }), isDocker ? 'internal' : 'denied', /no basic auth credentials$/);

    assert.deepEqual(await images.login({ serverAddress: registry.host, ...credentials }), { identityToken: '' });
    const refused = /^login attempt to http:\/\/.*\/v2\/ failed with status: 401 Unauthorized$/;
    await fails(images.login({ serverAddress: registry.host, username: 'user', password: 'wrong' }), isDocker ? 'internal' : 'denied', refused);
    await fails(images.login({ serverAddress: 'UP PER' }), 'invalid', /^unable to parse server address/);
    await registry.kill();
    await fails(images.pull(`${name}:1`, { credentials }), isDocker ? 'internal' : 'unavailable', /connection refused/);
  });

  check('who is not waited for any more ends', async (_t, { images }) => {
    const stop = new AbortController();
    const endless = async function* () {
      yield layerTar([file('x', 'y')]).subarray(0, 512);
      setTimeout(() => stop.abort(), 50);
      await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await fails(images.load(endless(), { signal: stop.signal }), 'cancelled', /./);
  });
}
