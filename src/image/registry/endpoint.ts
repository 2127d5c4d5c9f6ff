/** Finding out how to speak to a registry: with TLS, without where that may be, and what it wants to know first. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { Credentials, Reference } from '../contract.ts';
import { DEFAULT_DOMAIN } from '../reference.ts';
import { Authorizer } from './auth.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { NetworkError } from './network-error.ts';
import { attemptsFor, backOff, mayPass, type RetryPolicy } from './retry.ts';
import { Session } from './session.ts';
import type { Transport } from './transport.ts';
import type { InsecureHosts } from './trust.ts';

const HUB = 'https://registry-1.docker.io';

/** Where a registry may be: the first one that answers is it. */
export interface Endpoint {
  readonly addresses: readonly URL[];
  readonly unverified: boolean;
  readonly mirror: boolean;
}

export interface Reached {
  readonly base: URL;
  readonly challenges: readonly Challenge[];
}

/** Where to look for a registry's content, in order. Only the last one takes what is pushed. */
export async function endpointsOf(domain: string, insecure: InsecureHosts, mirrors: readonly string[]): Promise<Endpoint[]> {
  if (domain === DEFAULT_DOMAIN) {
    const own = { addresses: [new URL(HUB)], unverified: false, mirror: false };
    return [...(await Promise.all(mirrors.map((mirror) => mirrorEndpoint(mirror, insecure)))), own];
  }
  const unverified = await insecure.includes(domain);
  const addresses = (unverified ? ['https', 'http'] : ['https']).map((scheme) => parseAddress(`${scheme}://${domain}`, domain));
  return [{ addresses, unverified, mirror: false }];
}

async function mirrorEndpoint(text: string, insecure: InsecureHosts): Promise<Endpoint> {
  const url = parseAddress(text.includes('://') ? text : `https://${text}`, text);
  const usable = (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!usable) throw invalid(`invalid mirror: ${JSON.stringify(text)} is not a valid URI`);
  return { addresses: [url], unverified: await insecure.includes(url.host), mirror: true };
}

function parseAddress(text: string, given: string): URL {
  const port = /:(\d+)$/.exec(text)?.[1];
  if (port !== undefined && Number(port) > 65535) throw invalid(`Get "${text}/v2/": dial tcp: address ${port}: invalid port`);
  if (!URL.canParse(text)) throw invalid(`${JSON.stringify(given)} is no address of a registry`);
  return new URL(text);
}

/** Asks `/v2/`. Any answer over HTTP will do: what it is not, the next request will tell. */
export async function reach(endpoint: Endpoint, transport: Transport, retries: RetryPolicy, signal?: AbortSignal): Promise<Reached> {
  let failure: unknown;
  for (const base of endpoint.addresses) {
    for (let attempt = 1; ; attempt++) {
      try {
        const url = new URL(`${base.href.replace(/\/$/, '')}/v2/`);
        const response = await transport.send({ method: 'GET', url, unverified: endpoint.unverified, signal });
        await response.body.discard();
        const header = response.headers['www-authenticate'];
        const challenges = response.status === 401 && header !== undefined ? parseChallenges([header]) : [];
        return { base, challenges };
      } catch (error) {
        failure = error;
        if (!(error instanceof NetworkError)) throw error;
        const isLast = base === endpoint.addresses.at(-1);
        // a server without TLS drops a handshake or does not answer it: that is no reason to try the same again
        if (!isLast || !mayPass(error) || attempt >= attemptsFor(error, retries)) break;
        await backOff(retries, attempt, signal);
      }
    }
  }
  throw failure instanceof Error ? failure : new EngineError('internal', 'a registry without an address');
}

export interface SessionParts {
  readonly transport: Transport;
  readonly insecure: InsecureHosts;
  readonly retries: RetryPolicy;
}

/** A session for one repository and one user. A mirror is somebody else: it is not told who asks. */
export function openSession(
  parts: SessionParts,
  endpoint: Endpoint,
  reached: Reached,
  reference: Reference,
  credentials?: Credentials,
  offline = false,
): Session {
  const unverified = endpoint.unverified && reached.base.protocol === 'https:';
  const context = { ...parts, reference, base: reached.base, unverified };
  const authorizer = new Authorizer(
    { ...context, host: reached.base.host, unverified: endpoint.unverified, offline },
    endpoint.mirror ? undefined : credentials,
    reached.challenges,
  );
  return new Session(context, authorizer);
}
