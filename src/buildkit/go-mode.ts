/** File modes as Go's os.FileMode writes them, and as Unix does. */

const GO_DIR = 2 ** 31;
export const GO_SYMLINK = 2 ** 27;
const GO_DEVICE = 2 ** 26;
const GO_PIPE = 2 ** 25;
const GO_SOCKET = 2 ** 24;
const GO_SETUID = 2 ** 23;
const GO_SETGID = 2 ** 22;
const GO_CHAR_DEVICE = 2 ** 21;
const GO_STICKY = 2 ** 20;
const GO_IRREGULAR = 2 ** 19;

export type FileKind = 'file' | 'directory' | 'symlink' | 'other';

export function kindOf(mode: number): FileKind {
  if (has(mode, GO_DIR)) return 'directory';
  if (has(mode, GO_SYMLINK)) return 'symlink';
  const special = [GO_DEVICE, GO_PIPE, GO_SOCKET, GO_CHAR_DEVICE, GO_IRREGULAR];
  return special.some((bit) => has(mode, bit)) ? 'other' : 'file';
}

/** The twelve bits of Unix. */
export function permissions(mode: number): number {
  return (mode & 0o777) | (has(mode, GO_SETUID) ? 0o4000 : 0) | (has(mode, GO_SETGID) ? 0o2000 : 0) | (has(mode, GO_STICKY) ? 0o1000 : 0);
}

/** From a kind and the twelve bits of Unix. */
export function goMode(kind: FileKind, mode: number): number {
  let bits = mode & 0o777;
  if (mode & 0o4000) bits += GO_SETUID;
  if (mode & 0o2000) bits += GO_SETGID;
  if (mode & 0o1000) bits += GO_STICKY;
  if (kind === 'directory') bits += GO_DIR;
  if (kind === 'symlink') bits += GO_SYMLINK;
  return bits;
}

function has(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}
