/** The command line in this process: with an engine of the test's choice, and streams that only remember. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough, Writable } from 'node:stream';
import { invalid } from '../../src/base/errors.ts';
import { main } from '../../src/cli/main.ts';
import type { CliContext } from '../../src/cli/context.ts';
import type { Engine } from '../../src/engine/contract.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** What is typed; the input ends after it. Without it there is none. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** All three streams are a terminal of this size, and what is typed has no end. */
  readonly terminal?: { readonly rows: number; readonly cols: number };
  /** In place of credential helpers. */
  readonly helper?: CliContext['credentialHelper'];
  /** In place of programs. */
  readonly program?: CliContext['program'];
}

export interface Session {
  readonly result: Promise<CliResult>;
  type(text: string): void;
  signal(number: number): void;
  resize(rows: number, cols: number): void;
  /** Resolves once the output, or with `on` the errors, have it. */
  shows(text: string | RegExp, on?: 'stdout' | 'stderr'): Promise<void>;
}

class Screen extends Writable {
  text = '';
  bytes: Buffer[] = [];
  isTTY = false;
  rows = 0;
  columns = 0;
  readonly #waiting = new Set<() => void>();

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes.push(chunk);
    this.text += chunk.toString();
    for (const check of this.#waiting) check();
    done();
  }

  until(wanted: string | RegExp): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (typeof wanted === 'string' ? !this.text.includes(wanted) : !wanted.test(this.text)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }
}

/** Begins a command line; `session.result` is its end. */
export function cliSession(engine: Engine, argv: readonly string[], { input, env = {}, cwd = '/', terminal, helper, program }: CliOptions = {}): Session {
  const [stdin, stdout, stderr] = [new PassThrough(), new Screen(), new Screen()];
  if (terminal !== undefined) {
    Object.assign(stdin, { isTTY: true, setRawMode: () => stdin });
    for (const out of [stdout, stderr]) Object.assign(out, { isTTY: true, rows: terminal.rows, columns: terminal.cols });
  } else stdin.end(input ?? '');
  const handlers = new Set<(signal: number) => void>();
  const context: CliContext = {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    env: { DOCKER_CONFIG: '/nowhere', ...env },
    cwd,
    readFile: (path) => {
      if (!existsSync(path)) throw invalid(`open ${path}: no such file or directory`);
      return readFileSync(path, 'utf8');
    },
    writeFile: (path, text) => writeFileSync(path, text, { flag: 'wx' }),
    fileExists: existsSync,
    replaceFile: (path, text) => writeFileSync(path, text),
    engine: async () => engine,
    dial: () => Promise.reject(new Error('not here')),
    localEngine: () => Promise.reject(new Error('not here')),
    daemon: () => Promise.reject(new Error('not here')),
    program: program ?? (() => Promise.reject(new Error('not here'))),
    credentialHelper: helper ?? (() => Promise.reject(new Error('not here'))),
    onSignal(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
  const result = main(argv, context).then((code) => ({ code, stdout: stdout.text, stderr: stderr.text }));
  return {
    result,
    type: (text) => void stdin.write(text),
    signal: (number) => handlers.forEach((handler) => handler(number)),
    resize: (rows, cols) => void [stdout, stderr].forEach((out) => Object.assign(out, { rows, columns: cols }).emit('resize')),
    shows: (text, on = 'stdout') => (on === 'stdout' ? stdout : stderr).until(text),
  };
}

/** One command line to its end. */
export function cli(engine: Engine, argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return cliSession(engine, argv, options).result;
}
