/** A process in the foreground: its streams, its terminal, its signals. */
import { DETACH_KEYS, DetachKeys } from '../base/detach-keys.ts';
import { FrameReader } from '../base/frames.ts';
import type { Attached } from '../engine/containers-contract.ts';
import type { TerminalSize } from '../engine/contract.ts';
import type { CliContext } from './context.ts';

export interface AttachChoice {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys?: string | undefined;
}

export interface ForegroundProcess {
  readonly choice: AttachChoice;
  /** Gives the streams; called once the terminal is set up. Resolves when the process runs. */
  begin(): Promise<Attached>;
  resize(size: TerminalSize): Promise<unknown>;
  /** Gets this process's signals; without it they do here what they do. */
  signal?: ((signal: number) => Promise<unknown>) | undefined;
}

/** How large the terminal is on which the output goes. */
export function terminalSize({ stdout }: CliContext): TerminalSize | undefined {
  return stdout.isTTY && stdout.rows > 0 && stdout.columns > 0 ? { rows: stdout.rows, cols: stdout.columns } : undefined;
}

/** Ties this terminal to a process until its streams end, or the detach keys are typed. */
export async function inForeground(context: CliContext, process: ForegroundProcess): Promise<'ended' | 'detached'> {
  const { choice } = process;
  const raw = choice.tty && choice.stdin && context.stdin.isTTY;
  const restore = () => {
    if (raw) context.stdin.setRawMode(false);
  };
  const ignoreLate = () => {}; // it may have ended meanwhile
  const { signal } = process;
  const stopSignals = signal === undefined || choice.tty ? () => {} : context.onSignal((number) => void signal(number).catch(ignoreLate));
  const onResize = () => {
    const size = terminalSize(context);
    if (size !== undefined) process.resize(size).catch(ignoreLate);
  };
  // a reader that went away, as `| head`, ends us as it ends others
  context.stdout.on('error', ignoreLate);
  try {
    if (raw) context.stdin.setRawMode(true);
    const attached = await process.begin();
    if (choice.tty) {
      onResize();
      context.stdout.on('resize', onResize);
    }
    return await carry(context, attached, choice);
  } finally {
    restore();
    stopSignals();
    context.stdout.off('resize', onResize);
    context.stdin.pause();
    context.stdin.unref?.();
  }
}

/** Carries bytes both ways, each way as fast as its reader. The user's streams are not ended. */
function carry(context: CliContext, { tty, stream }: Attached, choice: AttachChoice): Promise<'ended' | 'detached'> {
  return new Promise((resolve, reject) => {
    const stdin = choice.stdin ? context.stdin : undefined;
    const keys = new DetachKeys(choice.detachKeys ?? DETACH_KEYS);
    const finish = (how: 'ended' | 'detached') => {
      stdin?.off('data', onInput).off('end', onInputEnd);
      stdin?.pause();
      stream.destroy();
      resolve(how);
    };
    const write = (target: NodeJS.WriteStream | undefined, payload: Buffer) => {
      if (target === undefined || target.write(payload)) return;
      stream.pause();
      target.once('drain', () => stream.resume());
    };
    const stdout = choice.stdout ? context.stdout : undefined;
    const stderr = choice.stderr ? context.stderr : undefined;
    const frames = new FrameReader((name, payload) => write(name === 'stdout' ? stdout : stderr, payload));
    const onInput = (chunk: Buffer | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const { pass, detached } = tty ? keys.push(bytes) : { pass: bytes, detached: false };
      if (pass.length > 0 && stream.writable && !stream.write(pass)) {
        stdin?.pause();
        stream.once('drain', () => stdin?.resume());
      }
      if (detached) finish('detached');
    };
    const onInputEnd = () => {
      const held = keys.rest();
      if (held.length > 0 && stream.writable) stream.write(held);
      stream.end();
    };
    stream.on('data', (chunk: Buffer) => {
      try {
        if (tty) write(stdout, chunk);
        else frames.push(chunk);
      } catch (error) {
        stream.destroy();
        reject(error as Error);
      }
    });
    stream.on('error', () => {}); // its close follows
    stream.on('end', () => finish('ended'));
    stream.on('close', () => finish('ended'));
    stdin?.on('data', onInput).on('end', onInputEnd);
    if (stdin?.readableEnded) onInputEnd();
  });
}
