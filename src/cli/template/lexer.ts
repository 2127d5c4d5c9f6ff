/** Cuts a template into tokens, as Go's text/template does, and with its words for what is wrong. */

export type TokenKind =
  | 'error'
  | 'eof'
  | 'text'
  | 'left'
  | 'right'
  | 'space'
  | 'assign'
  | 'declare'
  | 'pipe'
  | 'string'
  | 'rawString'
  | 'charConstant'
  | 'number'
  | 'dot'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'bool'
  | 'nil'
  | 'keyword'
  | 'leftParen'
  | 'rightParen'
  | 'char';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly pos: number;
  readonly line: number;
}

const KEYWORDS = new Set(['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with']);
const SPACE = /[ \t\r\n]/;
const ALPHANUMERIC = /[\p{L}\p{Nd}_]/u;
/** A number as it may begin: what follows must be no letter. */
const NUMBER = /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[bB][01_]*|0[oO][0-7_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)/y;

/** U+0023 '#', as Go names a character. */
function named(char: string): string {
  return char === '' ? 'U+FFFFFFFFFFFFFFFF' : `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${char}'`;
}

/** The tokens one after another; the last is `eof` or `error`. */
export function* tokens(input: string): Generator<Token, void> {
  let pos = 0;
  let line = 1;
  const token = (kind: TokenKind, end: number, text = input.slice(pos, end)): Token => {
    const made = { kind, text, pos, line };
    for (let i = pos; i < end; i++) if (input.charCodeAt(i) === 10) line++;
    pos = end;
    return made;
  };
  const error = (text: string): Token => ({ kind: 'error', text, pos, line });
  const at = (index: number) => (index < input.length ? String.fromCodePoint(input.codePointAt(index)!) : '');
  const rightDelimiter = (index: number): number => {
    if (input.startsWith('}}', index)) return 2;
    return SPACE.test(at(index)) && input.startsWith('-}}', index + 1) ? 4 : 0;
  };
  /** Ends a field or a name. */
  const terminates = (index: number) => {
    const char = at(index);
    return char === '' || SPACE.test(char) || '.,|:()'.includes(char) || input.startsWith('}}', index);
  };
  const wordEnd = (from: number) => {
    let end = from;
    for (let char = at(end); char !== '' && ALPHANUMERIC.test(char); char = at(end)) end += char.length;
    return end;
  };
  /** Text up to an unescaped quote. */
  const quoted = (quote: string) => {
    for (let i = pos + 1; i < input.length && input[i] !== '\n'; i++) {
      if (input[i] === '\\') {
        if (input[++i] === '\n') return undefined;
      } else if (input[i] === quote) return i + 1;
    }
    return undefined;
  };

  for (let trim = false; ;) {
    // text
    const left = input.indexOf('{{', pos);
    let end = left < 0 ? input.length : left;
    const start = trim ? pos + input.slice(pos, end).length - input.slice(pos, end).replace(/^[ \t\r\n]+/, '').length : pos;
    token('text', start);
    const trimLeft = left >= 0 && input[left + 2] === '-' && SPACE.test(input[left + 3] ?? '');
    const text = trimLeft ? input.slice(start, end).replace(/[ \t\r\n]+$/, '') : input.slice(start, end);
    if (text !== '') yield token('text', start + text.length);
    token('text', end);
    trim = false;
    if (left < 0) return yield token('eof', pos);

    // a comment is no token
    const inside = left + (trimLeft ? 4 : 2);
    if (input.startsWith('/*', inside)) {
      const close = input.indexOf('*/', inside + 2);
      if (close < 0) return yield error('unclosed comment');
      const delimiter = rightDelimiter(close + 2);
      if (delimiter === 0) return yield error('comment ends before closing delimiter');
      token('text', close + 2 + delimiter);
      trim = delimiter === 4;
      continue;
    }
    yield token('left', left + 2);
    token('space', inside);

    let depth = 0;
    for (;;) {
      const char = at(pos);
      const delimiter = rightDelimiter(pos);
      if (delimiter > 0) {
        if (depth > 0) return yield error('unclosed left paren');
        if (delimiter === 4) token('space', pos + 2);
        yield token('right', pos + 2);
        trim = delimiter === 4;
        break;
      }
      if (char === '') return yield error('unclosed action');
      if (SPACE.test(char)) {
        end = pos;
        // the space of a closing trim marker belongs to that
        while (SPACE.test(at(end)) && rightDelimiter(end) !== 4) end++;
        yield token('space', end);
      } else if (char === '=') yield token('assign', pos + 1);
      else if (char === ':') {
        if (at(pos + 1) !== '=') return yield error('expected :=');
        yield token('declare', pos + 2);
      } else if (char === '|') yield token('pipe', pos + 1);
      else if (char === '"' || char === "'") {
        const close = quoted(char);
        if (close === undefined) return yield error(char === '"' ? 'unterminated quoted string' : 'unterminated character constant');
        yield token(char === '"' ? 'string' : 'charConstant', close);
      } else if (char === '`') {
        const close = input.indexOf('`', pos + 1);
        if (close < 0) return yield error('unterminated raw quoted string');
        yield token('rawString', close + 1);
      } else if (char === '$' || (char === '.' && !/[0-9]/.test(at(pos + 1)))) {
        const kind = char === '$' ? 'variable' : 'field';
        if (terminates(pos + 1)) {
          yield token(char === '$' ? 'variable' : 'dot', pos + 1);
          continue;
        }
        end = wordEnd(pos + 1);
        if (!terminates(end)) return yield error(`bad character ${named(at(end))}`);
        yield token(kind, end);
      } else if (/[+\-0-9.]/.test(char)) {
        NUMBER.lastIndex = pos;
        end = pos + (NUMBER.exec(input)?.[0].length ?? 0);
        const after = at(end);
        if (after !== '' && ALPHANUMERIC.test(after)) return yield error(`bad number syntax: ${JSON.stringify(input.slice(pos, end + after.length))}`);
        yield token('number', end);
      } else if (ALPHANUMERIC.test(char)) {
        end = wordEnd(pos);
        if (!terminates(end)) return yield error(`bad character ${named(at(end))}`);
        const word = input.slice(pos, end);
        yield token(KEYWORDS.has(word) ? 'keyword' : word === 'true' || word === 'false' ? 'bool' : word === 'nil' ? 'nil' : 'identifier', end);
      } else if (char === '(') {
        depth++;
        yield token('leftParen', pos + 1);
      } else if (char === ')') {
        if (--depth < 0) return yield error('unexpected right paren');
        yield token('rightParen', pos + 1);
      } else if (char > ' ' && char < '\u007f') yield token('char', pos + 1);
      else return yield error(`unrecognized character in action: ${named(char)}`);
    }
  }
}

/** A token as errors show it. */
export function showToken({ kind, text }: Token): string {
  if (kind === 'eof') return 'EOF';
  if (kind === 'error') return text;
  if (kind === 'keyword') return `<${text}>`;
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text);
}
