/** A real registry, Debian's docker-registry, on loopback for a test: with TLS, a password or tokens where it is asked for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Authority, makeAuthority } from './certificates.ts';
import { deb } from './debs.ts';

export const REGISTRY_USER = { username: 'user', password: 'pass:word' };
/** bcrypt of that password, of the least cost; docker-registry takes no other kind. */
const HTPASSWD = 'user:$2y$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki\n';

export interface RegistryOptions {
  /** Empty or new; the test's to remove. */
  readonly folder: string;
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly tls?: Authority;
  readonly auth?: 'basic' | 'token';
}

export interface RealRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** What it wrote so far. */
  log(): string;
  /** As `SIGKILL`, in the middle of anything; `start` again on the same port and storage. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Starts one, and stops it after the test. */
export async function realRegistry(t: { after(hook: () => unknown): void }, options: RegistryOptions): Promise<RealRegistry> {
  const program = `${await deb('docker-registry')}/usr/bin/docker-registry`;
  const { folder, address = '127.0.0.1' } = options;
  mkdirSync(`${folder}/storage`, { recursive: true });
  const auth = options.auth === 'token' ? await tokenServer(t, folder) : options.auth === 'basic' ? basicAuth(folder) : undefined;
  const tls = options.tls === undefined ? undefined : writeTls(folder, options.tls, address);
  let child: ChildProcess | undefined;
  let port = 0;
  let text = '';
  const start = async () => {
    // JSON is YAML
    const config = {
      version: '0.1',
      log: { level: 'info', formatter: 'text' },
      storage: { filesystem: { rootdirectory: `${folder}/storage` }, delete: { enabled: true } },
      http: { addr: `${address}:${port}`, secret: 'kobako', ...(tls === undefined ? {} : { tls }) },
      ...(auth === undefined ? {} : { auth }),
    };
    writeFileSync(`${folder}/config.yml`, JSON.stringify(config));
    const started = spawn(program, ['serve', `${folder}/config.yml`], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] } });
    child = started;
    const from = text.length;
    port = await new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`docker-registry does not listen: ${text.slice(from)}`)), 30_000);
      const read = (part: Buffer) => {
        text += part.toString();
        const match = /listening on [^ "]*:(\d+)/.exec(text.slice(from));
        if (match === null) return;
        clearTimeout(late);
        resolve(Number(match[1]));
      };
      started.stdout.on('data', read);
      started.stderr.on('data', read);
      started.once('error', reject);
      started.once('exit', () => {
        clearTimeout(late);
        reject(new Error(`docker-registry ended: ${text.slice(from)}`));
      });
    });
  };
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  t.after(kill);
  await start();
  return { host: `${address}:${port}`, log: () => text, kill, start };
}

function basicAuth(folder: string): object {
  writeFileSync(`${folder}/htpasswd`, HTPASSWD);
  return { htpasswd: { realm: 'test', path: `${folder}/htpasswd` } };
}

function writeTls(folder: string, authority: Authority, address: string): object {
  const { cert, key } = authority.issue([address, 'localhost']);
  writeFileSync(`${folder}/server.crt`, cert);
  writeFileSync(`${folder}/server.key`, key);
  return { certificate: `${folder}/server.crt`, key: `${folder}/server.key` };
}

/** What issues tokens for docker-registry: all that is asked for to the user, pulling from `public/` to everybody. */
async function tokenServer(t: { after(hook: () => unknown): void }, folder: string): Promise<object> {
  const signer = makeAuthority('kobako test tokens');
  writeFileSync(`${folder}/tokens.crt`, signer.cert);
  const right = `Basic ${Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const given = request.headers.authorization;
    if (given !== undefined && given !== right)
      return void response.writeHead(401, { 'content-type': 'application/json' }).end('{"details":"incorrect username or password"}');
    const access = url.searchParams.getAll('scope').flatMap((scope) => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      const allowed = given !== undefined ? actions.split(',') : name.startsWith('public/') ? ['pull'] : [];
      return allowed.length === 0 ? [] : [{ type, name, actions: allowed }];
    });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token: jwt(signer, access), expires_in: 300 }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return { token: { realm, service: 'test', issuer: 'kobako', rootcertbundle: `${folder}/tokens.crt` } };
}

/** As distribution's spec/auth/jwt.md has it. */
function jwt(signer: Authority, access: readonly object[]): string {
  const key = createPrivateKey(signer.key);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const seconds = Math.floor(Date.now() / 1000);
  const header = { typ: 'JWT', alg: 'ES256', kid: fingerprint(spki) };
  const claims = { iss: 'kobako', sub: '', aud: 'test', exp: seconds + 300, nbf: seconds - 10, iat: seconds, jti: randomUUID(), access };
  const body = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${body}.${sign('sha256', Buffer.from(body), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** libtrust's: 240 bits of the key's SHA-256 in base32, in groups of four. */
function fingerprint(spki: Buffer): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...createHash('sha256').update(spki).digest().subarray(0, 30)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = bits.match(/.{5}/g)!.map((five) => alphabet[Number.parseInt(five, 2)]);
  return letters.join('').match(/.{4}/g)!.join(':');
}
