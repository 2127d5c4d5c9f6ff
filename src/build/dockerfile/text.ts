/** Go's idea of white space, quoting and case, which the Dockerfile's grammar is written with. */
import { goQuote } from '../../base/go-quote.ts';

/** unicode.IsSpace */
export function isSpace(char: string): boolean {
  const code = char.charCodeAt(0);
  if (code < 0x80) return (code >= 9 && code <= 13) || code === 32;
  return code === 0x85 || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || SPACES.has(code);
}
const SPACES = new Set([0x2028, 0x2029, 0x202f, 0x205f, 0x3000]);

/** The index of the first character from `at` on that is no space. */
export function skipSpace(text: string, at = 0): number {
  let index = at;
  while (index < text.length && isSpace(text[index]!)) index++;
  return index;
}

/** The index of the first space from `at` on; the length where there is none. */
export function findSpace(text: string, at = 0): number {
  let index = at;
  while (index < text.length && !isSpace(text[index]!)) index++;
  return index;
}

/** strings.TrimSpace */
export function trimSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1]!)) end--;
  return text.slice(Math.min(skipSpace(text), end), end);
}

/** What separates words within a line; unlike `isSpace`, a line feed is none. */
function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\v' || char === '\f' || char === '\r';
}

/** Split at runs of blanks, into at most `limit` parts. Leading blanks make an empty first part. */
export function splitBlanks(text: string, limit = Infinity): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length && parts.length < limit - 1; at++) {
    if (!isBlank(text[at]!)) continue;
    parts.push(text.slice(start, at));
    while (at + 1 < text.length && isBlank(text[at + 1]!)) at++;
    start = at + 1;
  }
  parts.push(text.slice(start));
  return parts;
}

/** Go's %q of a list of strings. */
export function goQuoteAll(words: readonly string[]): string {
  return `[${words.map((word) => goQuote(word)).join(' ')}]`;
}

/** Text before and after the first `separator`; undefined where there is none. */
export function cut(text: string, separator: string): readonly [before: string, after: string] | undefined {
  const at = text.indexOf(separator);
  return at === -1 ? undefined : [text.slice(0, at), text.slice(at + separator.length)];
}

/** Bytes in UTF-8 decide, as Go's sort does. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** A record with its names in the order in which Go writes a map: the same input makes the same document. */
export function sortedRecord<T, R>(map: ReadonlyMap<string, T>, to: (value: T) => R): Record<string, R> {
  return Object.fromEntries([...map].toSorted(([a], [b]) => compareBytes(a, b)).map(([name, value]) => [name, to(value)]));
}
