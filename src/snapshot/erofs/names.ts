/** Names in an archive as parts, without a JavaScript string: they may be any bytes. */
import { invalid } from '../../base/errors.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

/** Starts and ends of a name's parts, in pairs. */
export type Parts = readonly number[];

/**
 * The parts of a name, lexically cleaned as Docker does it: from the root whether it begins with a slash or not, `.`
 * and empty parts left out, `..` takes a part back. Throws `invalid` for one that climbs out.
 */
export function cleanName(name: Buffer): Parts {
  const parts: number[] = [];
  for (let start = 0; start <= name.length;) {
    let end = name.indexOf(SLASH, start);
    if (end < 0) end = name.length;
    const length = end - start;
    if (length === 2 && name[start] === DOT && name[start + 1] === DOT) {
      if (parts.length === 0) throw invalid(`the archive has a name that climbs out: ${show(name)}`);
      parts.length -= 2;
    } else if (length > 255) {
      throw invalid(`the archive has a name of more than 255 bytes: ${show(name)}`);
    } else if (length > 1 || (length === 1 && name[start] !== DOT)) {
      parts.push(start, end);
    }
    start = end + 1;
  }
  return parts;
}

export function isDots(name: Buffer, start: number, end: number): boolean {
  const length = end - start;
  return length === 0 || (length <= 2 && name[start] === DOT && (length === 1 || name[start + 1] === DOT));
}

/** For an error's sentence. */
export function show(name: Buffer): string {
  const text = name.toString();
  return JSON.stringify(text.length > 128 ? `${text.slice(0, 128)}…` : text);
}
