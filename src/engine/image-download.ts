/** An archive that is elsewhere, for an import. */
import { EngineError } from '../base/errors.ts';
import { apartFromUser, withoutCredentials } from '../base/url-credentials.ts';
import type { ProgressEvent } from './images-contract.ts';
import { fetchUrl } from './url-fetch.ts';

/** Over HTTP. Throws `unavailable` for who does not answer, or not with a file. */
export async function download(
  url: URL,
  say: ((event: ProgressEvent) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { at, authorization } = apartFromUser(url);
  const shown = withoutCredentials(url.href);
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const failed = (why: string, cause: unknown) => new EngineError('unavailable', `Get ${JSON.stringify(shown)}: ${why}`, { cause });
  const { response, body } = await fetchUrl(at, { signal, headers, redirect: 'follow', failed }).catch((error: unknown) => {
    throw signal?.aborted === true ? new EngineError('cancelled', `${shown} was not fetched`, { cause: error }) : error;
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new EngineError('unavailable', `got HTTP status code >= 400: ${response.status} ${response.statusText}`);
  }
  say?.({ status: `Downloading from ${shown}` });
  return body();
}
