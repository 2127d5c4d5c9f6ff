/**
 * Patterns of file names: `*`, `?`, `[a-z]`, `[^a]`, `\x` as Go's filepath.Match has them, and with `**` as `.dockerignore`
 * does. Matched by keeping all places of the pattern at once, so that no pattern takes more than its length per character.
 */
import { invalid } from '../../base/errors.ts';

/** No path is longer, so no pattern need be (characters). */
const MAX_PATTERN = 4096;

type Token =
  | { readonly kind: 'char'; readonly char: string }
  /** Any but `/`. */
  | { readonly kind: 'one' }
  /** Any number of those. */
  | { readonly kind: 'some' }
  /** Anything, `/` too. */
  | { readonly kind: 'all' }
  /** Nothing, or any folders with the `/` behind them. `within`: some of it was read. */
  | { readonly kind: 'folders'; readonly within: boolean }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [low: string, high: string])[] };

/** filepath.Match: `pattern` matches the whole of `name`. Throws `invalid` for a malformed pattern. */
export function globMatches(pattern: string, name: string): boolean {
  return run(parse(pattern, false), name);
}

/** Throws `invalid` in Go's words for a pattern that filepath.Match would not take. */
export function checkGlob(pattern: string): void {
  parse(pattern, false);
}

/** A pattern of `.dockerignore`, cleaned, that is used again and again. */
export class Wild {
  readonly #test: (path: string, orParent: boolean) => boolean;

  /** Throws `invalid` for a malformed pattern. */
  constructor(pattern: string) {
    const tokens = parse(pattern, true);
    const special = tokens.filter(({ kind }) => kind !== 'char').length;
    const plain = !pattern.includes('\\');
    // as moby: `**` before a plain name is any beginning, even in the middle of a name
    const suffix = pattern.slice(2);
    if (special === 0) this.#test = (path, orParent) => begins(path, text(tokens), orParent);
    else if (pattern.startsWith('**') && plain && !/[*?[\]]/.test(suffix)) {
      const bare = suffix.startsWith('/') ? suffix.slice(1) : undefined;
      this.#test = (path, orParent) =>
        path.endsWith(suffix) || (orParent && path.includes(`${suffix}/`)) || (bare !== undefined && begins(path, bare, orParent));
    } else if (pattern.endsWith('**') && plain && special === 1) this.#test = (path) => path.startsWith(pattern.slice(0, -2));
    else this.#test = (path, orParent) => run(tokens, path, orParent);
  }

  matches(path: string): boolean {
    return this.#test(path, false);
  }

  /** The path, or a folder above it. */
  matchesOrParent(path: string): boolean {
    return this.#test(path, true);
  }
}

function begins(path: string, name: string, orParent: boolean): boolean {
  return path === name || (orParent && path.startsWith(`${name}/`));
}

function text(tokens: readonly Token[]): string {
  return tokens.map((token) => (token.kind === 'char' ? token.char : '')).join('');
}

function parse(pattern: string, folders: boolean): Token[] {
  if (pattern.length > MAX_PATTERN) throw invalid('pattern is too long');
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === '*' && folders && chars[at + 1] === '*') {
      at += chars[at + 2] === '/' ? 2 : 1;
      if (at + 1 < chars.length) tokens.push({ kind: 'folders', within: false }, { kind: 'folders', within: true });
      else tokens.push({ kind: 'all' });
    } else if (char === '*') tokens.push({ kind: 'some' });
    else if (char === '?') tokens.push({ kind: 'one' });
    else if (char === '[') {
      const { token, end } = parseClass(chars, at + 1);
      tokens.push(token);
      at = end;
    } else if (char === '\\') {
      const next = chars[++at];
      if (next === undefined) throw malformed();
      tokens.push({ kind: 'char', char: next });
    } else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

function parseClass(chars: readonly string[], from: number): { readonly token: Token; readonly end: number } {
  const negated = chars[from] === '^';
  let at = negated ? from + 1 : from;
  const ranges: [string, string][] = [];
  const one = (): string => {
    if (chars[at] === undefined || chars[at] === '-' || chars[at] === ']') throw malformed();
    if (chars[at] === '\\') at++;
    const char = chars[at++];
    if (char === undefined || at >= chars.length) throw malformed();
    return char;
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = one();
    let high = low;
    if (chars[at] === '-') {
      at++;
      high = one();
    }
    ranges.push([low, high]);
  }
  return { token: { kind: 'class', negated, ranges }, end: at };
}

function malformed(): Error {
  return invalid('syntax error in pattern');
}

function run(tokens: readonly Token[], path: string, orParent = false): boolean {
  let active = closure(tokens, [0]);
  for (const char of path) {
    if (orParent && char === '/' && active.at(-1) === tokens.length) return true;
    const next: number[] = [];
    for (const at of active) {
      const token = tokens[at];
      if (token !== undefined) step(token, char, at, next);
    }
    if (next.length === 0) return false;
    active = closure(tokens, next);
  }
  return active.at(-1) === tokens.length;
}

/** The places after `char` was read at one; ascending. */
function step(token: Token, char: string, at: number, next: number[]): void {
  switch (token.kind) {
    case 'char':
      if (token.char === char) next.push(at + 1);
      break;
    case 'one':
      if (char !== '/') next.push(at + 1);
      break;
    case 'some':
      if (char !== '/') next.push(at);
      break;
    case 'all':
      next.push(at);
      break;
    case 'folders': {
      const within = token.within ? at : at + 1;
      next.push(within);
      if (char === '/') next.push(within + 1);
      break;
    }
    case 'class':
      if (token.ranges.some(([low, high]) => low <= char && char <= high) !== token.negated) next.push(at + 1);
      break;
  }
}

/** With the places that are reached without a character. Ascending, each once; `places` need not be. */
function closure(tokens: readonly Token[], places: readonly number[]): number[] {
  const seen = new Uint8Array(tokens.length + 1);
  for (const place of places) {
    for (let at = place; seen[at] === 0;) {
      seen[at] = 1;
      const token = tokens[at];
      if (token?.kind === 'some' || token?.kind === 'all') at++;
      else if (token?.kind === 'folders' && !token.within) at += 2;
      else break;
    }
  }
  const all: number[] = [];
  for (let at = seen.indexOf(1); at !== -1; at = seen.indexOf(1, at + 1)) all.push(at);
  return all;
}
