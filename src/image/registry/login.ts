/** `docker login`: whether a registry takes a user's credentials. */
import { EngineError, invalid } from '../../base/errors.ts';
import { DEFAULT_DOMAIN } from '../reference.ts';
import { safeUrl, statusText } from './network-error.ts';
import type { Session } from './session.ts';

const HUB = new Set(['', DEFAULT_DOMAIN, 'index.docker.io', 'registry-1.docker.io']);

/** The domain of a server as Docker's config file names it: `https://index.docker.io/v1/`, `localhost:5000`. Throws `invalid`. */
export function serverDomain(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0]!;
  if (HUB.has(host)) return DEFAULT_DOMAIN;
  if (!/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/.test(host))
    throw invalid(`unable to parse server address: ${JSON.stringify(server.slice(0, 200))}`);
  return host.toLowerCase();
}

/**
 * Gives the token that may take the place of the password, '' for none. Throws `denied`: with the words of the registry, or
 * of who issues its tokens.
 */
export async function checkLogin(session: Session, signal: AbortSignal | undefined): Promise<string> {
  const url = new URL(`${session.base.href.replace(/\/$/, '')}/v2/`);
  const response = await session.call({ method: 'GET', at: url, scopes: [], action: 'login', accept: [401, 403], signal }).catch((error: unknown) => {
    if (!(error instanceof EngineError) || error.kind !== 'denied') throw error;
    throw new EngineError('denied', `Get "${safeUrl(url)}": ${error.message}`, { cause: error });
  });
  await response.body.discard();
  if (response.status >= 400) throw new EngineError('denied', `login attempt to ${safeUrl(url)} failed with status: ${statusText(response.status)}`);
  return session.identityToken;
}
