/** Says in the words of Docker's daemon why a text is no JSON: only asked once JSON.parse has refused. */

/** Go's encoding/json goes no deeper. */
const MAX_DEPTH = 10_000;
// what is right is read over at once: a text may be long, and everybody waits
const SPACE = /[ \t\r\n]+/y;
/** Of a string: all but quotes, backslashes and control characters. */
const PLAIN = /[ !#-[\]-\uffff]+/y;
/** As far as what follows is certainly none of it. */
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?=[^-+.eE0-9])/y;
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

class Stop extends Error {}

export function explainSyntax(text: string): string {
  const scanner = new Scanner(text);
  try {
    scanner.document();
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    return error.message;
  }
  return 'unexpected EOF';
}

class Scanner {
  readonly #text: string;
  #at = 0;
  /** The brackets that are open. No recursion: how deep it goes is the client's choice. */
  readonly #open: ('{' | '[')[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value();
    while (this.#open.length > 0) {
      const open = this.#open.at(-1)!;
      const character = this.#next();
      if (character === ',') {
        this.#at++;
        if (open === '{') this.#key();
        this.#value();
      } else if (character === (open === '{' ? '}' : ']')) {
        this.#at++;
        this.#open.pop();
      } else {
        this.#refuse(open === '{' ? 'after object key:value pair' : 'after array element');
      }
    }
  }

  /** Up to the end of a value, or to where an object or array holds its first. */
  #value(): void {
    for (;;) {
      const character = this.#next();
      if (character === '{' || character === '[') {
        if (this.#open.length >= MAX_DEPTH) this.#refuse('exceeded max depth');
        this.#at++;
        if (this.#next() === (character === '{' ? '}' : ']')) return void this.#at++;
        this.#open.push(character);
        if (character === '{') this.#key();
      } else if (character === '"') {
        return this.#string();
      } else if (LITERALS[character] !== undefined) {
        return this.#literal(LITERALS[character]);
      } else if (character === '-' || (character >= '0' && character <= '9')) {
        return this.#number();
      } else {
        this.#refuse('looking for beginning of value');
      }
    }
  }

  #key(): void {
    if (this.#next() !== '"') this.#refuse('looking for beginning of object key string');
    this.#string();
    if (this.#next() !== ':') this.#refuse('after object key');
    this.#at++;
  }

  #string(): void {
    for (this.#at++; ; this.#at++) {
      const character = this.#here();
      if (character === '"') return void this.#at++;
      if (character < ' ') this.#refuse('in string');
      if (character === '\\') this.#escape();
      else if (this.#skip(PLAIN)) this.#at--;
    }
  }

  #escape(): void {
    this.#at++;
    const character = this.#here();
    const length = character === 'u' ? 5 : 1;
    const escape = this.#text.slice(this.#at, this.#at + length);
    if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})$/.test(escape)) {
      if (escape.length < length && /^u[0-9a-fA-F]*$/.test(escape)) throw new Stop('unexpected EOF');
      throw new Stop(`invalid escape sequence \`\\${escape}\` in string`);
    }
    this.#at += length - 1;
  }

  #literal(word: string): void {
    for (let index = 0; index < word.length; index++, this.#at++) {
      if (this.#here() !== word[index]) this.#refuse(`in literal ${word} (expecting ${quote(word[index]!)})`);
    }
  }

  #number(): void {
    if (this.#skip(NUMBER)) return;
    if (this.#here() === '-') this.#at++;
    if (this.#here() === '0') this.#at++;
    else this.#digits();
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits();
    }
    if (this.#text[this.#at]?.toLowerCase() === 'e') {
      this.#at++;
      if (/[+-]/.test(this.#here())) this.#at++;
      this.#digits();
    }
  }

  #digits(): void {
    if (!/[0-9]/.test(this.#here())) this.#refuse('in numeric literal');
    while (/[0-9]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #next(): string {
    const character = this.#here();
    if (character > ' ') return character;
    this.#skip(SPACE);
    return this.#here();
  }

  #skip(what: RegExp): boolean {
    what.lastIndex = this.#at;
    const found = what.test(this.#text);
    if (found) this.#at = what.lastIndex;
    return found;
  }

  #here(): string {
    const character = this.#text[this.#at];
    if (character === undefined) throw new Stop('unexpected EOF');
    return character;
  }

  #refuse(where: string): never {
    throw new Stop(`invalid character ${quote(String.fromCodePoint(this.#text.codePointAt(this.#at)!))} ${where}`);
  }
}

const NAMED: Readonly<Record<string, string>> = {
  "'": "\\'",
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
  '\x07': '\\a',
};

/** As Go's `%q` of a character. */
function quote(character: string): string {
  const code = character.codePointAt(0)!;
  if (NAMED[character] !== undefined) return `'${NAMED[character]}'`;
  if (code < 0x80 && (code < 0x20 || code === 0x7f)) return `'\\x${code.toString(16).padStart(2, '0')}'`;
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S}]| /u.test(character)) return `'${character}'`;
  return code > 0xffff ? `'\\U${code.toString(16).padStart(8, '0')}'` : `'\\u${code.toString(16).padStart(4, '0')}'`;
}
