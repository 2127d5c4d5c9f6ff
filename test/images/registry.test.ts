/** The registry client with a real registry, and skopeo as the other client of it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Credentials, Descriptor, RegistryOptions, Repository } from '../../src/image/contract.ts';
import {
  digestOf,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  parseImageConfig,
  parseManifest,
  requireImage,
  selectImage,
} from '../../src/image/manifest.ts';
import { choosePlatform } from '../../src/image/platform.ts';
import { makeAuthority } from '../support/certificates.ts';
import { machineTar } from '../support/machine-tar.ts';
import { realRegistry, REGISTRY_USER, type RegistryOptions as StartOptions } from '../support/registry.ts';
import { chunksOf, collect, openRepository } from '../support/registry-client.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';
import { failure } from '../support/failure.ts';

const skopeoRoot = `${process.env['PEERS'] ?? '/var/tmp/peers'}/sid`;
const noSkopeo = existsSync(`${skopeoRoot}/usr/bin/skopeo`) && process.getuid?.() === 0 ? undefined : 'skopeo is not at hand here (shared/peers)';

async function started(t: TestContext, options: Omit<StartOptions, 'folder'> = {}) {
  const folder = tempFor(t);
  const registry = await realRegistry(t, { folder, ...options });
  const open = (path: string, credentials?: Credentials, client: RegistryOptions = {}) =>
    openRepository(t, `${registry.host}/${path}:latest`, client, credentials);
  return { registry, folder, open };
}

interface Image {
  readonly manifest: Buffer;
  readonly mediaType: string;
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
}

async function makeImage(
  t: TestContext,
  family: 'oci' | 'docker' = 'oci',
  contents: readonly Buffer[] = [Buffer.from('hello\n'), randomBytes(3_000_000)],
): Promise<Image> {
  const tars = await Promise.all(contents.map((bytes, index) => machineTar(tempFor(t), { [`file${index}`]: bytes })));
  const layers = tars.map((tar) => gzipSync(tar));
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', config: { Cmd: ['/file0'] }, rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) } }),
  );
  const [mediaType, configType, layerType] =
    family === 'oci'
      ? [OCI_MANIFEST, OCI_CONFIG, 'application/vnd.oci.image.layer.v1.tar+gzip']
      : [DOCKER_MANIFEST, DOCKER_CONFIG, 'application/vnd.docker.image.rootfs.diff.tar.gzip'];
  const manifest = { schemaVersion: 2, mediaType, config: descriptor(configType, config), layers: layers.map((layer) => descriptor(layerType, layer)) };
  return { manifest: Buffer.from(JSON.stringify(manifest)), mediaType, config, layers };
}

function descriptor(mediaType: string, bytes: Buffer): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

async function push(repository: Repository, image: Image, tag = 'latest'): Promise<void> {
  for (const blob of [...image.layers, image.config]) await repository.pushBlob(descriptor('application/octet-stream', blob), chunksOf(blob));
  await repository.pushManifest(tag, { mediaType: image.mediaType, bytes: image.manifest });
}

/** Pulls everything, verifies it, and compares. */
async function pulledIs(repository: Repository, image: Image, tag = 'latest'): Promise<void> {
  const raw = await repository.manifest(tag);
  assert.deepEqual(raw.bytes, image.manifest);
  assert.deepEqual(await repository.resolve(tag), raw.descriptor);
  const manifest = requireImage(parseManifest(raw.bytes, raw.descriptor.mediaType));
  assert.ok((await collect(await repository.blob(manifest.config))).equals(image.config));
  parseImageConfig(image.config, manifest.layers.length);
  for (const [index, layer] of manifest.layers.entries()) assert.ok((await collect(await repository.blob(layer))).equals(image.layers[index]!));
}

test('push and pull: both families, tags, an index, ranges', async (t) => {
  const { open, registry } = await started(t);
  const repository = open('some/app');
  const [oci, docker] = [await makeImage(t), await makeImage(t, 'docker')];
  await push(repository, oci);
  await push(repository, docker, 'docker');
  await pulledIs(repository, oci);
  await pulledIs(repository, docker, 'docker');
  await pulledIs(repository, docker, digestOf(docker.manifest));
  const index = {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      { ...descriptor(OCI_MANIFEST, oci.manifest), platform: { os: 'linux', architecture: 'arm64' } },
      { ...descriptor(DOCKER_MANIFEST, docker.manifest), platform: { os: 'linux', architecture: 'amd64' } },
    ],
  };
  await repository.pushManifest('multi', { mediaType: OCI_INDEX, bytes: Buffer.from(JSON.stringify(index)) });
  const raw = await repository.manifest('multi');
  const choose = (entries: readonly Descriptor[]) => choosePlatform(entries, { os: 'linux', architecture: 'amd64' });
  const found = await selectImage(raw, choose, (entry) => repository.manifest(entry.digest));
  assert.deepEqual(found.raw.bytes, docker.manifest);
  assert.deepEqual((await repository.tags()).toSorted(), ['docker', 'latest', 'multi']);
  const layer = descriptor('x/y', oci.layers[1]!);
  const rest = await repository.blob(layer, { offset: 1_000_000 });
  assert.ok((await collect(rest)).equals(oci.layers[1]!.subarray(1_000_000)));
  assert.equal(
    (await failure(repository.manifest('none'))).message,
    `manifest for ${registry.host}/some/app:latest not found: manifest unknown: manifest unknown`,
  );
  assert.match((await failure(open('no/such').manifest('latest'))).message, /not found: (manifest|name) unknown: /);
  assert.equal((await failure(repository.blob({ ...layer, digest: `sha256:${'0'.repeat(64)}` }))).message, 'unknown blob');
});

test('what is there is skipped; from next door it is mounted; chunks; a digest that is wrong', async (t) => {
  const { open } = await started(t);
  const bytes = randomBytes(5_000_000);
  const blob = descriptor('x/y', bytes);
  const first = open('first');
  assert.equal(await first.pushBlob(blob, chunksOf(bytes)), 'uploaded');
  assert.equal(await first.pushBlob(blob, () => assert.fail('not needed')), 'exists');
  assert.equal(await open('second').pushBlob(blob, () => assert.fail('not needed'), { mountFrom: ['nowhere/at/all', 'first'] }), 'mounted');
  assert.ok(await open('second').hasBlob(blob.digest));
  const other = randomBytes(5_000_000);
  const chunked = open('third', undefined, { chunkSize: 1_500_000 });
  assert.equal(await chunked.pushBlob(descriptor('x/y', other), chunksOf(other), { mountFrom: ['first'] }), 'uploaded');
  assert.ok((await collect(await chunked.blob(descriptor('x/y', other)))).equals(other));
  const wrong = await failure(open('fourth').pushBlob({ ...blob, digest: `sha256:${'1'.repeat(64)}` }, chunksOf(bytes)));
  assert.match(wrong.message, /digest invalid: provided digest did not match uploaded content/);
});

test('a registry that is killed in the middle of a push and of a pull, and comes back', async (t) => {
  const { open, registry } = await started(t);
  const bytes = randomBytes(20_000_000);
  const blob = descriptor('x/y', bytes);
  const patient = { retries: { attempts: 8, baseMs: 200, maxWaitMs: 2_000 } };
  const repository = open('app', undefined, patient);
  let killed = false;
  const restart = async () => {
    killed = true;
    await registry.kill();
    await registry.start();
  };
  let restarted: Promise<void> | undefined;
  const read = async function* (offset: number) {
    for (let at = offset; at < bytes.length; at += 1_000_000) {
      if (at >= 10_000_000 && !killed) {
        restarted = restart();
        await restarted;
      }
      yield bytes.subarray(at, Math.min(at + 1_000_000, bytes.length));
    }
  };
  assert.equal(await repository.pushBlob(blob, read), 'uploaded');
  assert.ok(killed);
  const stream = await repository.blob(blob);
  const parts: Buffer[] = [];
  let size = 0;
  killed = false;
  for await (const part of stream) {
    parts.push(part);
    size += part.length;
    if (size >= 5_000_000 && !killed) await restart();
  }
  assert.ok(Buffer.concat(parts).equals(bytes));
});

test('TLS with an authority of certs.d', async (t) => {
  const tls = makeAuthority();
  const { open, registry } = await started(t, { tls });
  const certsDir = tempFor(t);
  mkdirSync(`${certsDir}/${registry.host}`);
  writeFileSync(`${certsDir}/${registry.host}/ca.crt`, tls.cert);
  const image = await makeImage(t);
  const repository = open('app', undefined, { certsDir });
  await push(repository, image);
  await pulledIs(repository, image);
});

test('a password', async (t) => {
  const { open } = await started(t, { auth: 'basic' });
  const image = await makeImage(t);
  await push(open('app', REGISTRY_USER), image);
  await pulledIs(open('app', REGISTRY_USER), image);
  assert.equal((await failure(open('app').manifest('latest'))).message, 'no basic auth credentials');
  assert.equal((await failure(push(open('app'), image))).message, 'no basic auth credentials');
  assert.equal((await failure(open('app', { ...REGISTRY_USER, password: 'wrong' }).manifest('latest'))).message, 'unauthorized: authentication required');
});

test('tokens: for each scope, for a mount between repositories, for nobody', async (t) => {
  const { open } = await started(t, { auth: 'token' });
  const image = await makeImage(t);
  await push(open('public/app', REGISTRY_USER), image);
  await pulledIs(open('public/app', REGISTRY_USER), image);
  await pulledIs(open('public/app'), image);
  const blob = descriptor('x/y', image.layers[1]!);
  assert.equal(await open('private/app', REGISTRY_USER).pushBlob(blob, () => assert.fail('not needed'), { mountFrom: ['public/app'] }), 'mounted');
  const secret = await failure(open('private/app').manifest('latest'));
  assert.match(
    secret.message,
    /^pull access denied for .*\/private\/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/,
  );
  const denied = await failure(push(open('public/app'), await makeImage(t)));
  assert.equal(denied.kind, 'denied');
  assert.match(denied.message, /^unauthorized: authentication required|^denied: /);
  assert.equal(
    (await failure(open('public/app', { ...REGISTRY_USER, password: 'wrong' }).manifest('latest'))).message,
    'unauthorized: incorrect username or password',
  );
});

test('skopeo reads what we pushed, and we read what it pushed', { skip: noSkopeo ?? false }, async (t) => {
  const { open, registry } = await started(t, { auth: 'basic' });
  const skopeo = async (...args: string[]) => {
    const { code, stdout, stderr } = await run('chroot', [skopeoRoot, '/usr/bin/skopeo', ...args], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent', TMPDIR: '/tmp' },
    });
    assert.equal(code, 0, `skopeo ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  for (const family of ['oci', 'docker'] as const) {
    const image = await makeImage(t, family);
    await push(open(family, REGISTRY_USER), image);
    const creds = `${REGISTRY_USER.username}:${REGISTRY_USER.password}`;
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', '--creds', creds, `docker://${registry.host}/${family}:latest`);
    assert.equal(raw, image.manifest.toString());
    const from = ['--src-tls-verify=false', '--src-creds', creds, `docker://${registry.host}/${family}:latest`];
    const to = ['--dest-tls-verify=false', '--dest-creds', creds, `docker://${registry.host}/${family}-copy:latest`];
    await skopeo('--insecure-policy', 'copy', ...from.slice(0, 3), ...to.slice(0, 3), from[3]!, to[3]!);
    await pulledIs(open(`${family}-copy`, REGISTRY_USER), image);
  }
});
