/**
 * Variables in a Dockerfile's words: `$name`, `${name}` with every modifier, quotes and escapes, as BuildKit's shell
 * lexer reads them. Values are put in as they are: nothing in them is expanded again.
 */
import { EngineError } from '../../base/errors.ts';
import { wrong } from './failure.ts';
import { replacePattern, trimPrefix, trimSuffix } from './pattern.ts';
import { goQuote } from '../../base/go-quote.ts';
import { findSpace } from './text.ts';

/** `${a:-${b:-…}}` goes no deeper. */
const MAX_DEPTH = 100;
/** A word gets no longer (characters): `ENV a=$a$a` again and again doubles each time. */
const MAX_LENGTH = 1 << 20;

export interface ExpandOptions {
  /** The `escape` directive's. */
  readonly escape: string;
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escape characters stay in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are characters as any other. */
  readonly plainQuotes?: boolean;
  /** What names an unset variable stays as it is written. */
  readonly keepUnset?: boolean;
  /** Gets the names that are not found, also where the word cannot be expanded. */
  readonly unmatched?: Set<string>;
}

export interface Expansion {
  readonly text: string;
  /** The text split at white space that is neither quoted nor escaped. */
  readonly words: readonly string[];
  /** Names that were looked up, found and not found. */
  readonly matched: ReadonlySet<string>;
  readonly unmatched: ReadonlySet<string>;
}

/** Throws `invalid` in BuildKit's words. */
export function expand(word: string, env: ReadonlyMap<string, string>, options: ExpandOptions): Expansion {
  const lexer = new Lexer(word, env, options);
  try {
    const { text, words } = lexer.until(undefined, options.rawEscapes === true);
    return { text, words, matched: lexer.matched, unmatched: lexer.unmatched };
  } catch (error) {
    if (error instanceof EngineError) throw wrong(`failed to process ${goQuote(word)}: ${error.message}`);
    throw error;
  }
}

class Words {
  readonly #done: string[] = [];
  #word = '';
  #inWord = false;

  /** Space ends a word. */
  split(text: string): void {
    for (let at = 0; at < text.length;) {
      const end = findSpace(text, at);
      if (end > at) this.raw(text.slice(at, end));
      if (end === text.length) return;
      if (this.#inWord && this.#word !== '') {
        this.#done.push(this.#word);
        this.#word = '';
        this.#inWord = false;
      }
      at = end + 1;
    }
  }

  raw(text: string): void {
    this.#word += text;
    this.#inWord = true;
  }

  all(): string[] {
    if (this.#word !== '') this.#done.push(this.#word);
    this.#word = '';
    return this.#done;
  }
}

class Lexer {
  readonly matched = new Set<string>();
  readonly unmatched: Set<string>;
  readonly #chars: readonly string[];
  readonly #env: ReadonlyMap<string, string>;
  readonly #options: ExpandOptions;
  #at = 0;
  #rawEscapes: boolean;
  #depth = 0;

  constructor(word: string, env: ReadonlyMap<string, string>, options: ExpandOptions) {
    this.#chars = Array.from(word);
    this.#env = env;
    this.#options = options;
    this.unmatched = options.unmatched ?? new Set();
    this.#rawEscapes = options.rawEscapes === true;
  }

  /** Up to the character `stop`, which is taken too; to the end where it is undefined. */
  until(stop: string | undefined, rawEscapes: boolean): { readonly text: string; readonly words: string[] } {
    if (++this.#depth > MAX_DEPTH) throw wrong('syntax error: substitutions are nested too deeply');
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    const out = new Words();
    let text = '';
    for (let char = this.#peek(); ; char = this.#peek()) {
      if (char === undefined) {
        if (stop !== undefined) throw wrong(`unexpected end of statement while looking for matching ${stop}`);
        break;
      }
      if (char === stop) {
        this.#at++;
        break;
      }
      if (char === '$') {
        const value = this.#dollar();
        text += value;
        out.split(value);
      } else if (!this.#options.plainQuotes && (char === "'" || char === '"')) {
        const value = char === "'" ? this.#singleQuoted() : this.#doubleQuoted();
        text += value;
        out.raw(value);
      } else {
        this.#at++;
        if (char !== this.#options.escape) {
          text += char;
          out.split(char);
        } else {
          if (this.#rawEscapes) {
            text += char;
            out.raw(char);
          }
          const next = this.#next();
          if (next !== undefined) {
            text += next;
            out.raw(next);
          } else if (stop === undefined) break;
        }
      }
      if (text.length > MAX_LENGTH) throw wrong('value grew too long');
    }
    this.#rawEscapes = outer;
    this.#depth--;
    return { text, words: out.all() };
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string | undefined {
    return this.#chars[this.#at++];
  }

  #singleQuoted(): string {
    const quote = this.#options.rawQuotes ? "'" : '';
    let text = quote;
    this.#at++;
    for (let char = this.#next(); char !== "'"; char = this.#next()) {
      if (char === undefined) throw wrong('unexpected end of statement while looking for matching single-quote');
      text += char;
    }
    return text + quote;
  }

  #doubleQuoted(): string {
    const quote = this.#options.rawQuotes ? '"' : '';
    let text = quote;
    this.#at++;
    for (let char = this.#peek(); ; char = this.#peek()) {
      if (char === undefined) throw wrong('unexpected end of statement while looking for matching double-quote');
      if (text.length > MAX_LENGTH) throw wrong('value grew too long');
      if (char === '$') {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (char === '"') return text + quote;
      if (char === this.#options.escape) {
        if (this.#rawEscapes) text += char;
        const next = this.#peek();
        if (next === undefined) continue;
        // only these can be escaped here; before anything else the escape character is one as any other
        if (next === '"' || next === '$' || next === this.#options.escape) {
          text += next;
          this.#at++;
          continue;
        }
      }
      text += char;
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      if (name === '') return '$';
      const value = this.#look(name);
      return value === undefined && this.#options.keepUnset ? `$${name}` : (value ?? '');
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw wrong("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw wrong('syntax error: bad substitution');
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === '}') {
      const value = this.#look(name);
      return value === undefined && this.#options.keepUnset ? `\${${name}}` : (value ?? '');
    }
    if (modifier === '/') return this.#replace(name);
    return this.#modify(name, modifier);
  }

  #modify(name: string, first: string | undefined): string {
    const emptyIsUnset = first === ':';
    const operator = emptyIsUnset ? this.#next() : first;
    const written = `${first ?? '\ufffd'}${emptyIsUnset ? (operator ?? '\ufffd') : ''}`;
    if (!emptyIsUnset && (operator === undefined || !'+-?#%'.includes(operator))) throw wrong(`unsupported modifier (${written}) in substitution`);
    const word = this.#rest('}', operator === '#' || operator === '%', "syntax error: missing '}'");
    const value = this.#look(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${written}${word}}`;
    const missing = value === undefined || (emptyIsUnset && value === '');
    switch (operator) {
      case '-':
        return missing ? word : value;
      case '+':
        return missing ? '' : word;
      case '?':
        if (!missing) return value;
        throw wrong(`${name}: ${word !== '' ? word : value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty'}`);
      case '#':
      case '%': {
        const longest = word.startsWith(operator);
        const pattern = longest ? word.slice(1) : word;
        return operator === '#' ? trimPrefix(value ?? '', pattern, longest) : trimSuffix(value ?? '', pattern, longest);
      }
      default:
        throw wrong(`unsupported modifier (${written}) in substitution`);
    }
  }

  #replace(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#rest('/', true, "syntax error: missing '/' in ${}");
    const replacement = this.#rest('}', true, "syntax error: missing '}'");
    const value = this.#look(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return replacePattern(value ?? '', pattern, replacement, all);
  }

  /** What is in `${}` up to `stop`; `missing` is the message where the word ends before it. */
  #rest(stop: string, rawEscapes: boolean, missing: string): string {
    try {
      return this.until(stop, rawEscapes).text;
    } catch (error) {
      if (this.#peek() === undefined) throw wrong(missing);
      throw error;
    }
  }

  /** A name, digits alone, or one of the special parameters; empty where there is none. */
  #name(): string {
    const first = this.#peek();
    if (first !== undefined && '@*#?-$!'.includes(first)) {
      this.#at++;
      return first;
    }
    const pattern = first !== undefined && /\p{Nd}/u.test(first) ? /^\p{Nd}$/u : /^[\p{L}\p{Nd}_]$/u;
    let name = '';
    for (let char = this.#peek(); char !== undefined && pattern.test(char); char = this.#peek()) {
      name += char;
      this.#at++;
    }
    return name;
  }

  #look(name: string): string | undefined {
    const value = this.#env.get(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}
