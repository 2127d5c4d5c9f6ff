/** What goes to registries and comes from them: create (pull, import), push, auth, distribution, search. */
import { EngineError, invalid } from '../../base/errors.ts';
import { withoutCredentials } from '../../base/url-credentials.ts';
import type { ArchiveInput, ProgressEvent } from '../../engine/images-contract.ts';
import type { AuthAnswer, DistributionInspect, JsonMessage, SearchItem } from '../../engine/types/image.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { errorBody } from '../errors.ts';
import { messageOf, streamMessages } from '../json-messages.ts';
import { loginOf, registryAuth } from '../registry-auth.ts';
import { platformOf, pulledName, pushedName, taggedName } from './names.ts';

export const create: Route['handler'] = (request, engine) => ((request.query.text('fromImage') ?? '') === '' ? importImage : pull)(request, engine);

const pull: Route['handler'] = async (request, { images }) => {
  const { query, signal } = request;
  const { name, allTags } = pulledName(images, query.text('fromImage')!, query.text('tag'));
  const platform = platformText(request);
  const credentials = registryAuth(request.headers['x-registry-auth']);
  await streamMessages(request, (onProgress) => images.pull(name, { allTags, platform, credentials, signal, onProgress }));
};

const importImage: Route['handler'] = async (request, { images }) => {
  const { query, signal } = request;
  const source = query.text('fromSrc') ?? '';
  const name = taggedName(images, query.text('repo'), query.text('tag'));
  const message = query.text('message') || `Imported from ${withoutUser(source)}`;
  const options = { name, message, changes: query.list('changes'), platform: platformText(request), signal };
  await streamMessages(
    request,
    async (onProgress) => void (await images.import(source === '-' ? (request.body as ArchiveInput) : addressOf(source), { ...options, onProgress })),
    { message: withoutSteps },
  );
};

/** dockerd says nothing of how far an import is. */
function withoutSteps(event: ProgressEvent): JsonMessage | undefined {
  return event.current === undefined ? messageOf(event) : undefined;
}

const SCHEME = /^https?:\/\//;

function addressOf(source: string): URL {
  const text = SCHEME.test(source) ? source : `http://${source}`;
  const url = URL.parse(text);
  if (url === null) throw invalid(`Get ${JSON.stringify(withoutCredentials(text))}: http: no Host in request URL`);
  return url;
}

/** What an image tells everybody of its source. */
function withoutUser(source: string): string {
  return SCHEME.test(source) ? withoutCredentials(source) : withoutCredentials(`http://${source}`).slice('http://'.length);
}

/** Of `create` it is text: `linux/arm64`. */
function platformText({ query }: ApiRequest): string | undefined {
  return query.text('platform') || undefined;
}

export const push: Route['handler'] = async (request, { images }) => {
  const { params, query, version, signal } = request;
  const { name, allTags } = pushedName(images, params['name']!, query.text('tag'));
  const platform = version >= 46 ? platformOf(request) : undefined;
  const credentials = registryAuth(request.headers['x-registry-auth']);
  await streamMessages(request, (onProgress) => images.push(name, { allTags, platform, credentials, signal, onProgress }));
};

export const auth: Route['handler'] = async (request, { images }) => {
  const login = loginOf(await request.json());
  try {
    const { identityToken } = await images.login(login, { signal: request.signal });
    request.send({ IdentityToken: identityToken, Status: 'Login Succeeded' } satisfies AuthAnswer);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'denied') throw error;
    request.send(errorBody(error), 401);
  }
};

export const distribution: Route['handler'] = async (request, { images }) => {
  const credentials = registryAuth(request.headers['x-registry-auth']);
  const { descriptor, platforms } = await images.distribution(request.params['name']!, { credentials, signal: request.signal });
  request.send({ Descriptor: descriptor, Platforms: platforms } satisfies DistributionInspect);
};

export const search: Route['handler'] = async (request, { images }) => {
  const { query, signal } = request;
  const limit = query.integer('limit');
  const credentials = registryAuth(request.headers['x-registry-auth']);
  const options = { limit: limit === 0 ? undefined : limit, filters: query.filters(), credentials, signal };
  const found = await images.search(query.text('term') ?? '', options);
  const items: SearchItem[] = found.map(({ name, description, stars, official }) => ({
    star_count: stars,
    is_official: official,
    name,
    is_automated: false,
    description,
  }));
  request.send(items);
};
