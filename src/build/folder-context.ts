/** A folder of this machine as a build's context: a tar of it, without what its .dockerignore names. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { ignoreFileNames, readIgnoreFile } from './ignore/ignore-file.ts';
import { IgnorePatterns } from './ignore/patterns.ts';
import { pack } from './pack-folder.ts';

/** `dockerfile`: its path in the folder; it and the file that says what is left out are always sent. Throws as `pack`. */
export function folderContext(folder: string, dockerfile = 'Dockerfile'): AsyncIterable<Buffer> {
  return pack(folder, '.', leftOut(folder, dockerfile));
}

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
