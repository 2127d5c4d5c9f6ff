/** The search of Docker's first registry API, which Docker Hub still has and few others. */
import { EngineError } from '../../base/errors.ts';
import type { Credentials, SearchHit } from '../contract.ts';
import { parseJson } from '../manifest.ts';
import { DEFAULT_DOMAIN } from '../reference.ts';
import { basicHeader } from './auth.ts';
import { endpointsOf, type SessionParts } from './endpoint.ts';
import { NetworkError, statusText } from './network-error.ts';
import { plainText } from './text.ts';
import type { HttpResponse } from './transport.ts';

const HUB = new URL('https://index.docker.io');
const MAX_ANSWER = 4 << 20;

interface SearchRequest {
  readonly limit: number;
  readonly credentials?: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `unavailable` for a registry that cannot be reached or has no search. */
export async function searchRegistry(parts: SessionParts, term: string, { limit, credentials, signal }: SearchRequest): Promise<readonly SearchHit[]> {
  const { domain, rest } = splitTerm(term);
  const isHub = domain === DEFAULT_DOMAIN;
  const { addresses, unverified } = isHub ? { addresses: [HUB], unverified: false } : (await endpointsOf(domain, parts.insecure, []))[0]!;
  const { username, password } = credentials ?? {};
  const headers: Record<string, string> = username === undefined || username === '' ? {} : { authorization: basicHeader(username, password ?? '') };
  let failure: unknown;
  for (const base of addresses) {
    const url = new URL('/v1/search', base);
    url.searchParams.set('q', rest);
    url.searchParams.set('n', String(limit));
    try {
      return await read(await parts.transport.send({ method: 'GET', url, headers, unverified, signal }), parts.transport.timeouts.small);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** `host:port/term` asks that registry; `library/` is where Docker Hub keeps what has no other owner. */
function splitTerm(term: string): { domain: string; rest: string } {
  const slash = term.indexOf('/');
  const first = term.slice(0, Math.max(0, slash));
  const isHost = first === 'localhost' || /[.:]/.test(first);
  if (isHost && first !== DEFAULT_DOMAIN && first !== 'index.docker.io') return { domain: first, rest: term.slice(slash + 1) };
  return { domain: DEFAULT_DOMAIN, rest: (isHost ? term.slice(slash + 1) : term).replace(/^library\//, '') };
}

async function read(response: HttpResponse, timeout: number): Promise<readonly SearchHit[]> {
  if (response.status !== 200) {
    await response.body.discard();
    throw new EngineError('unavailable', `Unexpected status code ${statusText(response.status)}: the registry at ${response.url.host} has no search`);
  }
  const json = parseJson(await response.body.read(MAX_ANSWER, timeout), 'the answer of the registry') as { results?: unknown } | null;
  const results = Array.isArray(json?.results) ? (json.results as unknown[]) : [];
  return results.flatMap((item) => {
    const { name, description, star_count: stars, is_official: official } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string') return [];
    const text = typeof description === 'string' ? plainText(description, 1000) : '';
    return [{ name: plainText(name, 300), description: text, stars: typeof stars === 'number' ? stars : 0, official: official === true }];
  });
}
