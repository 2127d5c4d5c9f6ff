/** `.dockerignore`: its lines, and which file it is. */
import { posix } from 'node:path';

/** The patterns of a file's lines, as the builder takes them: comments out, cleaned, a leading `/` taken away. */
export function readIgnoreFile(text: string): string[] {
  const patterns: string[] = [];
  for (const line of (text.startsWith('\ufeff') ? text.slice(1) : text).split('\n')) {
    if (line.startsWith('#')) continue;
    const written = line.trim();
    const exception = written.startsWith('!');
    const pattern = clean(exception ? written.slice(1).trim() : written);
    if (exception) patterns.push(`!${pattern}`);
    else if (pattern !== '') patterns.push(pattern);
  }
  return patterns;
}

function clean(pattern: string): string {
  if (pattern === '') return '';
  const normal = posix.normalize(pattern);
  const bare = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
  return bare.length > 1 && bare.startsWith('/') ? bare.slice(1) : bare;
}

/** The names that are looked for, the first that is there counts: `Dockerfile.dockerignore` beside the Dockerfile, then the context's own. */
export function ignoreFileNames(dockerfile: string): readonly string[] {
  return [`${dockerfile}.dockerignore`, '.dockerignore'];
}
