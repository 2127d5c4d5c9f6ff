/**
 * What users' URLs lead to, over HTTP: as registries are reached, through the environment's proxies and with the system's
 * authorities. Whoever is asked there may be slow, may say nothing any more, and may send us elsewhere.
 */
import { type EngineError, invalid } from '../base/errors.ts';
import { apartFromUser, withoutCredentials } from '../base/url-credentials.ts';
import { NetworkError, statusText } from '../image/registry/network-error.ts';
import type { ResponseBody } from '../image/registry/response-body.ts';
import { type HttpResponse, Transport } from '../image/registry/transport.ts';

const MAX_REDIRECTS = 10;
/** Bytes of an answer that are told of, and the milliseconds that are waited for them. */
const MAX_SAID = 4096;
const SAID_MS = 1000;

export interface FetchOptions {
  readonly signal: AbortSignal | undefined;
  /** The error of what does not come, by why that is. */
  readonly failed: (why: string, cause?: unknown) => EngineError;
  /** Milliseconds until there is an answer. */
  readonly answerMs?: number;
  /** Milliseconds without a byte. */
  readonly idleMs?: number;
  /** Of proxies. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Fetched {
  readonly status: number;
  /** `404 Not Found` */
  readonly statusText: string;
  /** Where it is said, and is a time. */
  readonly modified: Date | undefined;
  /** Once. Throws the signal's reason, or that the rest does not come. */
  body(): AsyncGenerator<Buffer>;
  /** What an answer says instead of a body that was asked for; '' where that does not come. */
  beginning(): Promise<string>;
}

/** Follows redirects. Throws `invalid` for what is no URL of HTTP, the signal's reason, or that there is no answer. */
export async function fetchUrl(url: string, options: FetchOptions): Promise<Fetched> {
  const { signal, failed, answerMs = 30_000, idleMs = 60_000, env = process.env } = options;
  const transport = new Transport({
    env,
    certsDir: undefined,
    userAgent: 'kobako',
    timeouts: { connect: Math.min(15_000, answerMs), headers: answerMs, idle: idleMs, small: answerMs },
  });
  const explained = (error: unknown): unknown => {
    if (signal?.aborted === true) return signal.reason;
    return error instanceof NetworkError ? failed(error.message.replace(/^Get "[^"]*": /, ''), error) : error;
  };
  try {
    const response = await follow(transport, url, options);
    const modified = new Date(response.headers['last-modified'] ?? '');
    return {
      status: response.status,
      statusText: statusText(response.status),
      modified: Number.isNaN(modified.getTime()) ? undefined : modified,
      async *body() {
        try {
          yield* response.body;
        } catch (error) {
          throw explained(error);
        } finally {
          transport.close();
        }
      },
      beginning: () => beginningOf(response.body).finally(() => transport.close()),
    };
  } catch (error) {
    transport.close();
    throw explained(error);
  }
}

async function follow(transport: Transport, url: string, { signal, failed }: FetchOptions): Promise<HttpResponse> {
  let { at, authorization } = parseUrl(url);
  for (let redirects = 0; ; redirects++) {
    if (redirects > MAX_REDIRECTS) throw failed(`stopped after ${MAX_REDIRECTS} redirects`);
    const response = await transport.send({ method: 'GET', url: at, signal, headers: authorization === undefined ? {} : { authorization } });
    const { location } = response.headers;
    if (response.status < 300 || response.status >= 400 || location === undefined) return response;
    await response.body.discard();
    const next = parseUrl(URL.parse(location, at.href)?.href ?? location);
    // who is sent elsewhere does not take it along
    authorization = next.authorization ?? (next.at.origin === at.origin ? authorization : undefined);
    at = next.at;
  }
}

/** The URL without its user, and what is said of that user to its host. */
function parseUrl(text: string): { readonly at: URL; readonly authorization: string | undefined } {
  const at = URL.parse(text);
  if (at === null || (at.protocol !== 'http:' && at.protocol !== 'https:'))
    throw invalid(`invalid URL ${JSON.stringify(withoutCredentials(text))}: http and https can be fetched`);
  return apartFromUser(at);
}

async function beginningOf(body: ResponseBody): Promise<string> {
  const pieces: Buffer[] = [];
  const timer = setTimeout(() => body.cancel(), SAID_MS);
  try {
    let size = 0;
    for await (const piece of body) {
      pieces.push(piece);
      size += piece.length;
      if (size >= MAX_SAID) break;
    }
  } catch {
    // as far as it came
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(pieces).toString('utf8', 0, MAX_SAID);
}
