/** TLS: authorities and client certificates of certs.d, insecure registries, proxies. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { answer, fakeRegistry, type FakeOptions, USER } from '../../../test/support/fake-registry.ts';
import { collect, openRepository } from '../../../test/support/registry-client.ts';
import { tempFor } from '../../../test/support/temp.ts';
import { OCI_MANIFEST } from '../manifest.ts';
import { readCertificates } from './trust.ts';
import { failure } from '../../../test/support/failure.ts';

const authority = makeAuthority();
const server = authority.issue(['127.0.0.1', 'localhost', 'registry.test']);
const D = `sha256:${'a'.repeat(64)}`;
const IMAGE = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: D, size: 2 }, layers: [] };

async function secured(t: TestContext, options: FakeOptions = {}) {
  const registry = await fakeRegistry(t, { tls: server, ...options });
  const image = registry.addManifest('app', 'latest', OCI_MANIFEST, IMAGE);
  return { registry, image };
}

/** A proxy that knows every name as this machine. */
async function proxy(t: TestContext, port: () => number, secret?: string) {
  const seen: string[] = [];
  const letIn = (request: IncomingMessage) =>
    secret === undefined || request.headers['proxy-authorization'] === `Basic ${Buffer.from(secret).toString('base64')}`;
  const made = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (!letIn(request)) return answer(response, 407);
    // what the registry saw: the absolute form, as a proxy gets it
    answer(response, 200, { 'content-type': OCI_MANIFEST }, JSON.stringify(IMAGE));
  });
  made.on('connect', (request: IncomingMessage, client: Socket) => {
    seen.push(`CONNECT ${request.url}`);
    client.on('error', () => {});
    if (!letIn(request)) return client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const onward = connect(port(), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(onward).pipe(client);
    });
    onward.on('error', () => client.destroy());
    client.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    made.closeAllConnections();
    return new Promise((resolve) => made.close(resolve));
  });
  return { seen, address: `127.0.0.1:${(made.address() as AddressInfo).port}` };
}

function certsDir(t: TestContext, host: string, files: Readonly<Record<string, string>>): string {
  const folder = tempFor(t);
  mkdirSync(`${folder}/${host}`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${host}/${name}`, text);
  return folder;
}

test('loopback and what is listed as insecure: any certificate, or none', async (t) => {
  const { registry, image } = await secured(t);
  assert.equal((await openRepository(t, `${registry.host}/app`).manifest('latest')).descriptor.digest, image.digest);
  const plain = await fakeRegistry(t);
  plain.addManifest('app', 'latest', OCI_MANIFEST, IMAGE);
  assert.equal((await openRepository(t, `${plain.host}/app`).manifest('latest')).descriptor.digest, image.digest);
});

/** This machine's address that is not loopback, where only what is listed may go without verified TLS. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address !== undefined && !address.internal && address.family === 'IPv4')?.address;

test(
  'elsewhere: a certificate that nothing vouches for is refused, as is a registry without TLS',
  { skip: outside === undefined ? 'no network but loopback' : false },
  async (t) => {
    const tls = authority.issue([outside!]);
    const registry = await fakeRegistry(t, { tls, listen: outside! });
    const image = registry.addManifest('app', 'latest', OCI_MANIFEST, IMAGE);
    const host = registry.host.replace('127.0.0.1', outside!);
    const unknown = await failure(openRepository(t, `${host}/app`).manifest('latest'));
    assert.equal(unknown.message, `Get "https://${host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`); // docker 28's
    assert.match(unknown.hint!, /certs\.d/);
    for (const insecure of [[host], [outside!], [`${outside!}/32`]]) {
      assert.equal((await openRepository(t, `${host}/app`, { insecure }).manifest('latest')).descriptor.digest, image.digest);
    }
    const folder = certsDir(t, host, { 'ca.crt': authority.cert });
    assert.equal((await openRepository(t, `${host}/app`, { certsDir: folder }).manifest('latest')).descriptor.digest, image.digest);

    const otherName = await fakeRegistry(t, { tls: authority.issue(['other.test']), listen: outside! });
    const otherHost = otherName.host.replace('127.0.0.1', outside!);
    const wrong = await failure(openRepository(t, `${otherHost}/app`, { certsDir: certsDir(t, otherHost, { 'ca.crt': authority.cert }) }).manifest('latest'));
    assert.equal(
      wrong.message,
      `Get "https://${otherHost}/v2/": tls: failed to verify certificate: x509: cannot validate certificate for ${outside!} because it doesn't contain any IP SANs`,
    );
    const old = await fakeRegistry(t, { tls: authority.issue([outside!], { expired: true }), listen: outside! });
    const oldHost = old.host.replace('127.0.0.1', outside!);
    const expired = await failure(openRepository(t, `${oldHost}/app`, { certsDir: certsDir(t, oldHost, { 'ca.crt': authority.cert }) }).manifest('latest'));
    assert.match(expired.message, /x509: certificate has expired or is not yet valid$/);

    const plain = await fakeRegistry(t, { listen: outside! });
    const plainHost = plain.host.replace('127.0.0.1', outside!);
    const noTls = await failure(openRepository(t, `${plainHost}/app`, {}, USER).manifest('latest'));
    assert.equal(noTls.message, `Get "https://${plainHost}/v2/": http: server gave HTTP response to HTTPS client`); // docker 28's
    assert.equal(plain.asked.length, 0, 'nothing was sent without TLS');
  },
);

test('a client certificate is shown to the registry that wants it', async (t) => {
  const { registry, image } = await secured(t, { tls: { ...server, ca: authority.cert } });
  const without = await failure(openRepository(t, `${registry.host}/app`).manifest('latest'));
  assert.equal(without.kind, 'unavailable');
  const client = authority.issue([], { client: true });
  const folder = certsDir(t, registry.host, { 'ca.crt': authority.cert, 'client.cert': client.cert, 'client.key': client.key });
  assert.equal((await openRepository(t, `${registry.host}/app`, { certsDir: folder }).manifest('latest')).descriptor.digest, image.digest);
});

test('certs.d: halves of a pair are named, and a host is no path', async (t) => {
  const folder = certsDir(t, 'a.io:5000', { 'x.cert': 'x', 'y.crt': 'y' });
  await assert.rejects(
    readCertificates(folder, 'a.io:5000'),
    /^EngineError: missing key x\.key for client certificate x\.cert\. CA certificates must use the extension \.crt$/,
  );
  const other = certsDir(t, 'a.io', { 'x.key': 'x' });
  await assert.rejects(readCertificates(other, 'a.io'), /missing client certificate x\.cert for key x\.key/);
  for (const host of ['..', '.', '../a.io', 'a.io/..', '']) assert.deepEqual(await readCertificates(other, host), { ca: [], clients: [] });
  const broken = certsDir(t, '127.0.0.1:1', { 'ca.crt': '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n' });
  const error = await failure(openRepository(t, '127.0.0.1:1/app', { certsDir: broken }).manifest('latest'));
  assert.match(error.message, /certs|127\.0\.0\.1:1/);
});

test("through a proxy: CONNECT for TLS, with the proxy's password, and verified to the end", async (t) => {
  const { registry, image } = await secured(t);
  const port = () => Number(registry.host.split(':')[1]);
  const through = await proxy(t, port, 'me:secret');
  const folder = certsDir(t, 'registry.test:5000', { 'ca.crt': authority.cert });
  const env = { HTTPS_PROXY: `http://me:secret@${through.address}` };
  const repository = openRepository(t, 'registry.test:5000/app', { env, certsDir: folder });
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  assert.deepEqual(new Set(through.seen), new Set(['CONNECT registry.test:5000']));
  const bytes = Buffer.alloc(1_000_000, 3);
  const digest = registry.addBlob(bytes);
  assert.ok((await collect(await repository.blob({ mediaType: 'x/y', digest, size: bytes.length }))).equals(bytes));

  const unverified = await failure(openRepository(t, 'registry.test:5000/app', { env }).manifest('latest'));
  assert.match(unverified.message, /signed by unknown authority/);
  const refused = await failure(openRepository(t, 'registry.test:5000/app', { env: { https_proxy: through.address }, certsDir: folder }).manifest('latest'));
  assert.match(refused.message, /proxyconnect tcp: .*: 407 Proxy Authentication Required$/);
  const gone = await failure(openRepository(t, 'registry.test:5000/app', { env: { https_proxy: '127.0.0.1:1' }, certsDir: folder }).manifest('latest'));
  assert.match(gone.message, /proxyconnect tcp: dial tcp 127\.0\.0\.1:1: connect: connection refused$/);
  const around = await failure(openRepository(t, 'registry.invalid:5000/app', { env: { ...env, NO_PROXY: '.invalid' } }).manifest('latest'));
  assert.match(around.message, /lookup registry\.invalid/);
});

test('through a proxy without TLS, in the absolute form', async (t) => {
  const through = await proxy(t, () => 1);
  const env = { HTTP_PROXY: `http://${through.address}`, HTTPS_PROXY: 'http://127.0.0.1:1' };
  const repository = openRepository(t, 'registry.test:5000/app', { env, insecure: ['registry.test:5000'] });
  assert.equal((await repository.manifest('latest')).descriptor.mediaType, OCI_MANIFEST);
  assert.deepEqual(through.seen, ['GET http://registry.test:5000/v2/', 'GET http://registry.test:5000/v2/app/manifests/latest']);
});

test('a redirect from TLS to none is not followed', { skip: outside === undefined ? 'no network but loopback' : false }, async (t) => {
  const { registry } = await secured(t);
  const digest = registry.addBlob(Buffer.from('x'));
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/blobs/')) return false;
    answer(response, 307, { location: `http://${outside}:1/x` });
    return true;
  };
  const error = await failure(openRepository(t, `${registry.host}/app`).blob({ mediaType: 'x/y', digest, size: 1 }));
  assert.match(error.message, /redirects to http:.* which is without TLS, and not listed as insecure$/);
});

test('another host sends nobody to a service of this machine', { skip: outside === undefined ? 'no network but loopback' : false }, async (t) => {
  const registry = await fakeRegistry(t, { listen: outside! });
  const local = await fakeRegistry(t);
  const host = registry.host.replace('127.0.0.1', outside!);
  const digest = registry.addBlob(Buffer.from('x'));
  const open = (insecure = [host]) => openRepository(t, `${host}/app`, { insecure }, USER);
  const blob = { mediaType: 'x/y', digest, size: 1, urls: [`${local.address}/x`] };
  registry.hook = (_request, response, url) => {
    if (!url.pathname.includes('/blobs/')) return false;
    answer(response, 307, { location: `${local.address}/x` });
    return true;
  };
  assert.match((await failure(open().blob(blob))).message, /redirects to this machine, which is not followed$/);
  registry.hook = undefined;
  registry.blobs.clear();
  assert.equal((await failure(open().blob(blob))).message, 'unknown blob');
  registry.hook = (_request, response) => {
    answer(response, 401, { 'www-authenticate': `Bearer realm="${local.address}/token",service="x"` });
    return true;
  };
  assert.match((await failure(open().manifest('latest'))).message, /names this machine as its authorization server, which is not asked$/);
  assert.equal(local.asked.length, 0);
});

test('an upload that leaves TLS is not made; certificates that come later count', async (t) => {
  const { registry, image } = await secured(t, { tls: { ...server, ca: authority.cert } });
  const folder = certsDir(t, registry.host, {});
  const repository = openRepository(t, `${registry.host}/app`, { certsDir: folder });
  assert.equal((await failure(repository.manifest('latest'))).kind, 'unavailable');
  const client = authority.issue([], { client: true });
  writeFileSync(`${folder}/${registry.host}/client.key`, client.key);
  writeFileSync(`${folder}/${registry.host}/client.cert`, client.cert);
  assert.equal((await repository.manifest('latest')).descriptor.digest, image.digest);
  registry.hook = (request, response) => {
    if (request.method !== 'POST') return false;
    answer(response, 202, { location: 'http://elsewhere.test/upload' });
    return true;
  };
  const error = await failure(repository.pushBlob({ mediaType: 'x/y', digest: `sha256:${'0'.repeat(64)}`, size: 1 }, () => assert.fail('not read')));
  assert.match(error.message, /without TLS, and not listed as insecure$/);
});
