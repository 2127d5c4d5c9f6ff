/** An archive that is elsewhere, for an import. */
import { EngineError } from '../base/errors.ts';
import { withoutCredentials } from '../base/url-credentials.ts';
import type { ProgressEvent } from './images-contract.ts';
import { fetchUrl } from './url-fetch.ts';

/** Over HTTP. Throws `unavailable` for who does not answer, or not with a file. */
export async function download(
  url: URL,
  say: ((event: ProgressEvent) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const shown = withoutCredentials(url.href);
  const failed = (why: string, cause?: unknown) => new EngineError('unavailable', `Get ${JSON.stringify(shown)}: ${why}`, { cause });
  const answer = await fetchUrl(url.href, { signal, failed }).catch((error: unknown) => {
    throw signal?.aborted === true ? new EngineError('cancelled', `${shown} was not fetched`, { cause: error }) : error;
  });
  if (answer.status < 200 || answer.status >= 300) {
    await answer.beginning();
    throw new EngineError('unavailable', `got HTTP status code >= 400: ${answer.statusText}`);
  }
  say?.({ status: `Downloading from ${shown}` });
  return answer.body();
}
