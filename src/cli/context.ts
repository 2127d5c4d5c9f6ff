/** What a command works with. Commands see nothing else, so that they run in any process. */
import type { Duplex } from 'node:stream';
import type { Engine, LocalEngine } from '../engine/contract.ts';

export interface EngineNeed {
  /** What this command starts must be looked after when this program has ended: by a daemon, which is started if need be. */
  readonly stays?: boolean | undefined;
}

export interface CliContext {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The text of a file that a flag names. */
  readFile(path: string): string;
  /** A new file: one that is there is an error. */
  writeFile(path: string, text: string): void;
  fileExists(path: string): boolean;
  /** Whole or not at all, for its owner's eyes; folders above are made. */
  replaceFile(path: string, text: string): void;
  /** Runs `docker-credential-NAME ACTION` with the input. */
  credentialHelper(name: string, action: 'get' | 'store' | 'erase', input: string): Promise<{ readonly code: number; readonly stdout: string }>;
  /** The engine that this command line is for: chosen and opened at the first use, the same from then on. */
  engine(need?: EngineNeed): Promise<Engine>;
  /** A connection to the daemon that this command line is for, which is started if need be. */
  dial(): Promise<Duplex>;
  /** The engine in this process, for what only makes sense here. */
  localEngine(): Promise<LocalEngine>;
  /** Runs a program to its end, with these streams and further variables; gives its exit code. */
  program(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number>;
  /** Runs the daemon until it is told to end. */
  daemon(args: readonly string[]): Promise<number>;
  /** Calls back for each signal of this process that a foreground container should get; gives a stop function. */
  onSignal(handler: (signal: number) => void): () => void;
}

/** A command: gives its exit code. */
export type Command = (args: readonly string[], context: CliContext) => Promise<number>;

export function say(context: Pick<CliContext, 'stdout'>, text: string): void {
  context.stdout.write(`${text}\n`);
}

export function warn(context: Pick<CliContext, 'stderr'>, warnings: readonly string[]): void {
  for (const warning of warnings) context.stderr.write(`WARNING: ${warning}\n`);
}

/** As docker: it is the engine's own word, unless there is nobody to say it. */
export function engineSays(error: unknown): string {
  const { message } = error as Error;
  return /^(Cannot connect to|error during connect|permission denied while trying to connect)/.test(message)
    ? message
    : `Error response from daemon: ${message}`;
}
