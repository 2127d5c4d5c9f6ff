/** What a registry answers when it does not do what was asked, and what that is for the engine, in Docker's words. */
import { EngineError, type ErrorKind } from '../../base/errors.ts';
import type { Reference } from '../contract.ts';
import { familiarName, familiarReference } from '../reference.ts';
import { parseChallenges } from './challenge.ts';
import { statusText } from './network-error.ts';
import { plainText } from './text.ts';
import type { HttpResponse } from './transport.ts';

/** An answer of status 400 or more, read. */
export interface Fault {
  readonly status: number;
  /** The specification's, as `MANIFEST_UNKNOWN`; made up from the status where the registry gives none. */
  readonly code: string;
  /** `manifest unknown: manifest unknown`, as Docker prints it. */
  readonly text: string;
  /** Milliseconds that the registry wants to be left alone. */
  readonly retryAfterMs: number | undefined;
}

const MAX_BODY = 256 << 10;

/** Reads an answer that is an error, in the several shapes that registries and their proxies have for it. */
export async function readFault(response: HttpResponse): Promise<Fault> {
  const { status } = response;
  const text = await response.body.read(MAX_BODY, 10_000).then(
    (bytes) => bytes.toString(),
    () => '',
  );
  const found = fromHeader(response) ?? (status < 500 || status === 503 ? fromBody(status, text) : undefined) ?? byStatus(status, text);
  return { status, ...found, retryAfterMs: retryAfter(response.headers['retry-after']) };
}

/** RFC 6750, 3: the reason may be in the challenge. */
function fromHeader(response: HttpResponse): { code: string; text: string } | undefined {
  const header = response.headers['www-authenticate'];
  for (const { scheme, parameters } of parseChallenges(header === undefined ? [] : [header])) {
    const code = scheme === 'bearer' ? { invalid_token: 'UNAUTHORIZED', insufficient_scope: 'DENIED' }[parameters.get('error') ?? ''] : undefined;
    if (code === undefined) continue;
    const description = parameters.get('error_description');
    return code === 'DENIED' || description !== undefined ? { code, text: `${words(code)}: ${plainText(description ?? MEANING[code]!)}` } : undefined;
  }
  return undefined;
}

function fromBody(status: number, text: string): { code: string; text: string } | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { errors, details } = json as { errors?: unknown; details?: unknown };
  if (typeof details === 'string' && details !== '') {
    const code = status === 401 ? 'UNAUTHORIZED' : status === 429 ? 'TOOMANYREQUESTS' : 'UNKNOWN';
    return { code, text: `${words(code)}: ${plainText(details)}` };
  }
  if (!Array.isArray(errors)) return undefined;
  const known = errors.slice(0, 5).flatMap((error: unknown) => {
    const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; message?: unknown };
    if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) return [];
    const said = typeof message === 'string' && message !== '' ? message : (MEANING[code] ?? '');
    return [{ code, text: said === '' ? words(code) : `${words(code)}: ${plainText(said)}` }];
  });
  return known.length === 0 ? undefined : { code: known[0]!.code, text: known.map((error) => error.text).join('; ') };
}

function byStatus(status: number, text: string): { code: string; text: string } {
  const code = { 401: 'UNAUTHORIZED', 403: 'DENIED', 404: 'NOT_FOUND', 413: 'SIZE_INVALID', 429: 'TOOMANYREQUESTS' }[status] ?? 'UNKNOWN';
  const said = text.trimStart().startsWith('<') ? '' : plainText(text, 200); // a proxy's page says nothing to a terminal
  if (status >= 500 || code === 'UNKNOWN') return { code, text: `received unexpected HTTP status: ${statusText(status)}${said === '' ? '' : `: ${said}`}` };
  return { code, text: `${code === 'NOT_FOUND' ? 'unknown' : words(code)}: ${said === '' ? (MEANING[code] ?? statusText(status)) : said}` };
}

const MEANING: Readonly<Record<string, string>> = {
  UNAUTHORIZED: 'authentication required',
  DENIED: 'requested access to the resource is denied',
  TOOMANYREQUESTS: 'too many requests',
  MANIFEST_UNKNOWN: 'manifest unknown',
  BLOB_UNKNOWN: 'blob unknown to registry',
  NAME_UNKNOWN: 'repository name not known to registry',
};

function words(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** What was being done: some of Docker's sentences depend on it. */
export type Action = 'pull' | 'blob' | 'push' | 'login';

/** A fault as the error to throw. */
export function faultError(fault: Fault, reference: Reference, action: Action): EngineError {
  const { status, code, text } = fault;
  const make = (kind: ErrorKind, message: string, hint?: string) =>
    new EngineError(kind, message, { detail: { status, code, retryAfterMs: fault.retryAfterMs }, ...(hint === undefined ? {} : { hint }) });
  const login = `kobako login ${reference.domain === 'docker.io' ? '' : reference.domain}`.trim();
  if (status === 429 || code === 'TOOMANYREQUESTS') {
    const wait = fault.retryAfterMs === undefined ? '' : `; the registry asks to wait ${Math.ceil(fault.retryAfterMs / 1000)} s`;
    return make(
      'exhausted',
      text.startsWith('toomanyrequests') ? text : `toomanyrequests: ${text}`,
      `registries allow more to those who log in (${login})${wait}`,
    );
  }
  if (status >= 500) return make('unavailable', text);
  if (code === 'UNAUTHORIZED' || (status === 401 && code !== 'DENIED')) return make('denied', text, login);
  if (action === 'pull') {
    const name = familiarName(reference);
    if (code === 'DENIED' || status === 403) {
      return make('not-found', `pull access denied for ${name}, repository does not exist or may require 'docker login': ${text}`, login);
    }
    if (code === 'NAME_UNKNOWN') return make('not-found', `repository ${name} not found: ${text}`);
    if (status === 404) return make('not-found', `manifest for ${familiarReference(reference)} not found: ${text}`);
  }
  if (code === 'DENIED' || status === 403) return make('denied', text, login);
  if (status === 404) return make('not-found', action === 'blob' && code === 'BLOB_UNKNOWN' ? 'unknown blob' : text);
  return make(status === 413 || status === 400 ? 'invalid' : 'unavailable', text);
}
