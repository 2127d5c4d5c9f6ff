/** A build's context on this machine: a folder, without what its .dockerignore names; a file or a stream as it is. */
import { statSync } from 'node:fs';
import { join } from 'node:path/posix';
import { invalid } from '../base/errors.ts';
import { folderContext } from '../build/folder-context.ts';
import type { ContextSource } from '../engine/builds-contract.ts';
import type { CliContext } from './context.ts';

/** `path` is a folder, a URL, or `-` for standard input. Throws `invalid` for what is none of these. */
export function contextOf(context: Pick<CliContext, 'stdin' | 'cwd'>, path: string, dockerfile = 'Dockerfile'): ContextSource {
  if (path === '-') return { kind: 'tar', bytes: context.stdin as AsyncIterable<Uint8Array> };
  if (/^(https?|git|ssh):\/\/|^git@|^github\.com\//.test(path)) return { kind: 'remote', url: path };
  if (path.startsWith('docker-image://')) return { kind: 'image', name: path.slice('docker-image://'.length) };
  const folder = path.startsWith('/') ? path : join(context.cwd, path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw invalid(`unable to prepare context: path ${JSON.stringify(path)} not found`);
  return { kind: 'tar', bytes: folderContext(folder, dockerfile) };
}
