/** Sources of ADD that are elsewhere. */
import type { BuildRequest } from '../build/contract.ts';
import type { CopySource } from '../build/dockerfile/plan.ts';
import type { FileRoot, FoundSource } from './build-copy.ts';
import { gitCheckout } from './build-git.ts';
import { fetchFile } from './build-remote.ts';

/** Fetched into the folder `work`, which is made. */
export async function fetchSource(
  source: Extract<CopySource, { kind: 'http' | 'git' }>,
  work: string,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<FoundSource> {
  const at = (path: string): FileRoot => ({ owned: true, what: 'other', open: (use) => use(path) });
  if (source.kind === 'http') {
    const { url, checksum, filename } = source;
    const name = filename.replaceAll('/', '_') || 'download';
    const { digest } = await fetchFile(url, work, name, checksum, signal);
    return { kind: 'fetched', root: at(work), path: `/${name}`, name, key: digest };
  }
  const { url, checksum, keepGitDir } = source;
  await using agent = /^(git@|ssh:)/.test(url) ? await request.ssh?.('default', signal) : undefined;
  const { path, commit } = await gitCheckout(url, work, { keepGitDir, checksum, signal, ...(agent === undefined ? {} : { sshAgent: agent.path }) });
  return { kind: 'fetched', root: at(path), path: '/', name: '', key: `${url} ${commit} ${keepGitDir}` };
}
