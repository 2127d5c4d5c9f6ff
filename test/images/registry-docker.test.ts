/** A real Docker 28 is the other side: it pulls what we pushed, we pull what it pushed, and both say the same of what fails. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { EngineError } from '../../src/base/errors.ts';
import type { RegistryOptions } from '../../src/image/contract.ts';
import { digestOf, DOCKER_CONFIG, DOCKER_MANIFEST, parseImageConfig, parseManifest, requireImage } from '../../src/image/manifest.ts';
import { parseReference } from '../../src/image/reference.ts';
import { makeAuthority } from '../support/certificates.ts';
import { answer, FakeRegistry, fault } from '../support/fake-registry.ts';
import { machineTar } from '../support/machine-tar.ts';
import { noPeers, peers } from '../support/peers.ts';
import { realRegistry, type RealRegistry } from '../support/registry.ts';
import { chunksOf, collect, openRepository } from '../support/registry-client.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

/** This machine, seen from dockerd's network: see the script. */
const HERE = '10.233.1.1';
const reason = noPeers();
const PEERS_ROOT = `${process.env['PEERS'] ?? '/var/tmp/peers'}/sid`;
const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('docker 28 on the other side of a registry', { skip: reason ?? false }, () => {
  const cleanups: (() => unknown)[] = [];
  const suite = { after: (hook: () => unknown) => cleanups.push(hook) };
  let folder: string;
  let host: string;
  let registry: RealRegistry;
  let fake: FakeRegistry;
  let fakeHost: string;
  before(async () => {
    folder = tempFor(suite);
    await peers(['clients', folder]);
    await peers(['down']);
    host = await peers(['docker'], { DOCKERD_ARGS: `--insecure-registry ${HERE}/32` });
    registry = await realRegistry(suite, { folder: `${folder}/registry`, address: HERE });
    fake = await new FakeRegistry({ listen: HERE }).start();
    fakeHost = fake.host.replace('127.0.0.1', HERE);
  });
  after(async () => {
    await fake?.stop();
    await peers(['down']);
    for (const cleanup of cleanups.toReversed()) await cleanup();
  });
  const docker = (args: readonly string[]) => run(`${folder}/docker`, args, { env: { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: folder } });
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const open = (t: { after(hook: () => void): void }, name: string) => openRepository(t, name, { insecure: [`${HERE}/32`] });

  test('it pulls what we pushed: the same image id and digest', async (t) => {
    const tars = await Promise.all([randomBytes(2_000_000), Buffer.from('x\n')].map((bytes, index) => machineTar(tempFor(t), { [`f${index}`]: bytes })));
    const layers = tars.map((tar) => gzipSync(tar));
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) } }),
    );
    const describe_ = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: DOCKER_MANIFEST,
        config: describe_(DOCKER_CONFIG, config),
        layers: layers.map((layer) => describe_('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)),
      }),
    );
    const repository = open(t, `${registry.host}/ours`);
    for (const blob of [...layers, config]) await repository.pushBlob(describe_('x/y', blob), chunksOf(blob));
    await repository.pushManifest('latest', { mediaType: DOCKER_MANIFEST, bytes: manifest });
    await ok('pull', `${registry.host}/ours`);
    assert.equal(
      await ok('inspect', '--format', '{{.Id}} {{index .RepoDigests 0}}', `${registry.host}/ours`),
      `${digestOf(config)} ${registry.host}/ours@${digestOf(manifest)}`,
    );

    await ok('tag', `${registry.host}/ours`, `${registry.host}/theirs:v1`);
    await ok('push', `${registry.host}/theirs:v1`);
    const theirs = open(t, `${registry.host}/theirs:v1`);
    const raw = await theirs.manifest('v1');
    const image = requireImage(parseManifest(raw.bytes, raw.descriptor.mediaType));
    assert.equal(image.config.digest, digestOf(config));
    const { rootfs } = parseImageConfig(await collect(await theirs.blob(image.config)), image.layers.length);
    for (const [index, layer] of image.layers.entries()) assert.equal(digestOf(gunzipSync(await collect(await theirs.blob(layer)))), rootfs.diff_ids[index]);
  });

  test('both say the same of what fails', async (t) => {
    fake.hook = (request, response, url) => {
      const detail = { errors: [] as object[] };
      const say = (status: number, code: string, message: string) => {
        detail.errors.push({ code, message, detail: [{ Type: 'repository' }] });
        answer(response, status, { 'content-type': 'application/json' }, JSON.stringify(detail));
        return true;
      };
      switch (url.pathname.split('/')[2]) {
        case 'unknown-manifest':
          return say(404, 'MANIFEST_UNKNOWN', 'manifest unknown');
        case 'unknown-name':
          return say(404, 'NAME_UNKNOWN', 'repository name not known to registry');
        case 'denied':
          return say(403, 'DENIED', 'requested access to the resource is denied');
        case 'unauthorized':
          return say(401, 'UNAUTHORIZED', 'authentication required');
        case 'limited':
          fault(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit');
          return true;
        case 'busy':
          answer(response, 503);
          return true;
        case 'artifact': {
          const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: DIGEST, size: 2 };
          const manifest = Buffer.from(
            JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: empty, layers: [] }),
          );
          answer(response, 200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': digestOf(manifest) }, manifest);
          return true;
        }
        default:
          void request;
          return false;
      }
    };
    const names = ['unknown-manifest', 'unknown-name', 'denied', 'unauthorized', 'limited', 'busy', 'artifact'];
    const targets = [...names.map((name) => `${fakeHost}/${name}`), `${HERE}:1/refused`];
    for (const target of targets) {
      const { stderr } = await docker(['pull', '--quiet', target]);
      const theirs = stderr.trim().replace(/^Error response from daemon: /, '');
      const ours = await pull(t, `${target}:latest`);
      assert.equal(ours, theirs, target);
    }
  });

  const pull = async (t: { after(hook: () => void): void }, name: string, options: RegistryOptions = {}): Promise<string> => {
    try {
      const repository = openRepository(t, name, { insecure: [`${HERE}/32`], retries: { attempts: 1 }, ...options });
      const raw = await repository.manifest('latest');
      requireImage(parseManifest(raw.bytes, raw.descriptor.mediaType));
      return 'nothing';
    } catch (error) {
      assert.ok(error instanceof EngineError, String(error));
      return error.message;
    }
  };

  test('both say the same of TLS', async (t) => {
    // an address on the wire that dockerd does not take for insecure
    const away = '10.234.1.1';
    for (const [program, ...args] of [
      ['ip', 'addr', 'add', `${away}/32`, 'dev', 'peers-1'],
      ['nsenter', '--net=/run/netns/peers-docker', 'ip', 'route', 'add', `${away}/32`, 'dev', 'eth0'],
    ]) {
      const { code, stderr } = await run(program!, args);
      assert.equal(code, 0, stderr);
    }
    const authority = makeAuthority();
    const servers: FakeRegistry[] = [];
    t.after(() => Promise.all(servers.map((server) => server.stop())));
    for (const tls of [undefined, authority.issue([away])])
      servers.push(await new FakeRegistry({ listen: away, ...(tls === undefined ? {} : { tls }) }).start());
    for (const target of [...servers.map((server) => server.host.replace('127.0.0.1', away)), `${away}:1`]) {
      const { stderr } = await docker(['pull', '--quiet', `${target}/app`]);
      const theirs = stderr.trim().replace(/^Error response from daemon: /, '');
      assert.equal(await pull(t, `${target}/app:latest`), theirs, target);
    }
    // with the authority in both certs.d: a certificate of somebody else
    const other = await new FakeRegistry({ listen: away, tls: authority.issue(['10.234.1.9', 'other.test']) }).start();
    servers.push(other);
    const target = other.host.replace('127.0.0.1', away);
    const certsDir = tempFor(t);
    for (const place of [certsDir, `${PEERS_ROOT}/etc/docker/certs.d`]) {
      mkdirSync(`${place}/${target}`, { recursive: true });
      writeFileSync(`${place}/${target}/ca.crt`, authority.cert);
    }
    t.after(() => rmSync(`${PEERS_ROOT}/etc/docker/certs.d/${target}`, { recursive: true }));
    const { stderr } = await docker(['pull', '--quiet', `${target}/app`]);
    assert.equal(await pull(t, `${target}/app:latest`, { certsDir }), stderr.trim().replace(/^Error response from daemon: /, ''));
    assert.match(stderr, /certificate is valid for 10\.234\.1\.9, not 10\.234\.1\.1/);
  });

  test('both refuse the same names in the same words', async () => {
    const names = [
      'Foo',
      'localhost/Foo:x',
      'redis:',
      'a//b',
      'a'.repeat(64),
      `x@sha256:${'A'.repeat(64)}`,
      `x/${'a'.repeat(260)}`,
      'foo__bar___baz',
      `x@sha1:${'a'.repeat(40)}`,
    ];
    for (const name of names) {
      const { stderr } = await docker(['pull', '--quiet', name]);
      assert.throws(
        () => parseReference(name),
        (error: EngineError) => {
          assert.equal(error.message, stderr.trim());
          return true;
        },
        name,
      );
    }
  });
});
