/** What is fetched for a build: files over HTTP, and git repositories. */
import { createHash } from 'node:crypto';
import { mkdirSync, utimesSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { EngineError, invalid } from '../base/errors.ts';
import { apartFromUser, withoutCredentials } from '../base/url-credentials.ts';
import { gitCheckout, isGitUrl } from './build-git.ts';
import { fetchUrl } from './url-fetch.ts';

const MAX_REDIRECTS = 10;
/** Bytes of an answer that are told of. */
const MAX_SAID = 4096;
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
  let { at, authorization } = parseUrl(asked);
  for (let redirects = 0; ; redirects++) {
    if (redirects > MAX_REDIRECTS) throw new EngineError('unavailable', `failed to load ${url}: stopped after ${MAX_REDIRECTS} redirects`);
    const headers = { 'user-agent': 'kobako', 'accept-encoding': 'identity', ...(authorization === undefined ? {} : { authorization }) };
    const failed = (why: string, cause: unknown) => new EngineError('unavailable', `failed to load ${url}: ${why}`, { cause });
    const { response, body } = await fetchUrl(at, { signal, headers, redirect: 'manual', failed });
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      const next = parseUrl(URL.parse(location, at.href)?.href ?? location);
      // who is sent elsewhere does not take it along
      authorization = next.authorization ?? (next.at.origin === at.origin ? authorization : undefined);
      at = next.at;
      continue;
    }
    if (response.status !== 200) {
      const { status, statusText } = response;
      const answer = `${url} with status ${status} ${statusText}: ${(await beginningOf(response)).trim()}`;
      throw new EngineError('invalid', `failed to load ${url}: invalid response status ${status}`, { detail: { answer } });
    }
    const modified = new Date(response.headers.get('last-modified') ?? '');
    return { modified: Number.isNaN(modified.getTime()) ? undefined : modified, body: () => limited(url, body()) };
  }
}

/** What an answer says that is none; '' where that does not come. */
async function beginningOf({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const pieces: Buffer[] = [];
  const timer = setTimeout(() => void reader?.cancel().catch(() => {}), 1000);
  try {
    for (let size = 0; size < MAX_SAID;) {
      const next = await reader?.read();
      if (next === undefined || next.done) break;
      pieces.push(Buffer.from(next.value));
      size += next.value.length;
    }
  } catch {
    // as far as it came
  } finally {
    clearTimeout(timer);
    void reader?.cancel().catch(() => {});
  }
  return Buffer.concat(pieces).toString('utf8', 0, MAX_SAID);
}

async function* limited(url: string, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_SIZE) throw invalid(`failed to load ${url}: it has more than ${MAX_SIZE} bytes`);
    yield chunk;
  }
}

/** The URL without its user, and what is said of that user to its host. */
function parseUrl(text: string): { readonly at: URL; readonly authorization: string | undefined } {
  const at = URL.parse(text);
  if (at === null || (at.protocol !== 'http:' && at.protocol !== 'https:'))
    throw invalid(`invalid URL ${JSON.stringify(withoutCredentials(text))}: http and https can be fetched`);
  return apartFromUser(at);
}
