/**
 * The shell patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` is any run of characters, `?` any one, neither takes a
 * line feed; a backslash escapes `*`, `?` and itself. No regular expression: time is bounded, whatever the pattern.
 */
import { wrong } from './failure.ts';

/** So many comparisons of a pattern's place with a character before it is given up: some tenths of a second. */
const MAX_WORK = 5_000_000;

/** A literal character, or what stands for others. */
type Token = { readonly kind: 'char'; readonly char: string } | { readonly kind: 'any' } | { readonly kind: 'run' };

/** The shortest or longest beginning that the pattern matches is taken away. */
export function trimPrefix(value: string, pattern: string, longest: boolean): string {
  const end = new Matcher(parsePattern(pattern)).end(Array.from(value), 0, longest);
  return end === undefined ? value : Array.from(value).slice(end).join('');
}

/** The same at the end. */
export function trimSuffix(value: string, pattern: string, longest: boolean): string {
  const reversed = Array.from(value).toReversed();
  const end = new Matcher(parsePattern(pattern).toReversed()).end(reversed, 0, longest);
  return end === undefined ? value : reversed.slice(end).toReversed().join('');
}

/** The first match, or each, leftmost and longest, is replaced. The replacement is taken as it is. */
export function replacePattern(value: string, pattern: string, replacement: string, all: boolean): string {
  const chars = Array.from(value);
  const matcher = new Matcher(parsePattern(pattern));
  let out = '';
  let copied = 0;
  let previous = -1;
  for (let at = 0; at <= chars.length;) {
    const end = matcher.end(chars, at, true);
    // an empty match right after the one before is none
    if (end === undefined || (end === at && at === previous)) {
      at++;
      continue;
    }
    out += chars.slice(copied, at).join('') + replacement;
    copied = end;
    previous = end;
    if (!all) break;
    at = end === at ? at + 1 : end;
  }
  return out + chars.slice(copied).join('');
}

function parsePattern(pattern: string): Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === '*') tokens.push({ kind: 'run' });
    else if (char === '?') tokens.push({ kind: 'any' });
    else if (char !== '\\') tokens.push({ kind: 'char', char });
    else {
      const next = chars[++at];
      // those end a `${}` where they are not escaped
      if (next === '}' || next === '/' || next === '*' || next === '?' || next === '\\') tokens.push({ kind: 'char', char: next });
      else throw wrong(`invalid pattern (${pattern}) in substitution: invalid escape '\\${next ?? '\ufffd'}'`);
    }
  }
  return tokens;
}

class Matcher {
  readonly #tokens: readonly Token[];
  #work = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Where the shortest or longest match that begins at `from` ends; undefined where none does. */
  end(chars: readonly string[], from: number, longest: boolean): number | undefined {
    let active = this.#closure([0]);
    let found: number | undefined;
    for (let at = from; ; at++) {
      if (active.includes(this.#tokens.length)) {
        found = at;
        if (!longest) return found;
      }
      const char = chars[at];
      if (char === undefined || active.length === 0) return found;
      this.#work += active.length + 1;
      if (this.#work > MAX_WORK) throw wrong('pattern in substitution takes too long to match');
      const next: number[] = [];
      for (const place of active) {
        const token = this.#tokens[place];
        if (token === undefined) continue;
        if (token.kind === 'char') {
          if (token.char === char) next.push(place + 1);
        } else if (char !== '\n') next.push(token.kind === 'run' ? place : place + 1);
      }
      active = this.#closure(next);
    }
  }

  /** A `*` may also stand for nothing. Ascending, each once. */
  #closure(places: readonly number[]): number[] {
    const all: number[] = [];
    for (const place of places) {
      for (let at = place; ; at++) {
        if (all.at(-1) === undefined || all.at(-1)! < at) all.push(at);
        if (this.#tokens[at]?.kind !== 'run') break;
      }
    }
    return all;
  }
}
