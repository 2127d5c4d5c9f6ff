/** What COPY's and ADD's sources name: paths, URLs, git repositories. */
import { posix } from 'node:path';
import { wrong } from './failure.ts';
import { absolute, hasWildcards } from './paths.ts';
import type { CopySource } from './plan.ts';
import { cut } from './text.ts';

export interface SourceFlags {
  readonly add: boolean;
  readonly parents: boolean;
  readonly checksum: string;
  readonly keepGitDir: boolean | undefined;
}

/** `git://`, `ssh://`, `git@host:path`, and http(s) URLs whose path ends in `.git`. */
export function isGit(source: string): boolean {
  if (source.startsWith('git://') || source.startsWith('ssh://')) return true;
  if (/^[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:[^/]/.test(source) && !source.includes('://')) return true;
  return isUrl(source) && source.split(/[?#]/, 1)[0]!.endsWith('.git');
}

function isUrl(source: string): boolean {
  return source.startsWith('http://') || source.startsWith('https://');
}

/** Throws `invalid` in BuildKit's words for what cannot be. */
export function checkChecksum(sources: readonly string[], checksum: string): void {
  if (checksum === '') return;
  if (sources.length !== 1) throw wrong("checksum can't be specified for multiple sources");
  if (!isUrl(sources[0]!) && !isGit(sources[0]!)) throw wrong('checksum requires HTTP(S) or Git sources');
}

export function copySource(source: string, { add, parents, checksum, keepGitDir }: SourceFlags): CopySource {
  if (isGit(source)) {
    if (!add) throw wrong("source can't be a git ref for COPY");
    return { kind: 'git', url: source, checksum, keepGitDir: keepGitDir === true };
  }
  if (isUrl(source)) {
    if (!add) throw wrong("source can't be a URL for COPY");
    if (checksum !== '' && !/^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/.test(checksum)) throw wrong('invalid checksum digest format');
    return { kind: 'http', url: source, checksum, filename: nameOf(source) };
  }
  if (!parents) return { kind: 'path', path: absolute('/', source) };
  const [path, below] = cut(source, '/./') ?? ['/', source];
  const pattern = absolute('/', below).slice(1);
  return { kind: 'parents', path: absolute('/', path), pattern, required: !hasWildcards(path) && !hasWildcards(below) };
}

/** The name that a fetched file gets. */
function nameOf(url: string): string {
  try {
    const base = posix.basename(decodeURIComponent(new URL(url).pathname));
    if (base !== '' && base !== '.' && base !== '..' && !base.includes('/')) return base;
  } catch {
    // no URL after all: whoever fetches it says so
  }
  return '__unnamed__';
}

/** Octal up to 07777, or what chmod(1) takes: `u+x,go=r`. Empty stays empty. */
export function checkMode(text: string): void {
  if (text === '') return;
  if (/^[0-9]/.test(text)) {
    if (/^0*[0-7]{1,4}$/.test(text)) return;
    throw wrong(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  }
  const clause = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+$/;
  if (text.length > 256 || !text.split(',').every((each) => clause.test(each))) throw wrong('invalid syntax');
}
