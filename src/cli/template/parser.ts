/** Makes a tree of a template's tokens: the grammar of Go's text/template, and its words for what is wrong. */
import { numberConstant, unquote } from './constants.ts';
import { showToken, tokens, type Token, type TokenKind } from './lexer.ts';
import { show, TemplateError, type Command, type List, type Node, type Operand, type Pipe } from './nodes.ts';

/** So deep may parentheses and blocks lie in each other. */
const MAX_DEPTH = 200;

const OPERANDS: ReadonlySet<TokenKind> = new Set([
  'bool',
  'charConstant',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'rawString',
  'string',
  'variable',
  'leftParen',
]);

/** `{{else}}` and `{{end}}`: they end a list. */
type Ending = 'else' | 'end';

export interface Parsed {
  readonly text: string;
  /** The main one is ''. */
  readonly lists: ReadonlyMap<string, List>;
}

/** Throws `TemplateError`. `isFunction` says which names are functions. */
export function parse(text: string, isFunction: (name: string) => boolean): Parsed {
  return new Parser(text, isFunction).whole();
}

class Parser {
  readonly #text: string;
  readonly #isFunction: (name: string) => boolean;
  readonly #source: Generator<Token, void>;
  /** Read, and to be read again; the next is the last. */
  readonly #ahead: Token[] = [];
  #last: Token = { kind: 'eof', text: '', pos: 0, line: 1 };
  readonly #lists = new Map<string, List>();
  #names: string[] = ['$'];
  #ranges = 0;
  #depth = 0;
  #actionLine = 0;

  constructor(text: string, isFunction: (name: string) => boolean) {
    this.#text = text;
    this.#isFunction = isFunction;
    this.#source = tokens(text);
  }

  whole(): Parsed {
    const main: Node[] = [];
    while (this.#peek().kind !== 'eof') {
      const first = this.#next();
      if (first.kind === 'left') {
        const word = this.#nextWord();
        if (word.kind === 'keyword' && word.text === 'define') {
          this.#definition();
          continue;
        }
        this.#back(word);
      }
      this.#back(first);
      const node = this.#textOrAction();
      if (typeof node === 'string') this.#fail(`unexpected {{${node}}}`);
      else main.push(node);
    }
    if (!this.#lists.has('') || main.length > 0) this.#lists.set('', main);
    return { text: this.#text, lists: this.#lists };
  }

  #next(): Token {
    this.#last = this.#ahead.pop() ?? this.#source.next().value ?? this.#last;
    return this.#last;
  }

  #back(token: Token): void {
    this.#ahead.push(token);
  }

  #peek(): Token {
    const token = this.#next();
    this.#back(token);
    return token;
  }

  #nextWord(): Token {
    let token = this.#next();
    while (token.kind === 'space') token = this.#next();
    return token;
  }

  #peekWord(): Token {
    const token = this.#nextWord();
    this.#back(token);
    return token;
  }

  #fail(message: string): never {
    throw new TemplateError(`template: :${this.#last.line}: ${message}`, true);
  }

  #unexpected(token: Token, context: string): never {
    if (token.kind !== 'error') return this.#fail(`unexpected ${showToken(token)} in ${context}`);
    const started = this.#actionLine !== 0 && this.#actionLine !== token.line ? ` in action started at :${this.#actionLine}` : '';
    return this.#fail(`${token.text}${token.text.endsWith(' action') ? started.replace(' in action', '') : started}`);
  }

  #expect(kind: TokenKind, context: string): Token {
    const token = this.#nextWord();
    return token.kind === kind ? token : this.#unexpected(token, context);
  }

  #name(context: string): [name: string, pos: number] {
    const token = this.#nextWord();
    if (token.kind !== 'string' && token.kind !== 'rawString') this.#unexpected(token, context);
    return [unquote(token.text) ?? this.#fail('invalid syntax'), token.pos];
  }

  /** A template of its own: it sees no variables but `$`. */
  #separate(name: string, context: string): void {
    const [names, ranges] = [this.#names, this.#ranges];
    [this.#names, this.#ranges] = [['$'], 0];
    const [list, ending] = this.#list();
    if (ending !== 'end') this.#fail(`unexpected {{${ending}}} in ${context}`);
    [this.#names, this.#ranges] = [names, ranges];
    // as Go: what is empty does not replace what is there
    if (!this.#lists.has(name) || list.some((node) => node.kind !== 'text' || node.text.trim() !== '')) this.#lists.set(name, list);
  }

  #definition(): void {
    const [name] = this.#name('define clause');
    this.#expect('right', 'define clause');
    this.#separate(name, 'define clause');
  }

  #list(): [List, Ending] {
    const list: Node[] = [];
    if (++this.#depth > MAX_DEPTH) this.#fail('max template depth exceeded');
    while (this.#peekWord().kind !== 'eof') {
      const node = this.#textOrAction();
      if (typeof node === 'string') {
        this.#depth--;
        return [list, node];
      }
      list.push(node);
    }
    return this.#fail('unexpected EOF');
  }

  #textOrAction(): Node | Ending {
    const token = this.#nextWord();
    if (token.kind === 'text') return { kind: 'text', pos: token.pos, text: token.text };
    if (token.kind !== 'left') return this.#unexpected(token, 'input');
    this.#actionLine = token.line;
    const node = this.#action();
    this.#actionLine = 0;
    return node;
  }

  #action(): Node | Ending {
    const token = this.#nextWord();
    if (token.kind === 'keyword') {
      switch (token.text) {
        case 'if':
        case 'with':
        case 'range':
          return this.#control(token.text, token.pos);
        case 'else': {
          const next = this.#peekWord();
          if (next.kind !== 'keyword' || (next.text !== 'if' && next.text !== 'with')) this.#expect('right', 'else');
          return 'else';
        }
        case 'end':
          this.#expect('right', 'end');
          return 'end';
        case 'break':
        case 'continue':
          this.#expect('right', `{{${token.text}}}`);
          if (this.#ranges === 0) this.#fail(`{{${token.text}}} outside {{range}}`);
          return { kind: token.text, pos: token.pos };
        case 'template':
          return this.#call();
        case 'block':
          return this.#block();
      }
    }
    this.#back(token);
    return { kind: 'action', pos: token.pos, pipe: this.#pipe('command', 'right') };
  }

  #control(kind: 'if' | 'with' | 'range', pos: number): Node {
    const visible = this.#names.length;
    const pipe = this.#pipe(kind, 'right');
    if (kind === 'range') this.#ranges++;
    const [body, ending] = this.#list();
    if (kind === 'range') this.#ranges--;
    let otherwise: List | undefined;
    if (ending === 'else') {
      const next = this.#peekWord();
      if (kind !== 'range' && next.kind === 'keyword' && next.text === kind) {
        this.#next();
        if (++this.#depth > MAX_DEPTH) this.#fail('max template depth exceeded');
        otherwise = [this.#control(kind, next.pos)];
        this.#depth--;
      } else {
        const [list, last] = this.#list();
        if (last !== 'end') this.#fail(`expected end; found {{${last}}}`);
        otherwise = list;
      }
    }
    this.#names.length = visible;
    return { kind, pos, pipe, body, otherwise };
  }

  #call(): Node {
    const [name, pos] = this.#name('template clause');
    const token = this.#nextWord();
    if (token.kind === 'right') return { kind: 'template', pos, name, pipe: undefined };
    this.#back(token);
    return { kind: 'template', pos, name, pipe: this.#pipe('template clause', 'right') };
  }

  #block(): Node {
    const [name, pos] = this.#name('block clause');
    const pipe = this.#pipe('block clause', 'right');
    this.#separate(name, 'block clause');
    return { kind: 'template', pos, name, pipe };
  }

  #pipe(context: string, end: TokenKind): Pipe {
    if (++this.#depth > MAX_DEPTH) this.#fail('max expression depth exceeded');
    const { pos } = this.#peekWord();
    const { names, assigns } = this.#declarations(context);
    const commands: Command[] = [];
    for (;;) {
      const token = this.#nextWord();
      if (token.kind === end) break;
      if (!OPERANDS.has(token.kind)) this.#unexpected(token, context);
      this.#back(token);
      commands.push(this.#command());
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`);
    for (const [i, { args }] of commands.entries())
      if (i > 0 && ['bool', 'dot', 'nil', 'number', 'string'].includes(args[0]!.kind)) this.#fail(`non executable command in pipeline stage ${i + 1}`);
    this.#depth--;
    return { kind: 'pipe', pos, names, assigns, commands };
  }

  #declarations(context: string): { names: string[]; assigns: boolean } {
    const names: string[] = [];
    for (;;) {
      const variable = this.#peekWord();
      if (variable.kind !== 'variable') break;
      this.#next();
      const after = this.#peek();
      const next = this.#peekWord();
      if (next.kind === 'assign' || next.kind === 'declare') {
        this.#nextWord();
        names.push(variable.text);
        this.#names.push(variable.text);
        return { names, assigns: next.kind === 'assign' };
      }
      if (next.kind === 'char' && next.text === ',') {
        this.#nextWord();
        names.push(variable.text);
        this.#names.push(variable.text);
        if (context !== 'range' || names.length > 1) this.#fail(`too many declarations in ${context}`);
        if (!['variable', 'right', 'rightParen'].includes(this.#peekWord().kind)) this.#fail('range can only initialize variables');
        continue;
      }
      if (after.kind === 'space') this.#back(after);
      this.#back(variable);
      break;
    }
    return { names, assigns: false };
  }

  #command(): Command {
    const args: Operand[] = [];
    const { pos } = this.#peekWord();
    for (;;) {
      this.#peekWord();
      const operand = this.#operand();
      if (operand !== undefined) args.push(operand);
      const token = this.#next();
      if (token.kind === 'space') continue;
      if (token.kind === 'right' || token.kind === 'rightParen') this.#back(token);
      else if (token.kind !== 'pipe') this.#unexpected(token, 'operand');
      break;
    }
    if (args.length === 0) this.#fail('empty command');
    return { kind: 'command', pos, args };
  }

  #operand(): Operand | undefined {
    const node = this.#term();
    if (node === undefined || this.#peek().kind !== 'field') return node;
    const { pos } = this.#peek();
    const path: string[] = [];
    while (this.#peek().kind === 'field') path.push(this.#next().text.slice(1));
    switch (node.kind) {
      case 'field':
      case 'variable':
        return { kind: node.kind, pos, path: [...node.path, ...path] };
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#fail(`unexpected . after term ${JSON.stringify(show(node))}`);
      default:
        return { kind: 'chain', pos, of: node, path };
    }
  }

  #term(): Operand | undefined {
    const token = this.#nextWord();
    const { pos, text } = token;
    switch (token.kind) {
      case 'identifier':
        if (!this.#isFunction(text)) this.#fail(`function ${JSON.stringify(text)} not defined`);
        return { kind: 'function', pos, name: text };
      case 'dot':
      case 'nil':
        return { kind: token.kind, pos };
      case 'variable':
        if (!this.#names.includes(text)) this.#fail(`undefined variable ${JSON.stringify(text)}`);
        return { kind: 'variable', pos, path: [text] };
      case 'field':
        return { kind: 'field', pos, path: [text.slice(1)] };
      case 'bool':
        return { kind: 'bool', pos, value: text === 'true' };
      case 'charConstant':
      case 'number': {
        const number = numberConstant(text, pos);
        return typeof number === 'string' ? this.#fail(number) : number;
      }
      case 'string':
      case 'rawString':
        return { kind: 'string', pos, text, value: unquote(text) ?? this.#fail('invalid syntax') };
      case 'leftParen':
        return this.#pipe('parenthesized pipeline', 'rightParen');
      default:
        this.#back(token);
        return undefined;
    }
  }
}
