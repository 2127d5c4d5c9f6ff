/** An archive that is elsewhere, for an import. */
import { Readable } from 'node:stream';
import { EngineError } from '../base/errors.ts';
import { apartFromUser, withoutCredentials } from '../base/url-credentials.ts';
import type { ProgressEvent } from './images-contract.ts';

/** Over HTTP. Throws `unavailable` for who does not answer, or not with a file. */
export async function download(
  url: URL,
  say: ((event: ProgressEvent) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { at, authorization } = apartFromUser(url);
  const shown = withoutCredentials(url.href);
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetch(at, { signal: signal ?? null, headers }).catch((error: unknown) => {
    if (signal?.aborted === true) throw new EngineError('cancelled', `${shown} was not fetched`, { cause: error });
    const cause = (error as Error).cause;
    throw new EngineError('unavailable', `Get ${JSON.stringify(shown)}: ${cause instanceof Error ? cause.message : (error as Error).message}`, {
      cause: error,
    });
  });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new EngineError('unavailable', `got HTTP status code >= 400: ${response.status} ${response.statusText}`);
  }
  say?.({ status: `Downloading from ${shown}` });
  return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
}
