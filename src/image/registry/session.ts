/** One registry at one address: requests with what it takes to be let in, redirects, and trying again. */
import { EngineError } from '../../base/errors.ts';
import type { Reference } from '../contract.ts';
import type { Authorizer } from './auth.ts';
import { parseChallenges } from './challenge.ts';
import { type Action, faultError, readFault } from './fault.ts';
import { networkError, NetworkError, safeUrl } from './network-error.ts';
import { isLoopback } from './proxy.ts';
import { askedToWait, attemptsFor, backOff, mayPass, type RetryPolicy } from './retry.ts';
import type { HttpRequest, HttpResponse, Transport } from './transport.ts';
import type { InsecureHosts } from './trust.ts';

const MAX_REDIRECTS = 10;

export interface SessionContext {
  readonly transport: Transport;
  readonly insecure: InsecureHosts;
  readonly retries: RetryPolicy;
  readonly reference: Reference;
  /** `https://host:port`, with a path where a mirror has one; no slash at the end. */
  readonly base: URL;
  readonly unverified: boolean;
}

export interface Call {
  readonly method: HttpRequest['method'];
  /** Below `/v2/PATH/`, or a whole URL that the registry gave. */
  readonly at: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpRequest['body'];
  readonly scopes: readonly string[];
  readonly action: Action;
  /** Statuses of 400 and more that are an answer; everything else throws. */
  readonly accept?: readonly number[];
  /** Only once: whoever calls tries again itself. */
  readonly once?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export class Session {
  readonly #context: SessionContext;
  readonly #authorizer: Authorizer;

  constructor(context: SessionContext, authorizer: Authorizer) {
    this.#context = context;
    this.#authorizer = authorizer;
  }

  get base(): URL {
    return this.#context.base;
  }

  /** Of a login that has succeeded. */
  get identityToken(): string {
    return this.#authorizer.identityToken;
  }

  get retries(): RetryPolicy {
    return this.#context.retries;
  }

  get transport(): Transport {
    return this.#context.transport;
  }

  /** Throws what the registry says as an `EngineError`. */
  async call(call: Call): Promise<HttpResponse> {
    const { retries, reference } = this.#context;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#follow(call);
        if (response.status < 400 || call.accept?.includes(response.status)) return response;
        throw faultError(await readFault(response), reference, call.action);
      } catch (error) {
        const wait = askedToWait(error);
        if (call.once || !mayPass(error) || attempt >= attemptsFor(error, retries) || wait > retries.maxWaitMs) throw error;
        await backOff(retries, attempt, call.signal, wait);
      }
    }
  }

  /** Where the registry says to go on: relative to where it said so. Mends what a proxy before it makes of `https`. */
  locate(location: string | undefined, from: URL): URL {
    if (location === undefined || !URL.canParse(location, from.href))
      throw new EngineError('unavailable', `the registry at ${this.base.host} sent no usable Location`);
    const url = new URL(location, from);
    if (url.hostname === this.base.hostname && url.protocol === 'http:' && this.base.protocol === 'https:') {
      url.protocol = 'https:';
      url.port = this.base.port;
    }
    return url;
  }

  async #follow(call: Call): Promise<HttpResponse> {
    const { transport, reference, base } = this.#context;
    let url = typeof call.at === 'string' ? new URL(`${base.href.replace(/\/$/, '')}/v2/${reference.path}/${call.at}`) : call.at;
    if (typeof call.at !== 'string') await this.#checkTarget(base, url);
    let again = false;
    for (let redirects = 0; ;) {
      const own = url.origin === base.origin;
      // credentials stay with whom they are for: nobody whom the registry names gets them
      const authorization = own ? await this.#authorizer.header(call.scopes, call.action === 'push' ? 'push' : 'pull', call.signal) : undefined;
      const response = await transport.send({
        method: call.method,
        url,
        headers: { ...call.headers, ...(authorization === undefined ? {} : { authorization }) },
        ...(call.body === undefined ? {} : { body: call.body }),
        unverified: await this.#unverified(url),
        trustOf: base.host,
        signal: call.signal,
      });
      if (response.status === 401 && own && !again) {
        const header = response.headers['www-authenticate'];
        if (header !== undefined && this.#authorizer.refused(parseChallenges([header]), authorization)) {
          again = true;
          await response.body.discard();
          continue;
        }
      }
      const target = this.#redirect(call, response);
      if (target === undefined) return response;
      await response.body.discard();
      if (++redirects > MAX_REDIRECTS) {
        throw new NetworkError(networkError(call.method, url, new Error(`stopped after ${MAX_REDIRECTS} redirects`)).message, {
          code: 'REDIRECTS',
          passing: false,
        });
      }
      await this.#checkTarget(url, target);
      url = target;
    }
  }

  #redirect(call: Call, response: HttpResponse): URL | undefined {
    const { status, headers, url } = response;
    if (headers.location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined;
    const reads = call.method === 'GET' || call.method === 'HEAD';
    if (!reads && (call.body !== undefined || (status !== 307 && status !== 308))) {
      throw new EngineError('unavailable', `the registry at ${url.host} redirects a ${call.method}, which is not followed`);
    }
    return this.locate(headers.location, url);
  }

  /** Where somebody else sends us: never off TLS unasked, and never to a service of this very machine. */
  async #checkTarget(from: URL, to: URL): Promise<void> {
    if (to.protocol !== 'https:' && to.protocol !== 'http:')
      throw new EngineError('unavailable', `${from.host} redirects to ${to.protocol}, which is not followed`);
    if (from.protocol === 'https:' && to.protocol === 'http:' && !(await this.#context.insecure.includes(to.host))) {
      throw new EngineError('unavailable', `${from.host} redirects to ${safeUrl(to)}, which is without TLS, and not listed as insecure`);
    }
    if (isLoopback(to.hostname) && !isLoopback(from.hostname))
      throw new EngineError('unavailable', `${from.host} redirects to this machine, which is not followed`);
    to.username = '';
    to.password = '';
  }

  async #unverified(url: URL): Promise<boolean> {
    if (url.protocol !== 'https:') return false;
    const { base, unverified, insecure } = this.#context;
    return (unverified && url.hostname === base.hostname) || insecure.includes(url.host);
  }
}
