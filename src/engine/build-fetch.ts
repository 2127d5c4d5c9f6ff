/** Sources of ADD that are elsewhere. */
import { EngineError } from '../base/errors.ts';
import type { BuildRequest } from '../build/contract.ts';
import type { CopySource } from '../build/dockerfile/plan.ts';
import type { FileRoot, FoundSource } from './build-copy-sources.ts';
import { gitCheckout } from './build-git.ts';
import type { OriginNotes } from './build-origin.ts';
import { fetchFile } from './build-remote.ts';

export interface FetchParts {
  readonly request: BuildRequest;
  /** Gets what was fetched. */
  readonly notes: Pick<OriginNotes, 'git' | 'http'>;
}

/** As `fetched`, its errors in BuildKit's words. */
export async function fetchSource(...args: Parameters<typeof fetched>): Promise<FoundSource> {
  try {
    return await fetched(...args);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind === 'cancelled') throw error;
    const { message, kind } = error;
    const ref = /couldn't find remote ref (.*)$/m.exec(message)?.[1];
    const status = /: (invalid response status \d+)$/.exec(message)?.[1];
    const text =
      ref !== undefined
        ? `failed to load cache key: repository does not contain ref ${ref}, output: ""`
        : status !== undefined
          ? `failed to load cache key: ${status}`
          : message;
    const { answer } = (error.detail ?? {}) as { readonly answer?: string };
    throw new EngineError(kind, text, { cause: error, detail: { elsewhere: true, ...(answer === undefined ? {} : { answer }) } });
  }
}

/** Fetched into the folder `work`, which is made. */
async function fetched(
  source: Extract<CopySource, { kind: 'http' | 'git' }>,
  work: string,
  { request, notes }: FetchParts,
  signal: AbortSignal,
): Promise<FoundSource> {
  const at = (path: string): FileRoot => ({ owned: true, open: (use) => use(path) });
  if (source.kind === 'http') {
    const { url, checksum, filename } = source;
    const name = filename.replaceAll('/', '_') || 'download';
    const file = await fetchFile(url, work, checksum, signal);
    notes.http(url, file.digest);
    return { kind: 'fetched', root: at(work), path: `/${file.name}`, name, key: file.digest };
  }
  const { url, checksum, keepGitDir } = source;
  await using agent = /^(git@|ssh:)/.test(url) ? await request.ssh?.('default', signal) : undefined;
  const { path, commit } = await gitCheckout(url, work, { keepGitDir, checksum, signal, ...(agent === undefined ? {} : { sshAgent: agent.path }) });
  notes.git(url, commit);
  return { kind: 'fetched', root: at(path), path: '/', name: '', key: `${url} ${commit} ${keepGitDir}` };
}
