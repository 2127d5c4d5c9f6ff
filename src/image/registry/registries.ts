/** Registries as the rest of the engine sees them: one door, which keeps connections and what it learned of each registry. */
import { EngineError } from '../../base/errors.ts';
import type { Credentials, Reference, RegistryOptions, Repository, SearchHit } from '../contract.ts';
import { type Endpoint, endpointsOf, openSession, reach, type Reached, type SessionParts } from './endpoint.ts';
import { checkLogin, serverDomain } from './login.ts';
import { RegistryRepository } from './repository.ts';
import { isLoopback } from './proxy.ts';
import type { RetryPolicy } from './retry.ts';
import { searchRegistry } from './search.ts';
import type { Session } from './session.ts';
import { type HttpResponse, Transport, unlessCancelled } from './transport.ts';
import { InsecureHosts } from './trust.ts';

/** Milliseconds for which it is remembered how to speak to a registry. */
const REMEMBERED = 300_000;
/** Of so many at most. */
const MOST_REACHED = 1000;

export class Registries implements Disposable {
  readonly #options: RegistryOptions;
  readonly #parts: SessionParts;
  readonly #reached = new Map<string, { readonly found: Promise<Reached>; readonly until: number }>();

  /** Throws `invalid` for options that make no sense. */
  constructor(options: RegistryOptions = {}) {
    const { timeouts = {}, retries = {} } = options;
    const policy: RetryPolicy = { attempts: retries.attempts ?? 5, baseMs: retries.baseMs ?? 500, maxWaitMs: retries.maxWaitMs ?? 30_000 };
    const transport = new Transport({
      certsDir: options.certsDir ?? '/etc/docker/certs.d',
      env: options.env ?? process.env,
      userAgent: options.userAgent ?? 'kobako',
      timeouts: { connect: timeouts.connect ?? 15_000, headers: timeouts.headers ?? 60_000, idle: timeouts.idle ?? 60_000, small: timeouts.small ?? 120_000 },
    });
    this.#options = options;
    this.#parts = { transport, insecure: new InsecureHosts(options.insecure), retries: policy };
  }

  /** One repository, as one user or as nobody. Nothing is sent before something is asked of it. */
  repository(reference: Reference, credentials?: Credentials): Repository {
    const { insecure, transport, retries } = this.#parts;
    const mirrors = this.#options.mirrors ?? [];
    const sessions = new Map<number, Promise<Session>>();
    const count = reference.domain === 'docker.io' ? mirrors.length + 1 : 1;
    let endpoints: Promise<Endpoint[]> | undefined;
    const open = async (position: number): Promise<Session> => {
      endpoints ??= endpointsOf(reference.domain, insecure, mirrors);
      const endpoint = (await endpoints)[position]!;
      return openSession(this.#parts, endpoint, await this.#reach(endpoint), reference, credentials);
    };
    const session = (position: number): Promise<Session> => {
      let opened = sessions.get(position);
      if (opened === undefined) {
        opened = open(position);
        opened.catch(() => sessions.delete(position));
        sessions.set(position, opened);
      }
      return opened;
    };
    return new RegistryRepository(reference, {
      retries,
      chunkSize: this.#options.chunkSize,
      // whoever asks first opens it for all
      sessions: Array.from({ length: count }, (_, position) => (signal?: AbortSignal) => unlessCancelled(session(position), signal)),
      fetchForeign: async (url, headers, signal): Promise<HttpResponse> => {
        if (url.protocol === 'http:' && !(await insecure.includes(url.host)))
          throw new EngineError('unavailable', `${url.host} is without TLS, and not listed as insecure`);
        if (isLoopback(url.hostname) && !isLoopback(reference.domain.replace(/:\d+$/, '')))
          throw new EngineError('unavailable', `${url.host} is this machine, which is not asked`);
        return transport.send({ method: 'GET', url, headers, unverified: await insecure.includes(url.host), signal });
      },
    });
  }

  /** Asks whether a registry takes these credentials; `server` as in Docker's config file. Throws `denied` with its words. */
  async login(server: string, credentials: Credentials, signal?: AbortSignal): Promise<string> {
    const domain = serverDomain(server);
    const endpoint = (await endpointsOf(domain, this.#parts.insecure, []))[0]!;
    const reached = await unlessCancelled(this.#reach(endpoint), signal);
    return checkLogin(openSession(this.#parts, endpoint, reached, { domain, path: '' }, credentials, true), signal);
  }

  /** What Docker Hub finds, or the registry that the term begins with. */
  search(
    term: string,
    options: { readonly limit: number; readonly credentials?: Credentials | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<readonly SearchHit[]> {
    return searchRegistry(this.#parts, term, options);
  }

  /** Ends the connections. What is in flight fails. */
  close(): void {
    this.#parts.transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #reach(endpoint: Endpoint): Promise<Reached> {
    const key = endpoint.addresses.map((address) => address.href).join(' ');
    const known = this.#reached.get(key);
    if (known !== undefined && known.until > performance.now()) return known.found;
    const found = reach(endpoint, this.#parts.transport, this.#parts.retries);
    if (this.#reached.size >= MOST_REACHED) this.#reached.clear();
    // a clock that is set back must not make it last
    this.#reached.set(key, { found, until: performance.now() + REMEMBERED });
    found.catch(() => {
      if (this.#reached.get(key)?.found === found) this.#reached.delete(key);
    });
    return found;
  }
}
