import { statSync } from 'node:fs';

/** Tells whether a file is still the one, with the content, that it was: what is replaced has another. Undefined where there is none. */
export function fileStamp(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.ino}.${stat.mtimeMs}.${stat.size}`;
}
