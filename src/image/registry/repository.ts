/** The distribution specification's requests about one repository. */
import { type Digest, digestHex, isDigest } from '../../base/digest.ts';
import { EngineError, invalid } from '../../base/errors.ts';
import type { BlobStream, Descriptor, RawManifest, Reference, Repository } from '../contract.ts';
import { digestOf, DOCKER_LIST, DOCKER_MANIFEST, MAX_MANIFEST, OCI_INDEX, OCI_MANIFEST, parseJson, parseManifest } from '../manifest.ts';
import { formatReference, isTag } from '../reference.ts';
import { repositoryScope } from './auth.ts';
import { openBlob } from './download.ts';
import type { RetryPolicy } from './retry.ts';
import type { Call, Session } from './session.ts';
import { plainText } from './text.ts';
import type { HttpResponse } from './transport.ts';
import { type ReadBlob, uploadBlob } from './upload.ts';

/** In order of age, and anything else too: artifacts are kept as they are. Not schema 1, which a registry may convert to. */
const ACCEPT = [DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX, '*/*'].join(', ');
const MAX_PAGE = 8 << 20;
const MAX_PAGES = 10_000;
/** Bytes of all pages of a list: half a million tags. */
const MAX_LIST = 32 << 20;

export interface RepositoryParts {
  readonly retries: RetryPolicy;
  readonly chunkSize?: number | undefined;
  /** Sessions with whoever may have the content, in order; opened when they are first used. */
  readonly sessions: readonly ((signal?: AbortSignal) => Promise<Session>)[];
  /** Reads from an address outside any registry, without credentials. */
  readonly fetchForeign: (url: URL, headers: Readonly<Record<string, string>>, signal?: AbortSignal) => Promise<HttpResponse>;
}

export class RegistryRepository implements Repository {
  readonly reference: Reference;
  readonly #parts: RepositoryParts;
  readonly #scopes: readonly string[];

  constructor(reference: Reference, parts: RepositoryParts) {
    this.reference = reference;
    this.#parts = parts;
    this.#scopes = [repositoryScope(reference.path, 'pull')];
  }

  async manifest(tagOrDigest: string, signal?: AbortSignal): Promise<RawManifest> {
    checkTagOrDigest(tagOrDigest);
    return this.#anywhere(signal, async (session) => {
      const response = await this.#pull(session, { method: 'GET', at: `manifests/${tagOrDigest}`, headers: { accept: ACCEPT }, signal });
      const bytes = await this.#small(session, response, MAX_MANIFEST);
      const digest = digestOf(bytes);
      const promised = isDigest(tagOrDigest) ? tagOrDigest : response.headers['docker-content-digest'];
      if (promised !== undefined && promised !== digest && (isDigest(tagOrDigest) || isDigest(String(promised)))) {
        throw invalid(`manifest verification failed for digest ${String(promised)}`);
      }
      const { mediaType } = parseManifest(bytes, response.headers['content-type'], formatReference(this.reference));
      return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
    });
  }

  async resolve(tagOrDigest: string, signal?: AbortSignal): Promise<Descriptor> {
    checkTagOrDigest(tagOrDigest);
    const found = await this.#anywhere(signal, async (session) => {
      const accept = [400, 401, 403, 404, 405];
      const response = await this.#pull(session, { method: 'HEAD', at: `manifests/${tagOrDigest}`, headers: { accept: ACCEPT }, accept, signal });
      await response.body.discard();
      const { 'docker-content-digest': digest, 'content-type': type = '', 'content-length': length = '' } = response.headers;
      const size = Number(length);
      const complete =
        response.status === 200 &&
        typeof digest === 'string' &&
        isDigest(digest) &&
        /^application\/vnd\.(?!.*\.v1\+(?:json$|prettyjws))|\.oci\./.test(type) &&
        /^\d+$/.test(length);
      if (!complete) return undefined;
      if (isDigest(tagOrDigest) && digest !== tagOrDigest) throw invalid(`manifest verification failed for digest ${tagOrDigest}`);
      if (size > MAX_MANIFEST) throw invalid(`manifest is too large: more than ${MAX_MANIFEST} bytes`);
      return { mediaType: type.split(';')[0]!.trim(), digest, size };
    });
    // HEAD has no body to say what is wrong, and not every registry tells enough
    return found ?? (await this.manifest(tagOrDigest, signal)).descriptor;
  }

  async blob(descriptor: Descriptor, options: { readonly offset?: number; readonly signal?: AbortSignal } = {}): Promise<BlobStream> {
    const { offset = 0, signal } = options;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > descriptor.size)
      throw invalid(`blob ${descriptor.digest}: there is no offset ${offset} in ${descriptor.size} bytes`);
    if (offset === descriptor.size && offset > 0) return { size: offset, async *[Symbol.asyncIterator]() {} };
    const fetch = async (from: number): Promise<HttpResponse> => {
      const headers: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
      try {
        return await this.#anywhere(signal, (session) =>
          this.#pull(session, { method: 'GET', at: `blobs/${descriptor.digest}`, headers, action: 'blob', once: true, signal }),
        );
      } catch (error) {
        if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
        for (const text of descriptor.urls ?? []) {
          if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) continue;
          const response = await this.#parts.fetchForeign(new URL(text), headers, signal).catch((failure: unknown) => {
            if (failure instanceof EngineError && failure.kind === 'cancelled') throw failure;
            return undefined;
          });
          if (response?.status === 200 || response?.status === 206) return response;
          response?.body.cancel();
        }
        throw error;
      }
    };
    return openBlob(descriptor, offset, fetch, this.#parts.retries, signal);
  }

  async hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const session = await this.#own(signal);
    const response = await this.#pull(session, { method: 'HEAD', at: `blobs/${digest}`, accept: [404], action: 'blob', signal });
    await response.body.discard();
    return response.status !== 404;
  }

  async pushBlob(
    descriptor: Descriptor,
    read: ReadBlob,
    options: { readonly mountFrom?: readonly string[]; readonly progress?: (sent: number) => void; readonly signal?: AbortSignal } = {},
  ): Promise<'exists' | 'mounted' | 'uploaded'> {
    const session = await this.#own(options.signal);
    return uploadBlob(session, this.reference.path, descriptor, read, { ...options, chunkSize: this.#parts.chunkSize });
  }

  async pushManifest(tagOrDigest: string, manifest: { readonly mediaType: string; readonly bytes: Buffer }, signal?: AbortSignal): Promise<Digest> {
    checkTagOrDigest(tagOrDigest);
    const { bytes, mediaType } = manifest;
    const digest = digestOf(bytes);
    if (isDigest(tagOrDigest) && tagOrDigest !== digest) throw invalid(`manifest verification failed for digest ${tagOrDigest}`);
    const session = await this.#own(signal);
    const chunks = async function* () {
      yield bytes;
    };
    const response = await session.call({
      method: 'PUT',
      at: `manifests/${tagOrDigest}`,
      headers: { 'content-type': mediaType },
      body: { size: bytes.length, chunks },
      scopes: [repositoryScope(this.reference.path, 'pull,push')],
      action: 'push',
      signal,
    });
    await response.body.discard();
    const has = response.headers['docker-content-digest'];
    if (has !== undefined && has !== digest) throw new EngineError('unavailable', `the registry has the manifest ${digest} as ${plainText(String(has))}`);
    return digest;
  }

  async tags(signal?: AbortSignal): Promise<readonly string[]> {
    const tags: string[] = [];
    await this.#pages('tags/list?n=1000', signal, (json) => {
      const page = (json as { tags?: unknown } | null)?.tags ?? [];
      if (!Array.isArray(page)) throw invalid('the registry sent a list of tags that is none');
      for (const tag of page) if (typeof tag === 'string' && isTag(tag)) tags.push(tag);
    });
    return tags;
  }

  /** What refers to a manifest as its subject: signatures, bills of materials. By tag where the registry cannot list them. */
  async referrers(digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    const take = (bytes: Uint8Array, type?: string) => {
      const parsed = parseManifest(bytes, type);
      if (parsed.kind === 'index') found.push(...parsed.index.manifests);
    };
    const listed = await this.#pages(`referrers/${digest}`, signal, (_json, bytes) => take(bytes, OCI_INDEX));
    if (listed) return found;
    try {
      const tagged = await this.manifest(`sha256-${digestHex(digest)}`, signal);
      take(tagged.bytes, tagged.descriptor.mediaType);
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'not-found') throw error;
    }
    return found;
  }

  /** Goes through pages by their Link headers (RFC 8288). False where the registry does not have the first. */
  async #pages(first: string, signal: AbortSignal | undefined, take: (json: unknown, bytes: Buffer) => void): Promise<boolean> {
    const session = await this.#own(signal);
    const seen = new Set<string>();
    let size = 0;
    let at: string | URL | undefined = first;
    while (at !== undefined) {
      const isReferrers: boolean = first.startsWith('referrers/');
      const response: HttpResponse = await this.#pull(session, { method: 'GET', at, ...(isReferrers ? { accept: [404, 405] } : {}), signal });
      if (response.status >= 400) {
        await response.body.discard();
        return false;
      }
      const bytes = await this.#small(session, response, MAX_PAGE);
      size += bytes.length;
      take(parseJson(bytes, 'the answer of the registry'), bytes);
      at = nextPage(response, session);
      if (at === undefined) return true;
      if (seen.size >= MAX_PAGES || size > MAX_LIST || seen.has(at.href))
        throw new EngineError('unavailable', `the registry at ${session.base.host} lists without end`);
      seen.add(at.href);
    }
    return true;
  }

  #pull(session: Session, call: Omit<Call, 'scopes' | 'action'> & { readonly action?: Call['action'] }): Promise<HttpResponse> {
    return session.call({ scopes: this.#scopes, action: 'pull', ...call });
  }

  /** A whole answer that is to be small. */
  async #small(session: Session, response: HttpResponse, limit: number): Promise<Buffer> {
    const encoding = response.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      response.body.cancel();
      throw invalid(`the registry at ${session.base.host} answers with Content-Encoding ${plainText(encoding)}, which was not asked for`);
    }
    return response.body.read(limit, session.transport.timeouts.small);
  }

  /** The registry itself. */
  #own(signal?: AbortSignal): Promise<Session> {
    return this.#parts.sessions.at(-1)!(signal);
  }

  /** From the first of the mirrors and the registry that can; what the registry itself says counts. */
  async #anywhere<T>(signal: AbortSignal | undefined, use: (session: Session) => Promise<T>): Promise<T> {
    for (const open of this.#parts.sessions.slice(0, -1)) {
      try {
        const result = await use(await open(signal));
        if (result !== undefined) return result;
      } catch (error) {
        if (error instanceof EngineError && error.kind === 'cancelled') throw error;
      }
    }
    return use(await this.#own(signal));
  }
}

function checkTagOrDigest(text: string): void {
  if (!isTag(text) && !isDigest(text)) throw invalid(`invalid reference format: ${JSON.stringify(text.slice(0, 200))} is neither a tag nor a digest`);
}

/** `</v2/x/tags/list?last=b&n=2>; rel="next"`; never to another host. */
function nextPage(response: HttpResponse, session: Session): URL | undefined {
  const link = response.headers['link'];
  const text = typeof link === 'string' ? link : (link?.[0] ?? '');
  const match = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(text.slice(0, 8192));
  if (match === null) return undefined;
  const url = session.locate(match[1], response.url);
  if (url.origin !== session.base.origin) throw new EngineError('unavailable', `the registry at ${session.base.host} continues its list on another host`);
  return url;
}
