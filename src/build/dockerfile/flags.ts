/** The `--flags` between an instruction's name and its arguments. */
import { wrong } from './failure.ts';
import { findSpace, isSpace, skipSpace, splitBlanks, trimSpace } from './text.ts';
import { withSuggestion } from './suggest.ts';

/** A line in its parts. The keyword is as it is written. */
export interface SplitLine {
  readonly keyword: string;
  readonly flags: readonly string[];
  readonly rest: string;
}

export function splitLine(line: string): SplitLine {
  const [keyword = '', after] = splitBlanks(trimSpace(line), 2);
  if (after === undefined) return { keyword, flags: [], rest: '' };
  const { flags, rest } = takeFlags(after);
  return { keyword, flags, rest: trimSpace(rest) };
}

/** Words that begin with `--`, quotes and backslashes taken away; a word `--` ends them. */
function takeFlags(text: string): { readonly flags: string[]; readonly rest: string } {
  const flags: string[] = [];
  for (let at = skipSpace(text); at < text.length; at = skipSpace(text, at)) {
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    if (findSpace(text, at) === at + 2) return { flags, rest: text.slice(at + 2) };
    const { word, end } = takeWord(text, at);
    if (word !== '--') flags.push(word);
    at = end;
  }
  return { flags, rest: '' };
}

function takeWord(text: string, from: number): { readonly word: string; readonly end: number } {
  let word = '';
  let quote = '';
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (quote === '' && isSpace(char)) break;
    if (char === '\\') {
      // at the very end of the line it is dropped
      if (at + 1 < text.length) word += text[++at]!;
    } else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    else word += char;
  }
  return { word, end: at };
}

/** Of each flag that an instruction takes, what it is. */
export type FlagKinds = Readonly<Record<string, 'bool' | 'string' | 'list'>>;

/** The flags that were given. */
export class Flags {
  readonly #given = new Map<string, string[]>();

  /** Throws `invalid` in BuildKit's words for what is no flag, given twice, or has no value. */
  constructor(words: readonly string[], kinds: FlagKinds) {
    for (const word of words) {
      const equals = word.indexOf('=');
      const name = word.slice(2, equals === -1 ? undefined : equals);
      const value = equals === -1 ? undefined : word.slice(equals + 1);
      const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      if (kind === undefined) throw wrong(withSuggestion(`unknown flag: --${name}`, name, Object.keys(kinds)));
      const given = this.#given.get(name) ?? [];
      if (given.length > 0 && kind !== 'list') throw wrong(`duplicate flag specified: --${name}`);
      this.#given.set(name, given);
      if (kind !== 'bool') {
        if (value === undefined) throw wrong(`missing a value on flag: --${name}`);
        given.push(value);
        continue;
      }
      if (value === '') throw wrong(`missing a value on flag: --${name}`);
      const lower = (value ?? 'true').toLowerCase();
      if (lower !== 'true' && lower !== 'false') throw wrong(`expecting boolean value for flag --${name}, not: ${value}`);
      given.push(lower);
    }
  }

  text(name: string): string {
    return this.#given.get(name)?.[0] ?? '';
  }

  /** Undefined where it is not given. */
  bool(name: string): boolean | undefined {
    const value = this.#given.get(name)?.[0];
    return value === undefined ? undefined : value === 'true';
  }

  list(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }
}
