/** Paths inside an image, as BuildKit makes them absolute: always clean, never above the root. */
import { posix } from 'node:path';

/** `path` below `folder`; absolute ones stand alone. No `/` at the end. */
export function absolute(folder: string, path: string): string {
  const joined = posix.join('/', posix.isAbsolute(path) ? '' : folder, path);
  return joined.length > 1 && joined.endsWith('/') ? joined.slice(0, -1) : joined;
}

/** As `absolute`; what ends in `/` or `/.`, or is empty or `.`, is a folder and ends in `/`. */
export function copyTarget(folder: string, path: string): string {
  const clean = absolute(folder, path);
  const isFolder = path === '' || path === '.' || path.endsWith('/') || path.endsWith('/.');
  return isFolder && clean !== '/' ? `${clean}/` : clean;
}

/** Whether filepath.Match sees anything but the name itself. */
export function hasWildcards(path: string): boolean {
  for (let at = 0; at < path.length; at++) {
    if (path[at] === '*' || path[at] === '?' || path[at] === '[') return true;
    if (path[at] === '\\') at++;
  }
  return false;
}
