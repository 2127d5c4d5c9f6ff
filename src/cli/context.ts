/** What a command works with. Commands see nothing else, so that they run in any process. */
import type { LocalEngine } from '../engine/contract.ts';

export interface CliContext {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The text of a file that a flag names. */
  readFile(path: string): string;
  writeFile(path: string, text: string): void;
  /** Opened at the first use. */
  engine(): LocalEngine;
  /** Calls back for each signal of this process that a foreground container should get; gives a stop function. */
  onSignal(handler: (signal: number) => void): () => void;
}

/** A command: gives its exit code. */
export type Command = (args: readonly string[], context: CliContext) => Promise<number>;

export function say(context: CliContext, text: string): void {
  context.stdout.write(`${text}\n`);
}
