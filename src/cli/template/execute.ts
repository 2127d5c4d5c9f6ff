/** Runs a parsed template on a value: the rules of Go's text/template, with limits, since a template may be hostile. */
import { LONGEST, mismatch, type TemplateFunction } from './functions.ts';
import { show, TemplateError, type Command, type List, type Node, type Operand, type Pipe, type Shown } from './nodes.ts';
import type { Parsed } from './parser.ts';
import { sprint } from './printf.ts';
import { Float, isInt, mapOf, Nil, sliceOf, sortedKeys, Struct, truth, typeName, type Method } from './values.ts';

/** So many nodes may be visited, */
const STEPS = 5_000_000;
/** so deep may templates call each other, and so many characters may come out. */
const DEPTH = 500;
const OUTPUT = 1 << 26;

export interface ExecuteOptions {
  /** What a map does not have is an error, not `<no value>`. */
  readonly strict?: boolean;
}

/** No final argument: the command is the first of its pipe. */
const MISSING = Symbol('missing');

class Leave extends Error {
  readonly kind: 'break' | 'continue';

  constructor(kind: 'break' | 'continue') {
    super(kind);
    this.kind = kind;
  }
}

export class Execution {
  readonly #parsed: Parsed;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #strict: boolean;
  readonly #out: string[] = [];
  #variables: { readonly name: string; value: unknown }[] = [];
  #template = '';
  /** What is evaluated: errors name it. */
  #at: { readonly node: Shown | undefined; readonly pos: number } = { node: undefined, pos: 0 };
  #steps = 0;
  #depth = 0;
  #length = 0;

  constructor(parsed: Parsed, functions: Readonly<Record<string, TemplateFunction>>, { strict = false }: ExecuteOptions) {
    this.#parsed = parsed;
    this.#functions = functions;
    this.#strict = strict;
  }

  /** Throws `TemplateError`. */
  run(data: unknown): string {
    const main = this.#parsed.lists.get('');
    if (main === undefined) throw new TemplateError('template: : "" is an incomplete or empty template', false);
    this.#variables = [{ name: '$', value: data }];
    this.#walk(main, data);
    return this.#out.join('');
  }

  #go(node: Shown | undefined, pos: number): void {
    this.#at = { node, pos };
    if (++this.#steps > STEPS) this.#fail('the template takes too many steps');
  }

  #fail(message: string): never {
    const { node, pos } = this.#at;
    const before = this.#parsed.text.slice(0, pos);
    const line = before.split('\n').length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1));
    const name = JSON.stringify(this.#template);
    throw new TemplateError(`template: :${line}:${column}: executing ${name} at <${node === undefined ? '' : show(node)}>: ${message}`, false);
  }

  #write(text: string): void {
    this.#length += text.length;
    if (this.#length > OUTPUT) this.#fail('the template writes too much');
    this.#out.push(text);
  }

  #walk(list: List, dot: unknown): void {
    for (const node of list) this.#visit(node, dot);
  }

  #visit(node: Node, dot: unknown): void {
    switch (node.kind) {
      case 'text':
        return this.#write(node.text);
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.names.length === 0) this.#print(node.pipe, value);
        return;
      }
      case 'if':
      case 'with': {
        const mark = this.#variables.length;
        const value = this.#pipe(node.pipe, dot);
        if (truth(value)) this.#walk(node.body, node.kind === 'with' ? value : dot);
        else if (node.otherwise !== undefined) this.#walk(node.otherwise, dot);
        this.#variables.length = mark;
        return;
      }
      case 'range':
        return this.#range(node, dot);
      case 'template':
        return this.#call(node, dot);
      case 'break':
      case 'continue':
        throw new Leave(node.kind);
    }
  }

  #print(pipe: Pipe, value: unknown): void {
    if (typeof value === 'function') this.#fail(`can't print ${show(pipe)} of type ${typeName(value)}`);
    this.#write(value === undefined ? '<no value>' : sprint(value));
  }

  #call(node: Extract<Node, { kind: 'template' }>, dot: unknown): void {
    this.#go(node, node.pos);
    const list = this.#parsed.lists.get(node.name);
    if (list === undefined) this.#fail(`template ${JSON.stringify(node.name)} not defined`);
    if (this.#depth === DEPTH) this.#fail(`exceeded maximum template depth (${DEPTH})`);
    const value = node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot);
    const [variables, template] = [this.#variables, this.#template];
    [this.#variables, this.#template] = [[{ name: '$', value }], node.name];
    this.#depth++;
    this.#walk(list, value);
    this.#depth--;
    [this.#variables, this.#template] = [variables, template];
  }

  #range(node: Extract<Node, { kind: 'range' | 'if' | 'with' }>, dot: unknown): void {
    const mark = this.#variables.length;
    const { pipe } = node;
    const value = this.#pipe(pipe, dot);
    const inner = this.#variables.length;
    let some = false;
    try {
      for (const [key, element] of this.#elements(value)) {
        some = true;
        this.#go(undefined, node.pos);
        const given = pipe.names.length === 1 ? [element] : [key, element];
        if (pipe.assigns) pipe.names.forEach((name, i) => this.#assign(name, given[i]));
        else pipe.names.forEach((_, i) => (this.#variables[inner - pipe.names.length + i]!.value = given[i]));
        try {
          this.#walk(node.body, element);
        } catch (error) {
          if (!(error instanceof Leave)) throw error;
          if (error.kind === 'break') break;
        } finally {
          this.#variables.length = inner;
        }
      }
    } finally {
      this.#variables.length = mark;
    }
    if (!some && node.otherwise !== undefined) this.#walk(node.otherwise, dot);
  }

  *#elements(value: unknown): Generator<[key: unknown, element: unknown]> {
    if (value === undefined || value === null) return;
    const items = sliceOf(value);
    const entries = mapOf(value);
    if (items !== undefined) yield* items.entries();
    else if (entries !== undefined) for (const key of sortedKeys(entries)) yield [key, entries[key] ?? undefined];
    else if (isInt(value)) for (let i = 0; i < value; i++) yield [i, i];
    else this.#fail(`range can't iterate over ${sprint(value)}`);
  }

  #assign(name: string, value: unknown): void {
    const variable = this.#variables.findLast((each) => each.name === name);
    if (variable === undefined) this.#fail(`undefined variable: ${name}`);
    else variable.value = value;
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    this.#go(pipe, pipe.pos);
    let value: unknown = MISSING;
    for (const command of pipe.commands) value = this.#command(command, dot, value) ?? undefined;
    for (const name of pipe.names) {
      if (pipe.assigns) this.#assign(name, value);
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(command: Command, dot: unknown, final: unknown): unknown {
    const first = command.args[0]!;
    const rest = command.args.slice(1);
    switch (first.kind) {
      case 'field':
        this.#go(first, first.pos);
        return this.#path(dot, dot, first.path, rest, final, first);
      case 'chain':
        return this.#chain(first, dot, rest, final);
      case 'function':
        this.#go(first, first.pos);
        return this.#function(first.name, command, dot, rest, final);
      case 'variable':
        return this.#variable(first, dot, rest, final);
      case 'pipe':
        this.#noFunction(first, rest, final);
        return this.#pipe(first, dot);
      default:
        this.#go(first, first.pos);
        this.#noFunction(first, rest, final);
        if (first.kind === 'nil') return this.#fail('nil is not a command');
        return this.#constant(first, dot);
    }
  }

  #constant(node: Operand, dot: unknown): unknown {
    switch (node.kind) {
      case 'dot':
        return dot;
      case 'bool':
      case 'string':
        return node.value;
      case 'number':
        if (node.isFloat) return new Float(node.float);
        return Number.isSafeInteger(node.float) ? node.float : node.int;
      default:
        return null;
    }
  }

  #noFunction(node: Operand, rest: readonly Operand[], final: unknown): void {
    if (rest.length > 0 || final !== MISSING) this.#fail(`can't give argument to non-function ${show(node)}`);
  }

  #variable(node: Extract<Operand, { kind: 'variable' }>, dot: unknown, rest: readonly Operand[], final: unknown): unknown {
    this.#go(node, node.pos);
    const [name, ...path] = node.path;
    const variable = this.#variables.findLast((each) => each.name === name);
    if (variable === undefined) return this.#fail(`undefined variable: ${name}`);
    if (path.length > 0) return this.#path(dot, variable.value, path, rest, final, node);
    this.#noFunction(node, rest, final);
    return variable.value;
  }

  #chain(node: Extract<Operand, { kind: 'chain' }>, dot: unknown, rest: readonly Operand[], final: unknown): unknown {
    this.#go(node, node.pos);
    const value = this.#argument(node.of, dot);
    return this.#path(dot, value, node.path, rest, final, node);
  }

  #path(dot: unknown, from: unknown, path: readonly string[], rest: readonly Operand[], final: unknown, node: Operand): unknown {
    let value = from;
    /** What a map of anything gave has no type of its own. */
    let untyped = false;
    for (const [i, name] of path.entries()) {
      const last = i === path.length - 1;
      const of: unknown = value;
      value = this.#field(of, name, untyped, dot, last ? rest : [], last ? final : MISSING, node);
      untyped = mapOf(of) !== undefined && typeName(of) === 'map[string]interface {}';
    }
    return value;
  }

  #field(of: unknown, name: string, untyped: boolean, dot: unknown, rest: readonly Operand[], final: unknown, node: Operand): unknown {
    if (of === undefined) return this.#strict ? this.#fail(`nil data; no entry for key ${JSON.stringify(name)}`) : undefined;
    const type = untyped ? 'interface {}' : typeName(of);
    if (of === null || of instanceof Nil) return this.#fail(`nil pointer evaluating ${type}.${name}`);
    const given = rest.length > 0 || final !== MISSING;
    if (of instanceof Struct && of.has(name)) {
      const field = of.get(name);
      if (typeof field === 'function') return this.#method(field as Method, name, dot, rest, final, node);
      if (given) this.#fail(`${name} has arguments but cannot be invoked as function`);
      return field;
    }
    const entries = mapOf(of);
    if (entries !== undefined) {
      if (given) this.#fail(`${name} is not a method but has arguments`);
      if (Object.hasOwn(entries, name)) return entries[name];
      return this.#strict ? this.#fail(`map has no entry for key ${JSON.stringify(name)}`) : undefined;
    }
    return this.#fail(`can't evaluate field ${name} in type ${type}`);
  }

  /** Methods take strings. */
  #method(method: Method, name: string, dot: unknown, rest: readonly Operand[], final: unknown, node: Operand): unknown {
    const parameters = Array.from({ length: method.length }, () => 'string' as const);
    return this.#invoke({ parameters, call: method }, name, node, dot, rest, final);
  }

  #function(name: string, node: Shown & { pos: number }, dot: unknown, rest: readonly Operand[], final: unknown): unknown {
    const found = Object.hasOwn(this.#functions, name) ? this.#functions[name]! : this.#fail(`${JSON.stringify(name)} is not a defined function`);
    if (name !== 'and' && name !== 'or') return this.#invoke(found, name, node, dot, rest, final);
    if (rest.length === 0 && final === MISSING) this.#fail(`wrong number of args for ${name}: want at least 1 got 0`);
    let value: unknown;
    for (const [i, argument] of rest.entries()) {
      value = this.#argument(argument, dot);
      if (truth(value) === (name === 'or') && (i < rest.length - 1 || final !== MISSING)) return value;
    }
    return final === MISSING ? value : final;
  }

  #invoke(
    { parameters, rest: more, call }: TemplateFunction,
    name: string,
    node: Shown & { pos: number },
    dot: unknown,
    rest: readonly Operand[],
    final: unknown,
  ): unknown {
    const count = rest.length + (final === MISSING ? 0 : 1);
    if (more !== undefined && count < parameters.length) this.#fail(`wrong number of args for ${name}: want at least ${parameters.length} got ${rest.length}`);
    if (more === undefined && count !== parameters.length) this.#fail(`wrong number of args for ${name}: want ${parameters.length} got ${count}`);
    const values: unknown[] = rest.map((argument, i) => {
      const parameter = parameters[i] ?? more!;
      if (parameter === 'int' && argument.kind === 'number' && argument.int !== undefined) return Number(argument.int);
      const value = this.#argument(argument, dot);
      const constant = ['bool', 'string', 'number'].includes(argument.kind);
      const wrong = mismatch(value, parameter);
      if (wrong === undefined) return value;
      if (!constant) return this.#fail(wrong);
      const expected = parameter === 'int' ? 'expected integer; found' : parameter === 'string' ? 'expected string; found' : "can't handle";
      return this.#fail(`${expected} ${show(argument)}${parameter === 'strings' ? ' for arg of type []string' : ''}`);
    });
    if (final !== MISSING) {
      const wrong = mismatch(final, parameters[rest.length] ?? more!);
      if (wrong !== undefined) this.#fail(wrong);
      values.push(final);
    }
    let result: unknown;
    try {
      result = call(...(values as never[]));
    } catch (error) {
      this.#go(node, node.pos);
      return this.#fail(`error calling ${name}: ${(error as Error).message}`);
    }
    if (typeof result === 'string' && result.length > LONGEST) this.#fail('the template makes too long a text');
    return result;
  }

  #argument(node: Operand, dot: unknown): unknown {
    this.#go(node, node.pos);
    switch (node.kind) {
      case 'field':
        return this.#path(dot, dot, node.path, [], MISSING, node);
      case 'variable':
        return this.#variable(node, dot, [], MISSING);
      case 'pipe':
        return this.#pipe(node, dot);
      case 'function':
        return this.#function(node.name, node, dot, [], MISSING);
      case 'chain':
        if (node.of.kind === 'nil') this.#fail(`indirection through explicit nil in ${show(node)}`);
        return this.#chain(node, dot, [], MISSING);
      default:
        return this.#constant(node, dot);
    }
  }
}
