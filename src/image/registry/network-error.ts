/** What goes wrong below HTTP, in the words that Docker has for it. */
import { STATUS_CODES } from 'node:http';
import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { EngineError } from '../../base/errors.ts';
import { hostAndPort } from '../../base/host-and-port.ts';
import { plainText } from './text.ts';

export interface NetworkDetail {
  /** Node's, or `TIMEOUT`. */
  readonly code: string;
  /** Whether the same request may well succeed a moment later. */
  readonly passing: boolean;
  /** A kept connection that the other side had closed meanwhile, and nothing but a question was asked on it. */
  readonly stale?: boolean;
}

/** The registry, or something on the way to it, could not be reached or went away. Kind `unavailable`. */
export class NetworkError extends EngineError<NetworkDetail> {
  constructor(message: string, detail: NetworkDetail, options: { cause?: unknown; hint?: string } = {}) {
    super('unavailable', message, { ...options, detail });
    this.name = 'NetworkError';
  }
}

const PASSING = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ECONNABORTED', 'ENETRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE']);
export const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]);

type NodeError = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string; cert?: PeerCertificate; errors?: unknown[]; reason?: string };

/** `Get "https://host/v2/": dial tcp 10.0.0.1:443: connect: connection refused` */
export function networkError(method: string, url: URL, cause: unknown, reused = false): NetworkError {
  const all = (cause as NodeError).errors; // one for each address that a name has
  const error = (Array.isArray(all) && all.length > 0 ? all.at(-1) : cause) as NodeError;
  if (error instanceof NetworkError) return error;
  const code = error.code ?? '';
  const request = `${method[0]}${method.slice(1).toLowerCase()} "${safeUrl(url)}"`;
  const [words, hint] = describe(error, code, url);
  return new NetworkError(
    `${request}: ${words}`,
    { code, passing: PASSING.has(code), stale: reused && (code === 'ECONNRESET' || code === 'EPIPE') },
    { cause, ...(hint === undefined ? {} : { hint }) },
  );
}

export function timeoutError(method: string, url: URL, what: string, ms: number): NetworkError {
  const message = `${method[0]}${method.slice(1).toLowerCase()} "${safeUrl(url)}": ${what} within ${ms >= 1000 ? `${Math.round(ms / 1000)} s` : `${ms} ms`}`;
  return new NetworkError(message, { code: 'TIMEOUT', passing: true });
}

function describe(error: NodeError, code: string, url: URL): [words: string, hint?: string] {
  const where = error.address === undefined ? url.host : hostAndPort(error.address, String(error.port));
  if (UNKNOWN_AUTHORITY.has(code)) {
    return [
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
      `put the registry's certificate authority into certs.d/${url.host}/ca.crt, or list the registry as insecure`,
    ];
  }
  switch (code) {
    case 'ECONNREFUSED':
      return [`dial tcp ${where}: connect: connection refused`];
    case 'EHOSTUNREACH':
      return [`dial tcp ${where}: connect: no route to host`];
    case 'ENETUNREACH':
      return [`dial tcp ${where}: connect: network is unreachable`];
    case 'ENOTFOUND':
      return [`dial tcp: lookup ${error.hostname ?? url.hostname}: no such host`];
    case 'EAI_AGAIN':
      return [`dial tcp: lookup ${error.hostname ?? url.hostname}: temporary failure in name resolution`];
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return [`tls: failed to verify certificate: x509: ${wrongName(error.cert?.subjectaltname ?? '', url)}`];
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return ['tls: failed to verify certificate: x509: certificate has expired or is not yet valid'];
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return ['http: server gave HTTP response to HTTPS client', `list the registry as insecure if it is meant to be spoken to without TLS`];
    case 'ECONNRESET':
      return [error.message === 'aborted' || error.message === 'socket hang up' ? 'unexpected EOF' : 'connection reset by peer'];
    default:
      return [plainText(error.message)];
  }
}

/** Go's words for a certificate of somebody else. */
function wrongName(altNames: string, url: URL): string {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isAddress = isIP(host) !== 0;
  const names = altNames.split(', ').flatMap((name) => (name.startsWith(isAddress ? 'IP Address:' : 'DNS:') ? [name.slice(name.indexOf(':') + 1)] : []));
  if (names.length > 0) return plainText(`certificate is valid for ${names.join(', ')}, not ${host}`);
  if (isAddress) return `cannot validate certificate for ${host} because it doesn't contain any IP SANs`;
  return `certificate is not valid for any names, but wanted to match ${host}`;
}

/** Without the query, where tokens and signatures are, and without a user. */
export function safeUrl(url: URL): string {
  return plainText(`${url.protocol}//${url.host}${url.pathname}`);
}

/** `503 Service Unavailable` */
export function statusText(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trim();
}
