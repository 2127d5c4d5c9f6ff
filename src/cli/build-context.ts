/** A build's context on this machine: a folder, without what its .dockerignore names; a file or a stream as it is. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path/posix';
import { invalid } from '../base/errors.ts';
import { ignoreFileNames, readIgnoreFile } from '../build/ignore/ignore-file.ts';
import { IgnorePatterns } from '../build/ignore/patterns.ts';
import type { ContextSource } from '../engine/builds-contract.ts';
import type { CliContext } from './context.ts';
import { pack } from './pack.ts';

/** `path` is a folder, a URL, or `-` for standard input. Throws `invalid` for what is none of these. */
export function contextOf(context: Pick<CliContext, 'stdin' | 'cwd'>, path: string, dockerfile = 'Dockerfile'): ContextSource {
  if (path === '-') return { kind: 'tar', bytes: context.stdin as AsyncIterable<Uint8Array> };
  if (/^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(path)) return { kind: 'remote', url: path };
  if (path.startsWith('docker-image://')) return { kind: 'image', name: path.slice('docker-image://'.length) };
  const folder = path.startsWith('/') ? path : join(context.cwd, path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw invalid(`unable to prepare context: path ${JSON.stringify(path)} not found`);
  return { kind: 'tar', bytes: pack(folder, '.', leftOut(folder, dockerfile)) };
}

/** What is not sent; the Dockerfile and the file that says so always are. */
function leftOut(folder: string, dockerfile: string): ((path: string) => boolean | 'below') | undefined {
  const names = ignoreFileNames(dockerfile);
  for (const name of names) {
    const text = textOf(join(folder, name));
    if (text === undefined) continue;
    const patterns = readIgnoreFile(text);
    const known = new IgnorePatterns(patterns);
    const needed = new Set([dockerfile, ...names]);
    // below what is left out something may be taken back, or needed
    const deep = patterns.some((pattern) => pattern.startsWith('!'));
    const above = (path: string) => [...needed].some((each) => each.startsWith(`${path}/`));
    return (path) => {
      if (needed.has(path) || !known.matches(path)) return false;
      return deep || above(path) ? true : 'below';
    };
  }
  return undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
