/** Git repositories as contexts and as sources of ADD: `https://host/repo.git#ref:folder`, `git@host:repo.git`. */
import { existsSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import { git } from '../kernel/linux/git-program.ts';

export interface GitSource {
  readonly remote: string;
  /** A branch, a tag or a commit; '' for the remote's default. */
  readonly ref: string;
  /** '' for all of it. */
  readonly folder: string;
}

/** As Docker tells a repository from a file. */
export function isGitUrl(text: string): boolean {
  if (/^(git|ssh):\/\//.test(text) || /^git@[^:/]+:/.test(text) || text.startsWith('github.com/')) return true;
  return /^https?:\/\/[^#?]+\.git(?:[#?].*)?$/.test(text);
}

/** Throws `invalid`. */
export function parseGitUrl(text: string): GitSource {
  const [head = '', fragment = ''] = text.split('#', 2);
  const [remote = '', query = ''] = head.split('?', 2);
  const [before = '', ...rest] = fragment.split(':');
  const asked = new URLSearchParams(query);
  const ref = asked.get('ref') ?? asked.get('branch') ?? asked.get('tag') ?? asked.get('commit') ?? before;
  const folder = asked.get('subdir') ?? rest.join(':');
  if (ref.startsWith('-') || /[\s\0]/.test(ref)) throw invalid(`invalid git reference ${JSON.stringify(ref)}`);
  if (remote.startsWith('-') || /[\s\0]/.test(remote)) throw invalid(`invalid git repository ${JSON.stringify(remote)}`);
  if (folder.split('/').includes('..')) throw invalid(`invalid git folder ${JSON.stringify(folder)}`);
  return { remote: remote.startsWith('github.com/') ? `https://${remote}` : remote, ref, folder };
}

export interface Checkout {
  /** The folder that was asked for. */
  readonly path: string;
  readonly commit: string;
}

/** The repository's files in the folder `path`, which is made. Nothing of a repository is run. */
export async function gitCheckout(
  url: string,
  path: string,
  {
    keepGitDir,
    signal,
    sshAgent,
    checksum = '',
  }: { readonly keepGitDir: boolean; readonly signal: AbortSignal; readonly sshAgent?: string; readonly checksum?: string },
): Promise<Checkout> {
  const { remote, ref, folder } = parseGitUrl(url);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const options = { cwd: path, signal, ...(sshAgent === undefined ? {} : { sshAgent }) };
  await git(['init', '--quiet', '--template='], options);
  await git(['remote', 'add', 'origin', '--', remote], options);
  const isCommit = /^[0-9a-f]{40}$/.test(ref);
  const fetch = (...args: readonly string[]) => git(['fetch', '--quiet', '--no-recurse-submodules', ...args], options);
  const wanted = ['origin', '--', ref === '' ? 'HEAD' : ref];
  try {
    await fetch('--depth=1', ...wanted);
  } catch (error) {
    if (signal.aborted) throw error;
    // a server of plain files gives no part of a history, and one that gives no single commit gives all that leads to its branches
    if (/shallow/.test((error as Error).message) && !isCommit) await fetch(...wanted);
    else if (isCommit) await fetch('origin', '+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*');
    else throw error;
  }
  const commit = (await git(['rev-parse', '--verify', '--end-of-options', isCommit ? `${ref}^{commit}` : 'FETCH_HEAD^{commit}'], options)).trim();
  if (checksum !== '' && !commit.startsWith(checksum)) throw invalid(`expected checksum to match ${checksum}, got ${commit}`);
  await git(['checkout', '--quiet', '--force', '--detach', commit], options);
  await submodules(path, options);
  if (!keepGitDir) rmSync(`${path}/.git`, { recursive: true, force: true });
  if (folder === '') return { path, commit };
  const found = posix.join(path, folder);
  const real = existsSync(found) ? realpathSync(found) : '';
  // a link in the repository may lead anywhere
  if (!real.startsWith(`${realpathSync(path)}/`)) throw invalid(`git folder ${JSON.stringify(folder)} is not in the repository`);
  return { path: real, commit };
}

async function submodules(path: string, options: Parameters<typeof git>[1]): Promise<void> {
  // of many files the list is cut
  if (!existsSync(`${path}/.gitmodules`) && !/^160000 /m.test(await git(['ls-files', '--stage'], options))) return;
  await git(['submodule', 'update', '--init', '--recursive', '--depth=1'], { ...options, cwd: path });
}
