/** A process in the foreground: its streams, its terminal, its signals, its exit code. */
import type { RunningProcess, RunStreams, TerminalSize } from '../engine/contract.ts';
import type { CliContext } from './context.ts';

export interface AttachChoice {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys?: string | undefined;
}

/** The streams of this terminal for a process. */
export function streamsOf(context: CliContext, choice: AttachChoice): RunStreams {
  const size = terminalSize(context);
  return {
    ...(choice.stdin ? { stdin: context.stdin } : {}),
    ...(choice.stdout ? { stdout: context.stdout } : {}),
    ...(choice.stderr ? { stderr: context.stderr } : {}),
    ...(choice.detachKeys === undefined ? {} : { detachKeys: choice.detachKeys }),
    ...(size === undefined ? {} : { size }),
  };
}

function terminalSize({ stdout }: CliContext): TerminalSize | undefined {
  return stdout.isTTY && stdout.rows > 0 && stdout.columns > 0 ? { rows: stdout.rows, cols: stdout.columns } : undefined;
}

/** Runs `start` with the terminal set up, stays until the process ends or is detached from. Gives the exit code. */
export async function inForeground(
  context: CliContext,
  choice: AttachChoice,
  sigProxy: boolean,
  start: (streams: RunStreams) => Promise<RunningProcess>,
): Promise<number> {
  const raw = choice.tty && choice.stdin && context.stdin.isTTY;
  const restore = () => {
    if (raw) context.stdin.setRawMode(false);
  };
  let running: RunningProcess | undefined;
  const ignoreLate = () => {}; // it may have ended meanwhile
  const stopSignals = sigProxy && !choice.tty ? context.onSignal((signal) => void running?.kill(signal).catch(ignoreLate)) : () => {};
  const onResize = () => {
    const size = terminalSize(context);
    if (size !== undefined) running?.resize(size).catch(ignoreLate);
  };
  // a reader that went away, as `| head`, ends us as it ends others
  context.stdout.on('error', ignoreLate);
  try {
    if (raw) context.stdin.setRawMode(true);
    if (choice.tty) context.stdout.on('resize', onResize);
    running = await start(streamsOf(context, choice));
    warn(context, running.warnings);
    const end = await running.attached();
    if (end.kind === 'exit') return end.record.status;
    restore();
    context.stderr.write('read escape sequence\n');
    return 0;
  } finally {
    restore();
    stopSignals();
    context.stdout.off('resize', onResize);
    context.stdin.pause();
    context.stdin.unref?.();
  }
}

export function warn(context: CliContext, warnings: readonly string[]): void {
  for (const warning of warnings) context.stderr.write(`WARNING: ${warning}\n`);
}
