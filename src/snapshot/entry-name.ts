/**
 * Where an entry of a layer's archive belongs: one rule for all drivers. Names are bytes, kept here as latin1 strings (one
 * character a byte), without slashes at their ends; the root is ''.
 *
 * As Docker does: names are cleaned as text before any link is looked at; a leading slash means nothing; a name that
 * climbs out is refused. Whiteouts are told by their names, whatever type the entry has (OCI image-spec, layer.md).
 */
import { invalid } from '../base/errors.ts';
import { quote } from '../tar/numbers.ts';

export type Place =
  | { readonly kind: 'entry'; readonly path: string }
  /** Hides what layers below have at the path. */
  | { readonly kind: 'whiteout'; readonly path: string }
  /** Hides what layers below have in the folder. */
  | { readonly kind: 'opaque'; readonly path: string }
  /** AUFS's own files. */
  | { readonly kind: 'skip' };

const WHITEOUT = '.wh.';
const META = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';
/** The longest name of one file that any file system takes, in bytes. */
const NAME_MAX = 255;
/** PATH_MAX without the NUL and the leading slash. */
const PATH_MAX = 4094;

/** A part that is empty, `.` or `..`. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** A cleaned path from bytes of an archive. Throws `invalid` for one that climbs out or that no file system takes. */
export function cleanPath(name: Buffer): string {
  const text = name.toString('latin1').replace(/\/$/, '');
  if (text.length <= NAME_MAX && !UNCLEAN.test(text)) return text;
  const out: string[] = [];
  for (const part of text.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (out.pop() === undefined) throw invalid(`invalid archive: ${quote(name)} is outside of the layer`);
    } else {
      if (part.length > NAME_MAX) throw invalid(`invalid archive: ${quote(name)}: file name too long`);
      out.push(part);
    }
  }
  const path = out.join('/');
  if (path.length > PATH_MAX) throw invalid(`invalid archive: ${quote(name)}: file name too long`);
  return path;
}

export function placeEntry(name: Buffer): Place {
  const path = cleanPath(name);
  if (!path.includes(WHITEOUT)) return { kind: 'entry', path };
  const parts = path.split('/');
  const base = parts.pop()!;
  if (parts.some((part) => part.startsWith(META))) return { kind: 'skip' };
  if (parts.some((part) => part.startsWith(WHITEOUT))) throw invalid(`invalid archive: ${quote(name)} is in a folder whose name is a whiteout's`);
  if (!base.startsWith(WHITEOUT)) return { kind: 'entry', path };
  const folder = parts.join('/');
  if (base === OPAQUE) return { kind: 'opaque', path: folder };
  if (base.startsWith(META)) return { kind: 'skip' };
  const hidden = base.slice(WHITEOUT.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw invalid(`invalid archive: ${quote(name)} is no whiteout of anything`);
  return { kind: 'whiteout', path: folder === '' ? hidden : `${folder}/${hidden}` };
}

/** The folder of a path, and its last part. */
export function splitPath(path: string): [folder: string, base: string] {
  const slash = path.lastIndexOf('/');
  return slash === -1 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)];
}
