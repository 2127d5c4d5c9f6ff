/** What is fetched for a build: files over HTTP, and git repositories. */
import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import { withoutCredentials } from '../base/url-credentials.ts';
import { gitCheckout, isGitUrl } from './build-git.ts';
import { fetchUrl } from './url-fetch.ts';

/** Bytes. */
const MAX_SIZE = 16 * 2 ** 30;

export type Remote =
  | { readonly kind: 'folder'; readonly path: string; readonly commit: string }
  | { readonly kind: 'bytes'; readonly bytes: AsyncIterable<Uint8Array> };

/** A context from elsewhere, in or below the folder `work`. Throws `invalid` for a URL that is none, `unavailable` for what does not answer. */
export async function fetchRemote(url: string, work: string, signal: AbortSignal): Promise<Remote> {
  mkdirSync(work, { recursive: true, mode: 0o700 });
  if (isGitUrl(url)) return { kind: 'folder', ...(await gitCheckout(url, `${work}/git`, { keepGitDir: false, signal })) };
  const answer = await request(url, signal);
  return { kind: 'bytes', bytes: answer.body() };
}

export interface HttpFile {
  /** In the folder. */
  readonly name: string;
  readonly digest: string;
}

/** A file over HTTP in the folder `work`, which is made. Throws `invalid` where it is not what `checksum` says. */
export async function fetchFile(url: string, work: string, checksum: string, signal: AbortSignal): Promise<HttpFile> {
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const answer = await request(url, signal);
  const [algorithm = 'sha256', wanted] = checksum === '' ? [] : checksum.split(':');
  if (!['sha256', 'sha384', 'sha512'].includes(algorithm)) throw invalid(`unsupported checksum algorithm ${algorithm}`);
  const hash = createHash(algorithm);
  const content = createHash('sha256');
  // what it is called there need be no name here
  const name = 'file';
  const path = `${work}/${name}`;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of answer.body()) {
    hash.update(chunk);
    content.update(chunk);
    await file.writeFile(chunk); // from where it is
  }
  const got = hash.digest('hex');
  if (wanted !== undefined && got !== wanted) throw invalid(`digest mismatch ${algorithm}:${got}: ${checksum}`);
  const modified = answer.modified === undefined ? new Date(0) : answer.modified;
  utimesSync(path, modified, modified);
  return { name, digest: content.digest('hex') };
}

async function request(asked: string, signal: AbortSignal): Promise<{ readonly modified: Date | undefined; body(): AsyncGenerator<Buffer> }> {
  const url = withoutCredentials(asked);
  const failed = (why: string, cause?: unknown) => new EngineError('unavailable', `failed to load ${url}: ${why}`, { cause });
  const answer = await fetchUrl(asked, { signal, failed });
  if (answer.status !== 200) {
    const said = `${url} with status ${answer.statusText}: ${(await answer.beginning()).trim()}`;
    throw new EngineError('invalid', `failed to load ${url}: invalid response status ${answer.status}`, { detail: { answer: said } });
  }
  return { modified: answer.modified, body: () => limited(url, answer.body()) };
}

async function* limited(url: string, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_SIZE) throw invalid(`failed to load ${url}: it has more than ${MAX_SIZE} bytes`);
    yield chunk;
  }
}
