/** Putting a blob into a registry: it is there, it is mounted from next door, or it is sent: in one piece, or in chunks that can go on. */
import { EngineError } from '../../base/errors.ts';
import type { Descriptor } from '../contract.ts';
import { repositoryScope } from './auth.ts';
import { NetworkError } from './network-error.ts';
import { askedToWait, attemptsFor, backOff, mayPass } from './retry.ts';
import type { Call, Session } from './session.ts';
import type { HttpResponse } from './transport.ts';

/** Bytes. What is no larger goes with the request that names it; sending it again costs little. */
const MONOLITHIC = 1 << 20;
/** Bytes, for registries that refuse a large request, each next one for those that refuse the one before. */
const SMALLER_CHUNKS = [64 << 20, 16 << 20, 5 << 20];

export type ReadBlob = (offset: number) => AsyncIterable<Uint8Array>;

export interface UploadOptions {
  readonly mountFrom?: readonly string[] | undefined;
  readonly chunkSize?: number | undefined;
  readonly progress?: ((sent: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where an upload stands. */
interface Open {
  readonly location: URL;
  /** Bytes: what the registry wants a chunk to have at least. */
  readonly least: number;
  offset: number;
}

export async function uploadBlob(
  session: Session,
  path: string,
  blob: Descriptor,
  read: ReadBlob,
  options: UploadOptions = {},
): Promise<'exists' | 'mounted' | 'uploaded'> {
  return new Upload(session, path, blob, read, options).run();
}

class Upload {
  readonly #session: Session;
  readonly #blob: Descriptor;
  readonly #read: ReadBlob;
  readonly #options: UploadOptions;
  readonly #scopes: readonly string[];
  readonly #path: string;
  #chunkSize: number | undefined;
  #failures = 0;

  constructor(session: Session, path: string, blob: Descriptor, read: ReadBlob, options: UploadOptions) {
    this.#session = session;
    this.#path = path;
    this.#blob = blob;
    this.#read = read;
    this.#options = options;
    this.#scopes = [repositoryScope(path, 'pull,push')];
    this.#chunkSize = options.chunkSize;
  }

  async run(): Promise<'exists' | 'mounted' | 'uploaded'> {
    if (await this.#isThere()) return 'exists';
    const sources = (this.#options.mountFrom ?? []).filter((source) => source !== this.#path);
    for (const source of sources) {
      const open = await this.#mount(source);
      if (open === undefined) return 'mounted';
      if (open !== 'no') await this.#drop(open);
    }
    for (;;) {
      const open = await this.#start();
      try {
        await this.#send(open);
        return 'uploaded';
      } catch (error) {
        await this.#drop(open);
        if ((error as { detail?: { status?: number } }).detail?.status === 413 && this.#shrink()) continue;
        await this.#failed(error, isForgotten(error));
        // the answer to the last request may be all that was lost
        if (await this.#isThere()) return 'uploaded';
      }
    }
  }

  async #isThere(): Promise<boolean> {
    const response = await this.#call({ method: 'HEAD', at: `blobs/${this.#blob.digest}`, accept: [404] });
    await response.body.discard();
    return response.status !== 404;
  }

  /** Nothing when it is mounted; `no` where the registry will not even try; else the upload that it opened instead. */
  async #mount(from: string): Promise<Open | 'no' | undefined> {
    const query = new URLSearchParams({ mount: this.#blob.digest, from });
    const scopes = [...this.#scopes, repositoryScope(from, 'pull')];
    let response: HttpResponse;
    try {
      response = await this.#call({ method: 'POST', at: `blobs/uploads/?${query}`, scopes, accept: [400, 401, 403, 404, 405] });
    } catch (error) {
      // a token server may refuse the whole for the sake of the other repository
      if (error instanceof EngineError && error.kind === 'denied') return 'no';
      throw error;
    }
    await response.body.discard();
    if (response.status === 201) return undefined;
    return response.status < 300 ? this.#opened(response) : 'no';
  }

  async #start(): Promise<Open> {
    const response = await this.#call({ method: 'POST', at: 'blobs/uploads/' });
    await response.body.discard();
    return this.#opened(response);
  }

  #opened(response: HttpResponse): Open {
    const least = Number(response.headers['oci-chunk-min-length'] ?? 0);
    return { location: this.#session.locate(response.headers.location, response.url), least: Number.isSafeInteger(least) && least > 0 ? least : 0, offset: 0 };
  }

  async #send(open: Open): Promise<void> {
    const { size } = this.#blob;
    let at = open;
    if (size <= MONOLITHIC && this.#chunkSize === undefined) {
      await this.#finish(at.location, size);
    } else {
      while (at.offset < size) at = await this.#chunk(at);
      await this.#finish(at.location, 0);
    }
    this.#options.progress?.(size);
  }

  /** Sends the next chunk, and gives where the upload stands then, as the registry sees it. */
  async #chunk(open: Open): Promise<Open> {
    const { size } = this.#blob;
    const { offset } = open;
    const length = Math.min(this.#chunkSize === undefined ? size : Math.max(this.#chunkSize, open.least), size - offset);
    const inPieces = this.#chunkSize !== undefined || offset > 0;
    const headers = { 'content-type': 'application/octet-stream', ...(inPieces ? { 'content-range': `${offset}-${offset + length - 1}` } : {}) };
    try {
      const response = await this.#call({ method: 'PATCH', at: open.location, headers, body: this.#body(offset, length), once: true });
      await response.body.discard();
      const has = rangeEnd(response) ?? offset + length;
      if (has <= offset) throw new NetworkError('the registry took nothing of a chunk', { code: 'SHORT', passing: true });
      if (has > offset + length) throw new EngineError('unavailable', `blob ${this.#blob.digest}: the registry says that it has more than it was sent`);
      this.#failures = 0;
      return { ...open, location: this.#session.locate(response.headers.location ?? open.location.href, response.url), offset: has };
    } catch (error) {
      const status = (error as { detail?: { status?: number } }).detail?.status;
      if (!mayPass(error) && status !== 416) throw error;
      await this.#failed(error, status === 416);
      return this.#stands(open);
    }
  }

  /** After a break: how far the registry has got. */
  async #stands(open: Open): Promise<Open> {
    const response = await this.#call({ method: 'GET', at: open.location });
    await response.body.discard();
    const has = rangeEnd(response) ?? 0;
    if (has > this.#blob.size) throw new EngineError('unavailable', `blob ${this.#blob.digest}: the registry says that it has more than it was sent`);
    if (has > open.offset) this.#failures = 0;
    return { ...open, location: this.#session.locate(response.headers.location ?? open.location.href, response.url), offset: has };
  }

  async #finish(location: URL, size: number): Promise<void> {
    const url = new URL(location);
    url.searchParams.set('digest', this.#blob.digest);
    const body = size === 0 ? {} : { body: this.#body(0, size) };
    const response = await this.#call({ method: 'PUT', at: url, headers: { 'content-type': 'application/octet-stream' }, ...body, once: true });
    await response.body.discard();
    const digest = response.headers['docker-content-digest'];
    if (digest !== undefined && digest !== this.#blob.digest)
      throw new EngineError('unavailable', `blob ${this.#blob.digest}: the registry has it as ${String(digest)}`);
  }

  #body(offset: number, length: number): NonNullable<Call['body']> {
    const [read, progress] = [this.#read, this.#options.progress];
    const chunks = async function* () {
      let left = length;
      for await (const chunk of read(offset)) {
        const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
        left -= part.length;
        if (part.length > 0) yield part;
        progress?.(offset + length - left);
        if (left === 0) return;
      }
    };
    return { size: length, chunks };
  }

  #shrink(): boolean {
    const next = SMALLER_CHUNKS.find((size) => size < Math.min(this.#chunkSize ?? Infinity, this.#blob.size));
    this.#chunkSize = next ?? this.#chunkSize;
    return next !== undefined;
  }

  async #failed(error: unknown, mayPassToo = false): Promise<void> {
    const { retries } = this.#session;
    const wait = askedToWait(error);
    this.#failures++;
    if (!(mayPass(error) || mayPassToo) || this.#failures >= attemptsFor(error, retries) || wait > retries.maxWaitMs) throw error;
    await backOff(retries, this.#failures, this.#options.signal, wait);
  }

  /** So that the registry need not keep what nobody will finish. It may not know how: then it does so in its own time. */
  async #drop(open: Open): Promise<void> {
    const given = AbortSignal.timeout(5_000);
    await this.#session.call({ method: 'DELETE', at: open.location, scopes: this.#scopes, action: 'push', once: true, signal: given }).then(
      (response) => response.body.discard(),
      () => {},
    );
  }

  #call(call: Omit<Call, 'scopes' | 'action'> & { readonly scopes?: readonly string[] }): Promise<HttpResponse> {
    return this.#session.call({ scopes: this.#scopes, action: 'push', signal: this.#options.signal, ...call });
  }
}

/**
 * The registry does not know the upload any more: it lost it, or it counts otherwise than where it says it stands
 * (docker-registry 2 after a connection that broke). Begun anew it may work.
 */
function isForgotten(error: unknown): boolean {
  const { status, code } = (error as { detail?: { status?: number; code?: string } }).detail ?? {};
  return status === 404 && (code === 'NOT_FOUND' || code?.startsWith('BLOB_UPLOAD_') === true);
}

/** Bytes that the registry has. `0-0` is one byte by the letter; registries mean none. */
function rangeEnd(response: HttpResponse): number | undefined {
  const header = response.headers['range'];
  const match = /^(?:bytes=)?0-(\d{1,16})$/.exec(typeof header === 'string' ? header : '');
  if (match === null) return undefined;
  return match[1] === '0' ? 0 : Number(match[1]) + 1;
}
