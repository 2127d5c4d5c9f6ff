/** A registry in this process, over HTTP, that behaves, except where a test's hook answers in its place. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
}

/** Answers a request in the registry's place: true, or a promise of it, when it did. */
export type Hook = (request: IncomingMessage, response: ServerResponse, url: URL) => boolean | void | Promise<boolean | void>;

export interface FakeOptions {
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  readonly auth?: 'basic' | 'token';
  /** Tokens are issued by this address instead of the registry's own. */
  readonly realm?: () => string;
  readonly listen?: string;
}

export const USER = { username: 'user', password: 'pass:word' };

export function sha256(bytes: Uint8Array | string): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export class FakeRegistry {
  readonly asked: Asked[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** By `PATH TAG-OR-DIGEST`. */
  readonly manifests = new Map<string, { type: string; bytes: Buffer }>();
  readonly uploads = new Map<string, Buffer>();
  /** Valid for the token flow, by text: their scopes. */
  readonly tokens = new Map<string, string>();
  hook: Hook | undefined;
  expiresIn: number | undefined;
  readonly #server: Server;
  readonly #options: FakeOptions;

  constructor(options: FakeOptions) {
    this.#options = options;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      request.on('error', () => {});
      response.on('error', () => {});
      this.#handle(request, response).catch(() => response.destroy());
    };
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer({ ...tls, ...(tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }) }, handle);
  }

  start(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, this.#options.listen ?? '127.0.0.1', () => resolve(this));
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get address(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${this.host}`;
  }

  addBlob(bytes: Buffer): `sha256:${string}` {
    const digest = sha256(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  addManifest(path: string, tag: string, type: string, value: unknown): { digest: `sha256:${string}`; bytes: Buffer } {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
    for (const name of [tag, sha256(bytes)]) this.manifests.set(`${path} ${name}`, { type, bytes });
    return { digest: sha256(bytes), bytes };
  }

  /** The requests so far as `METHOD /path`. */
  lines(): string[] {
    return this.asked.map(({ method, url }) => `${method} ${url.pathname}`);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.address);
    this.asked.push({ method: request.method ?? '', url, headers: request.headers });
    if ((await this.hook?.(request, response, url)) === true) return;
    if (url.pathname === '/token') return this.#token(request, response, url);
    if (!this.#letIn(request, response, url)) return;
    if (url.pathname === '/v2/') return answer(response, 200, {}, '{}');
    const match = /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs|tags|referrers)\/(.*)$/.exec(url.pathname);
    if (match === null) return fault(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
    const [, path = '', kind, name = ''] = match;
    if (kind === 'manifests') return this.#manifest(request, response, path, name);
    if (kind === 'blobs') return this.#blob(request, response, name);
    if (kind === 'blobs/uploads') return this.#upload(request, response, url, path, name);
    if (kind === 'tags') return this.#tags(response, url, path);
    return fault(response, 404, 'NOT_FOUND', 'no such thing');
  }

  #letIn(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
    const { auth } = this.#options;
    const given = request.headers.authorization ?? '';
    if (auth === 'basic') {
      if (given === basic()) return true;
      fault(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': 'Basic realm="fake"' });
      return false;
    }
    if (auth !== 'token') return true;
    const path = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(url.pathname)?.[1];
    const actions = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'pull,push';
    const scope = path === undefined ? '' : `repository:${path}:${actions}`;
    const granted = this.tokens.get(given.replace('Bearer ', ''));
    if (granted !== undefined && (granted.includes(scope) || granted.includes(scope.replace(':pull', ':pull,push')))) return true;
    const realm = this.#options.realm?.() ?? `${this.address}/token`;
    fault(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': `Bearer realm="${realm}",service="fake",scope="${scope}"` });
    return false;
  }

  #token(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const token = randomUUID();
    const give = (scopes: readonly string[]) => {
      this.tokens.set(token, scopes.join(' '));
      answer(
        response,
        200,
        { 'content-type': 'application/json' },
        JSON.stringify({
          token,
          ...(url.searchParams.get('offline_token') === 'true' && request.headers.authorization !== undefined && { refresh_token: 'refresh' }),
          ...(this.expiresIn !== undefined && { expires_in: this.expiresIn }),
        }),
      );
    };
    if (request.method === 'POST') {
      void body(request).then((bytes) => {
        const form = new URLSearchParams(bytes.toString());
        if (form.get('refresh_token') !== 'refresh' || form.get('grant_type') !== 'refresh_token')
          return fault(response, 401, 'UNAUTHORIZED', 'bad refresh token');
        give((form.get('scope') ?? '').split(' '));
      });
      return;
    }
    const given = request.headers.authorization;
    if (given !== undefined && given !== basic())
      return answer(response, 401, { 'content-type': 'application/json' }, '{"details":"incorrect username or password"}');
    // nobody may pull from public repositories only
    give(url.searchParams.getAll('scope').filter((scope) => given !== undefined || scope.startsWith('repository:public/')));
  }

  #manifest(request: IncomingMessage, response: ServerResponse, path: string, name: string): void {
    if (request.method === 'PUT') {
      void body(request).then((bytes) => {
        const type = request.headers['content-type'] ?? '';
        for (const key of [name, sha256(bytes)]) this.manifests.set(`${path} ${key}`, { type, bytes });
        answer(response, 201, { 'docker-content-digest': sha256(bytes) });
      });
      return;
    }
    const found = this.manifests.get(`${path} ${name}`);
    if (found === undefined) return fault(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown');
    answer(response, 200, { 'content-type': found.type, 'docker-content-digest': sha256(found.bytes) }, found.bytes);
  }

  #blob(request: IncomingMessage, response: ServerResponse, name: string): void {
    const bytes = this.blobs.get(name);
    if (bytes === undefined) return fault(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    if (range === null) return answer(response, 200, {}, bytes);
    const from = Number(range[1]);
    answer(response, 206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }, bytes.subarray(from));
  }

  async #upload(request: IncomingMessage, response: ServerResponse, url: URL, path: string, id: string): Promise<void> {
    const at = (name: string) => ({ location: `/v2/${path}/blobs/uploads/${name}?state=${randomUUID()}` });
    if (request.method === 'POST') {
      const mount = url.searchParams.get('mount');
      if (mount !== null && this.blobs.has(mount)) return answer(response, 201, { location: `/v2/${path}/blobs/${mount}` });
      const made = randomUUID();
      this.uploads.set(made, Buffer.alloc(0));
      return answer(response, 202, { ...at(made), range: '0-0' });
    }
    const has = this.uploads.get(id);
    if (has === undefined) return fault(response, 404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    const range = (bytes: Buffer) => ({ range: `0-${Math.max(0, bytes.length - 1)}` });
    if (request.method === 'GET') return answer(response, 204, { ...at(id), ...range(has) });
    if (request.method === 'DELETE') {
      this.uploads.delete(id);
      return answer(response, 204);
    }
    const from = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1];
    if (from !== undefined && Number(from) !== has.length) return answer(response, 416, range(has));
    const whole = Buffer.concat([has, await body(request, (came) => this.#grow(id, came))]);
    this.uploads.set(id, whole);
    if (request.method === 'PATCH') return answer(response, 202, { ...at(id), ...range(whole) });
    const digest = url.searchParams.get('digest') ?? '';
    if (sha256(whole) !== digest) return fault(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
    this.uploads.delete(id);
    this.blobs.set(digest, whole);
    answer(response, 201, { location: `/v2/${path}/blobs/${digest}`, 'docker-content-digest': digest });
  }

  /** Not when it has been taken back meanwhile. */
  #grow(id: string, part: Buffer): void {
    const has = this.uploads.get(id);
    if (has !== undefined) this.uploads.set(id, Buffer.concat([has, part]));
  }

  #tags(response: ServerResponse, url: URL, path: string): void {
    const all = [...this.manifests.keys()]
      .flatMap((key) => (key.startsWith(`${path} `) && !key.includes('sha256:') ? [key.slice(path.length + 1)] : []))
      .toSorted();
    const rest = all.filter((tag) => tag > (url.searchParams.get('last') ?? ''));
    const page = rest.slice(0, 3); // a registry may give fewer than were asked for
    const link: Record<string, string> = page.length < rest.length ? { link: `</v2/${path}/tags/list?last=${page.at(-1)}&n=3>; rel="next"` } : {};
    answer(response, 200, { 'content-type': 'application/json', ...link }, JSON.stringify({ name: path, tags: page }));
  }
}

export function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}, bytes: Uint8Array | string = ''): void {
  const isEmpty = status === 204 || status === 304;
  response.writeHead(status, { ...(isEmpty ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }), ...headers });
  response.end(response.req.method === 'HEAD' || isEmpty ? undefined : bytes);
}

export function fault(response: ServerResponse, status: number, code: string, message: string, headers: Record<string, string> = {}): void {
  answer(response, status, { 'content-type': 'application/json', ...headers }, JSON.stringify({ errors: [{ code, message }] }));
}

/** Starts one, and stops it after the test. */
export async function fakeRegistry(t: { after(hook: () => unknown): void }, options: FakeOptions = {}): Promise<FakeRegistry> {
  const registry = await new FakeRegistry(options).start();
  t.after(() => registry.stop());
  return registry;
}

function basic(): string {
  return `Basic ${Buffer.from(`${USER.username}:${USER.password}`).toString('base64')}`;
}

/** All of a request's body. `broken` gets what came of one that breaks off. */
async function body(request: IncomingMessage, broken?: (came: Buffer) => void): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  } catch (error) {
    broken?.(Buffer.concat(parts));
    throw error;
  }
  return Buffer.concat(parts);
}
