/** `Images` over HTTP: of this project's daemon, and of any other with Docker's API. */
import type { Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import type * as contract from '../engine/images-contract.ts';
import type {
  AuthAnswer,
  DistributionInspect,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImagesPruned,
  ImageSummaryDocument,
  SearchItem,
} from '../engine/types/image.ts';
import { tagName } from '../image/names.ts';
import { familiarReference, parseReference, withDefaultTag } from '../image/reference.ts';
import { type HttpClient, path } from './http.ts';
import { archiveBody } from './image-archive.ts';
import { detailsOf, historyOf, lineOf } from './image-documents.ts';
import { followMessages, loadedName } from './image-messages.ts';
import { authHeader, platformJson } from './image-parameters.ts';

export interface RemoteImagesOptions {
  /** What to send where the caller gives no credentials; the daemon never uses its own. */
  readonly credentials?: (domain: string) => Promise<contract.Credentials | undefined>;
}

/** Throws as `Images` does. Of a daemon that is not this project's `ImageLine.containers` may be -1. */
export function remoteImages(http: HttpClient, options: RemoteImagesOptions = {}): contract.Images {
  return new RemoteImages(http, options);
}

class RemoteImages implements contract.Images {
  readonly #http: HttpClient;
  readonly #options: RemoteImagesOptions;

  constructor(http: HttpClient, options: RemoteImagesOptions) {
    this.#http = http;
    this.#options = options;
  }

  familiarName(name: string): string {
    return familiarReference(withDefaultTag(parseReference(name)));
  }

  fullName(name: string): string {
    return tagName(parseReference(name));
  }

  async pull(name: string, options: contract.PullOptions = {}): Promise<readonly contract.PulledImage[]> {
    const { allTags = false, platform, onProgress, signal } = options;
    const given = parseReference(name);
    if (allTags && (given.tag ?? given.digest) !== undefined) throw invalid("tag can't be used with --all-tags/-a");
    // of a tag and a digest the digest counts; without a tag a daemon pulls all
    const reference = given.digest !== undefined ? { ...given, tag: undefined } : allTags ? given : withDefaultTag(given);
    const query = { fromImage: familiarReference(reference), tag: reference.digest ?? reference.tag, platform };
    const tags: string[] = [];
    const digests: Digest[] = [];
    let upToDate = false;
    const messages = this.#http.documents({ method: 'POST', path: '/images/create', query, headers: await this.#auth(name, options.credentials), signal });
    await followMessages(messages, (event) => {
      if (event.status.startsWith('Pulling from ') && event.id !== undefined) tags.push(event.id);
      const digest = /^Digest: (sha256:[0-9a-f]{64})$/.exec(event.status)?.[1];
      if (digest !== undefined) digests.push(digest as Digest);
      upToDate ||= event.status.startsWith('Status: Image is up to date');
      onProgress?.(event);
    });
    return Promise.all(
      digests.map(async (digest, index) => {
        const found = allTags ? familiarReference({ ...reference, tag: tags[index] }) : familiarReference(reference);
        return { id: (await this.inspect(found)).id, digest, upToDate };
      }),
    );
  }

  async push(name: string, options: contract.PushOptions = {}): Promise<void> {
    const { allTags = false, platform, onProgress, signal } = options;
    const given = parseReference(name);
    if (allTags && given.tag !== undefined) throw invalid("tag can't be used with --all-tags/-a");
    const { tag, digest, ...repository } = allTags ? given : withDefaultTag(given);
    const query = { tag: digest === undefined ? tag : undefined, platform: platformJson(platform) };
    const headers = await this.#auth(name, options.credentials);
    const target = familiarReference({ ...repository, digest });
    await followMessages(this.#http.documents({ method: 'POST', path: path`/images/${target}/push`, query, headers, signal }), onProgress);
  }

  async list(options: contract.ImageListOptions = {}): Promise<readonly contract.ImageLine[]> {
    const query = { filters: options.filters, 'shared-size': options.sharedSize };
    return (await this.#http.json<readonly ImageSummaryDocument[]>({ method: 'GET', path: '/images/json', query })).map(lineOf);
  }

  async inspect(name: string, { platform }: contract.OfPlatform = {}): Promise<contract.ImageDetails> {
    return detailsOf(await this.#http.json<ImageInspect>({ method: 'GET', path: path`/images/${name}/json`, query: { platform: platformJson(platform) } }));
  }

  async history(name: string, { platform }: contract.OfPlatform = {}): Promise<readonly contract.HistoryLine[]> {
    const query = { platform: platformJson(platform) };
    return (await this.#http.json<readonly ImageHistoryItem[]>({ method: 'GET', path: path`/images/${name}/history`, query })).map(historyOf);
  }

  async tag(name: string, newName: string): Promise<void> {
    const { tag, ...rest } = withDefaultTag(parseReference(newName));
    if (rest.digest !== undefined) throw invalid('refusing to create a tag with a digest reference');
    await this.#http.status({ method: 'POST', path: path`/images/${name}/tag`, query: { repo: familiarReference(rest), tag } });
  }

  async remove(name: string, { force, platforms = [] }: NonNullable<Parameters<contract.Images['remove']>[1]> = {}): Promise<readonly contract.RemovalLine[]> {
    const query = { force, platforms: platforms.map((platform) => JSON.stringify(platformJson(platform))) };
    return this.#http.json<readonly ImageDeleteItem[]>({ method: 'DELETE', path: path`/images/${name}`, query });
  }

  async prune({ all = false, filters = {} }: NonNullable<Parameters<contract.Images['prune']>[0]> = {}): Promise<{
    readonly removed: readonly contract.RemovalLine[];
    readonly bytes: number;
  }> {
    const query = { filters: all ? { ...filters, dangling: ['false'] } : filters };
    const { ImagesDeleted, SpaceReclaimed } = await this.#http.json<ImagesPruned>({ method: 'POST', path: '/images/prune', query });
    return { removed: ImagesDeleted ?? [], bytes: SpaceReclaimed };
  }

  async load(input: contract.ArchiveInput, options: NonNullable<Parameters<contract.Images['load']>[1]> = {}): Promise<readonly contract.LoadedImage[]> {
    const { platform, onProgress, signal } = options;
    const query = { quiet: onProgress === undefined, platform: platformJson(platform) };
    const loaded: string[] = [];
    const messages = this.#http.documents({ method: 'POST', path: '/images/load', query, body: await archiveBody(input), signal });
    await followMessages(messages, (event) => {
      loaded.push(...loadedName(event));
      onProgress?.(event);
    });
    const images = new Map<Digest, string[]>();
    for (const name of loaded) {
      const isId = name.startsWith('sha256:');
      const id = isId ? (name as Digest) : (await this.inspect(name)).id;
      images.set(id, [...(images.get(id) ?? []), ...(isId ? [] : [name])]);
    }
    return [...images].map(([id, names]) => ({ id, names }));
  }

  async *save(names: readonly string[], options: NonNullable<Parameters<contract.Images['save']>[1]> = {}): AsyncGenerator<Buffer> {
    const query = { names, platform: platformJson(options.platform) };
    yield* (await this.#http.send({ method: 'GET', path: '/images/get', query, signal: options.signal })).body;
  }

  async import(input: contract.ImportInput, options: contract.ImportOptions = {}): Promise<Digest> {
    const { name, changes = [], message, platform, onProgress, signal } = options;
    const { tag, ...rest } = name === undefined ? { tag: undefined } : withDefaultTag(parseReference(name));
    const repo = name === undefined ? undefined : familiarReference(rest as ReturnType<typeof parseReference>);
    const query = { fromSrc: input instanceof URL ? input.href : '-', repo, tag, changes, message, platform };
    let id = '';
    const body = input instanceof URL ? undefined : await archiveBody(input);
    await followMessages(this.#http.documents({ method: 'POST', path: '/images/create', query, body, signal }), (event) => {
      if (event.status.startsWith('sha256:')) id = event.status;
      onProgress?.(event);
    });
    return id as Digest;
  }

  async login(login: contract.RegistryLogin, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ readonly identityToken: string }> {
    const { serverAddress, username, password, identityToken, registryToken } = login;
    const json = { username, password, serveraddress: serverAddress, identitytoken: identityToken, registrytoken: registryToken };
    const answer = await this.#http.json<AuthAnswer | undefined>({ method: 'POST', path: '/auth', json, signal });
    return { identityToken: answer?.IdentityToken ?? '' };
  }

  async distribution(name: string, options: Parameters<contract.Images['distribution']>[1] = {}): Promise<contract.DistributionInfo> {
    const headers = await this.#auth(name, options.credentials);
    const call = { method: 'GET', path: path`/distribution/${name}/json`, headers, signal: options.signal } as const;
    const { Descriptor, Platforms } = await this.#http.json<DistributionInspect>(call);
    return { descriptor: { ...Descriptor, digest: Descriptor.digest as Digest }, platforms: Platforms };
  }

  async search(term: string, { limit, filters, credentials, signal }: contract.SearchOptions = {}): Promise<readonly contract.SearchHit[]> {
    const call = { method: 'GET', path: '/images/search', query: { term, limit, filters }, headers: authHeader(credentials), signal } as const;
    const items = await this.#http.json<readonly SearchItem[]>(call);
    return items.map((item) => ({ name: item.name, description: item.description, stars: item.star_count, official: item.is_official }));
  }

  async #auth(name: string, given: contract.Credentials | undefined): Promise<Record<string, string>> {
    return authHeader(given ?? (await this.#options.credentials?.(parseReference(name).domain)));
  }
}
