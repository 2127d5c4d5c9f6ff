/**
 * Being let in: anonymous, Basic, or tokens (the distribution specification's "token authentication" and its OAuth2
 * flavour). Tokens are kept for each scope until shortly before they expire.
 */
import { EngineError } from '../../base/errors.ts';
import type { Credentials, Reference } from '../contract.ts';
import { parseJson } from '../manifest.ts';
import type { Challenge } from './challenge.ts';
import { faultError, readFault } from './fault.ts';
import { safeUrl } from './network-error.ts';
import { isLoopback } from './proxy.ts';
import { backOff, mayPass, type RetryPolicy, statusMayPass } from './retry.ts';
import { type HttpResponse, type Transport, unlessCancelled } from './transport.ts';
import type { InsecureHosts } from './trust.ts';

const CLIENT_ID = 'kobako';
const MAX_TOKEN_ANSWER = 1 << 20;
/** Milliseconds. The specification's default, and Docker's least, however short the token server says. */
const LEAST_LIFE = 60_000;

export interface AuthContext {
  readonly transport: Transport;
  readonly insecure: InsecureHosts;
  readonly retries: RetryPolicy;
  readonly reference: Reference;
  /** Of the registry, with its port. */
  readonly host: string;
  readonly unverified: boolean;
  /** For a login: who issues tokens is asked for one that takes the place of the password. */
  readonly offline?: boolean;
}

interface Token {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** `repository:PATH:pull,push` */
export function repositoryScope(path: string, actions: 'pull' | 'pull,push'): string {
  return `repository:${path}:${actions}`;
}

export class Authorizer {
  readonly #context: AuthContext;
  readonly #credentials: Credentials | undefined;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenges: readonly Challenge[];
  #identityToken = '';

  constructor(context: AuthContext, credentials: Credentials | undefined, challenges: readonly Challenge[]) {
    this.#context = context;
    this.#credentials = credentials;
    this.#challenges = challenges;
  }

  /** What may take the place of the password from now on; '' where nobody has given such a thing. */
  get identityToken(): string {
    return this.#identityToken;
  }

  /** The `Authorization` for a request; undefined for none. `action` is for the words of an error. */
  async header(scopes: readonly string[], action: 'pull' | 'push', signal?: AbortSignal): Promise<string | undefined> {
    const { username, password, registryToken } = this.#credentials ?? {};
    if (registryToken !== undefined && registryToken !== '') return `Bearer ${registryToken}`;
    const bearer = this.#challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
    if (bearer !== undefined) return `Bearer ${(await unlessCancelled(this.#token(bearer, scopes, action), signal)).text}`;
    const basic = this.#challenges.some(({ scheme }) => scheme === 'basic');
    if (!basic) return undefined;
    if (username === undefined || username === '')
      throw new EngineError('denied', 'no basic auth credentials', { hint: `kobako login ${this.#context.reference.domain}` });
    return basicHeader(username, password ?? '');
  }

  /**
   * After a 401: takes over what the registry wants now, and forgets the token that it did not take. False when there is
   * nothing else to try.
   */
  refused(challenges: readonly Challenge[], sent: string | undefined): boolean {
    const usable = challenges.filter(({ scheme }) => scheme === 'bearer' || scheme === 'basic');
    if (usable.length === 0 || this.#credentials?.registryToken) return false;
    const before = this.#challenges;
    this.#challenges = usable;
    if (sent?.startsWith('Bearer ')) {
      this.#tokens.clear();
      return true;
    }
    // Basic that was refused will be refused again
    return sent === undefined || !before.some(({ scheme }) => scheme === 'basic') || usable.some(({ scheme }) => scheme === 'bearer');
  }

  #token(bearer: Challenge, scopes: readonly string[], action: 'pull' | 'push'): Promise<Token> {
    const wanted = [...new Set(scopes)].toSorted();
    const key = JSON.stringify([bearer.parameters.get('realm'), bearer.parameters.get('service'), wanted]);
    const known = this.#tokens.get(key);
    // shared by whoever asks meanwhile, unless it failed, or is old
    const token = (known ?? this.#fetch(bearer, wanted, action)).then((found) => (found.until > Date.now() ? found : this.#fetch(bearer, wanted, action)));
    this.#tokens.set(key, token);
    token.catch(() => {
      if (this.#tokens.get(key) === token) this.#tokens.delete(key);
    });
    return token;
  }

  async #fetch(bearer: Challenge, scopes: readonly string[], action: 'pull' | 'push'): Promise<Token> {
    const { transport, retries, reference, host } = this.#context;
    const realm = this.#realm(bearer.parameters.get('realm')!);
    const service = bearer.parameters.get('service');
    const identityToken = this.#credentials?.identityToken;
    const { username, password } = this.#credentials ?? {};
    if (isLoopback(realm.hostname) && !isLoopback(new URL(`https://${host}`).hostname)) {
      throw new EngineError('unavailable', `${host} names this machine as its authorization server, which is not asked`);
    }
    const hasSecret = Boolean(identityToken) || Boolean(username);
    if (hasSecret && realm.protocol !== 'https:' && !(await this.#context.insecure.includes(realm.host))) {
      throw new EngineError('denied', `refusing to send credentials to ${safeUrl(realm)} without TLS`, {
        hint: 'list that host as insecure if this is meant to be',
      });
    }
    const unverified =
      realm.protocol === 'https:' &&
      ((this.#context.unverified && realm.hostname === new URL(`https://${host}`).hostname) ||
        isLoopback(realm.hostname) ||
        (await this.#context.insecure.includes(realm.host)));
    const common = { unverified, trustOf: host };
    let respond: () => Promise<HttpResponse>;
    if (identityToken) {
      const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: identityToken, client_id: CLIENT_ID, scope: scopes.join(' ') });
      if (service !== undefined) form.set('service', service);
      const body = Buffer.from(form.toString());
      const chunks = async function* () {
        yield body;
      };
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      respond = () => transport.send({ method: 'POST', url: realm, headers, body: { size: body.length, chunks }, ...common });
    } else {
      for (const scope of scopes) realm.searchParams.append('scope', scope);
      if (service !== undefined) realm.searchParams.set('service', service);
      if (username) realm.searchParams.set('account', username);
      if (this.#context.offline === true) {
        realm.searchParams.set('offline_token', 'true');
        realm.searchParams.set('client_id', CLIENT_ID);
      }
      const headers: Record<string, string> = username ? { authorization: basicHeader(username, password ?? '') } : {};
      respond = () => transport.send({ method: 'GET', url: realm, headers, ...common });
    }
    for (let attempt = 1; ; attempt++) {
      const response = await respond().catch((error: unknown) => {
        if (!mayPass(error) || attempt >= Math.min(3, retries.attempts)) throw error;
        return undefined;
      });
      if (response !== undefined && response.status < 300) return this.#read(response);
      if (response !== undefined && response.status < 400) {
        response.body.cancel();
        throw new EngineError(
          'unavailable',
          `authorization server ${safeUrl(realm)} redirects, which is not followed: credentials stay where they were meant for`,
        );
      }
      if (response !== undefined) {
        const fault = await readFault(response);
        const wait = fault.retryAfterMs ?? 0;
        if (!statusMayPass(fault.status) || attempt >= Math.min(3, retries.attempts) || wait > retries.maxWaitMs)
          throw faultError(fault, reference, action === 'push' ? 'push' : 'login');
        await backOff(retries, attempt, undefined, wait);
      } else await backOff(retries, attempt);
    }
  }

  #realm(text: string): URL {
    const realm = URL.canParse(text) ? new URL(text) : undefined;
    if (realm === undefined || (realm.protocol !== 'https:' && realm.protocol !== 'http:') || realm.username !== '' || realm.password !== '') {
      throw new EngineError('unavailable', `the registry names ${JSON.stringify(text.slice(0, 200))} as its authorization server, which is no address`);
    }
    return realm;
  }

  async #read(response: HttpResponse): Promise<Token> {
    const bytes = await response.body.read(MAX_TOKEN_ANSWER, this.#context.transport.timeouts.small);
    const json = parseJson(bytes, 'the answer of the authorization server') as Partial<
      Record<'token' | 'access_token' | 'refresh_token' | 'expires_in', unknown>
    > | null;
    // what goes into a header has no line ends
    const text = [json?.token, json?.access_token].find((value) => typeof value === 'string' && value !== '');
    if (!isToken(text)) throw new EngineError('unavailable', 'authorization server did not include a token in the response');
    if (isToken(json?.refresh_token)) this.#identityToken = json.refresh_token;
    const seconds = typeof json?.expires_in === 'number' && Number.isFinite(json.expires_in) ? json.expires_in : 0;
    const life = Math.max(LEAST_LIFE, Math.min(seconds, 86_400) * 1000);
    return { text, until: Date.now() + life * 0.9 };
  }
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}

export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
