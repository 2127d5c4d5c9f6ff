/** Command-line flags as docker's library (pflag) reads them: `-it`, `--name=x`, `--name x`, `-v x`, `--rm=false`. */
import { EngineError, invalid } from '../base/errors.ts';

/** What a shell can offer: names of objects, what is in the file system, nothing, or these words. */
export type Completion = 'container' | 'running' | 'image' | 'volume' | 'network' | 'context' | 'file' | 'folder' | 'none' | readonly string[];

export interface Flag {
  readonly name: string;
  readonly short?: string | undefined;
  /** `flag` takes no value; `list` may be given several times. */
  readonly kind: 'flag' | 'value' | 'list';
  /** What the value is, as help shows it. */
  readonly value?: string;
  readonly help: string;
  /** What the value can be. Default: of files. */
  readonly complete?: Completion;
  /** Taken, and not shown. */
  readonly hidden?: boolean;
}

/** A command line that cannot be read: shown with the command's usage. */
export class WrongUsage extends EngineError<{ readonly exitCode: number }> {
  constructor(message: string, exitCode = 1) {
    super('invalid', message, { detail: { exitCode } });
  }
}

/** `--help`, or `-h` where a command has no such flag. */
export class HelpWanted extends WrongUsage {}

/** docker's exit code for a flag that cannot be read, of any command. */
const BAD_FLAG = 125;

export class Flags {
  readonly #table: readonly Flag[];
  readonly #values: ReadonlyMap<string, readonly string[]>;
  /** What is left: the command and its arguments. */
  readonly rest: readonly string[];

  constructor(table: readonly Flag[], values: ReadonlyMap<string, readonly string[]>, rest: readonly string[]) {
    this.#table = table;
    this.#values = values;
    this.rest = rest;
  }

  /** As if those had not been given. */
  without(names: readonly string[]): Flags {
    return new Flags(this.#table, new Map([...this.#values].filter(([name]) => !names.includes(name))), this.rest);
  }

  /** As if a flag had been given these values and no other. */
  with(name: string, values: readonly string[]): Flags {
    return new Flags(this.#table, new Map([...this.#values, [name, values]]), this.rest);
  }

  /** The last value given; undefined when none was. */
  value(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** All values in their order. */
  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The last value given, as `parse` reads it. What it refuses is named with its flag, in docker's words. */
  read<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = this.value(name);
    return text === undefined ? undefined : this.#read(name, text, parse);
  }

  /** As `read`, for all values. */
  readAll<T>(name: string, parse: (text: string) => T): T[] {
    return this.list(name).map((text) => this.#read(name, text, parse));
  }

  #read<T>(name: string, text: string, parse: (text: string) => T): T {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      const reason = error.message.replace(/^invalid argument "[^]*?" for "[^"]*" flag: /, '');
      throw invalid(argument(this.#table.find((flag) => flag.name === name) ?? { name }, text, reason), error.hint);
    }
  }

  on(name: string): boolean {
    return this.value(name) === 'true';
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }
}

/** As Go's strconv.ParseBool takes it. */
const BOOLEAN = /^(true|false|True|False|TRUE|FALSE|[10tfTF])$/;

/** pflag's sentence. */
function argument({ name, short }: Pick<Flag, 'name' | 'short'>, text: string, reason: string): string {
  return `invalid argument "${text}" for "${short === undefined ? '' : `-${short}, `}--${name}" flag: ${reason}`;
}

/**
 * Reads flags up to the first argument that is none, or all of them where `interspersed`; `--` ends them. Throws
 * `WrongUsage` in docker's words.
 */
export function parseFlags(flags: readonly Flag[], args: readonly string[], { interspersed = false } = {}): Flags {
  const values = new Map<string, string[]>();
  const rest: string[] = [];
  const add = (flag: Flag, value: string) => {
    if (flag.kind === 'flag' && !BOOLEAN.test(value))
      throw new WrongUsage(argument(flag, value, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`), BAD_FLAG);
    const text = flag.kind !== 'flag' ? value : /^(true|1|t)$/i.test(value) ? 'true' : 'false';
    values.set(flag.name, [...(values.get(flag.name) ?? []), text]);
  };
  const todo = [...args];
  while (todo.length > 0) {
    const arg = todo.shift()!;
    if (arg === '--') {
      rest.push(...todo);
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      rest.push(arg);
      if (interspersed) continue;
      rest.push(...todo);
      break;
    }
    if (arg.startsWith('--')) long(arg);
    else short(arg);
  }
  return new Flags(flags, values, rest);

  function long(arg: string): void {
    const equals = arg.indexOf('=');
    const name = equals < 0 ? arg.slice(2) : arg.slice(2, equals);
    const flag = flags.find((each) => each.name === name);
    if (flag === undefined) throw new (name === 'help' ? HelpWanted : WrongUsage)(`unknown flag: --${name}`, BAD_FLAG);
    if (equals >= 0) add(flag, arg.slice(equals + 1));
    else if (flag.kind === 'flag') add(flag, 'true');
    else add(flag, next(arg));
  }

  function short(arg: string): void {
    for (let i = 1; i < arg.length; i++) {
      const flag = flags.find((each) => each.short === arg[i]);
      if (flag === undefined) throw new (arg === '-h' ? HelpWanted : WrongUsage)(`unknown shorthand flag: '${arg[i]!}' in ${arg}`, BAD_FLAG);
      const after = arg.slice(i + 1);
      if (flag.kind === 'flag' && !after.startsWith('=')) {
        add(flag, 'true');
        continue;
      }
      return add(flag, after === '' ? next(`'${flag.short!}' in ${arg}`) : after.replace(/^=/, ''));
    }
  }

  function next(what: string): string {
    const value = todo.shift();
    if (value === undefined) throw new WrongUsage(`flag needs an argument: ${what}`, BAD_FLAG);
    return value;
  }
}

/** The table of a command's flags; with a width, what is longer goes on below its column, as pflag breaks it. */
export function flagHelp(flags: readonly Flag[], width?: number): string {
  const shown = flags.filter(({ hidden }) => !hidden);
  const rows = shown.map(({ name, short, kind, value = 'string', help }) => ({
    left: `  ${short === undefined ? '    ' : `-${short}, `}--${name}${kind === 'flag' ? '' : ` ${value}`}`,
    help,
  }));
  const column = Math.max(...rows.map(({ left }) => left.length)) + 3;
  const lines = (help: string) => (width === undefined ? [help] : wrapped(help, width - column));
  return rows.map(({ left, help }) => left.padEnd(column) + lines(help).join(`\n${' '.repeat(column)}`)).join('\n');
}

/** A last line may be so much longer. */
const SLOP = 5;
/** With less room than this nothing is broken. */
const NARROW = 24;

function wrapped(text: string, width: number): string[] {
  if (width < NARROW) return text.split('\n');
  return text.split('\n').flatMap((line) => {
    const out: string[] = [];
    while (line.length >= width) {
      const space = line.lastIndexOf(' ', width - SLOP - 1);
      if (space <= 0) break;
      out.push(line.slice(0, space));
      line = line.slice(space + 1);
    }
    return [...out, line];
  });
}
