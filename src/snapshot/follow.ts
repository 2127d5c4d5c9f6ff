import { invalid } from '../base/errors.ts';
import { quote } from '../tar/numbers.ts';

/** As the kernel: a path may lead through so many symbolic links, all its parts together. */
const MAX_LINKS = 40;

/** A layer's folders as a driver knows them. `At` is one of them. */
export interface Folders<At> {
  readonly root: At;
  parent(folder: At): At;
  /** What a folder has under a name: a folder, where a symbolic link leads to (latin1), or anything else. */
  look(folder: At, name: string): { readonly folder: At } | { readonly link: string } | undefined;
}

/** A path on its way: how many links it has led through. */
export interface Walk {
  links: number;
}

/**
 * Where one part of a path leads to from a folder, with links followed inside of the layer only. `make` makes the folder
 * that is missing, or in the way of which something else is; without it the answer is undefined then.
 */
export function follow<At>(folders: Folders<At>, start: At, part: string, walk: Walk, make?: (folder: At, name: string) => At): At | undefined {
  let at = start;
  const rest = [part];
  while (rest.length > 0) {
    const name = rest.pop()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = folders.parent(at);
      continue;
    }
    const found = folders.look(at, name);
    if (found === undefined) {
      if (make === undefined) return undefined;
      at = make(at, name);
    } else if ('folder' in found) at = found.folder;
    else {
      if (++walk.links > MAX_LINKS) throw invalid(`invalid archive: ${quote(Buffer.from(part, 'latin1'))}: too many levels of symbolic links`);
      if (found.link.startsWith('/')) at = folders.root;
      rest.push(...found.link.split('/').toReversed());
    }
  }
  return at;
}
