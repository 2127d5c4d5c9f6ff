/** `npm run vm -- CMD ARGS`: runs a command in the virtual machine, in this folder; a shell's line when it is one word. */
import { parseArgs } from 'node:util';
import { EngineError } from '../../src/base/errors.ts';
import { runInVm } from './vm.ts';

const USAGE = 'usage: npm run vm -- [--cpus N] [--memory MiB] [--timeout SECONDS] COMMAND [ARG...]';

/** Options come before the command; everything from the command on is the command's. */
function commandLine(argv: readonly string[]) {
  const first = argv.findIndex((word, index) => !word.startsWith('--') && !/^--\w+$/.test(argv[index - 1] ?? ''));
  const split = first < 0 ? argv.length : first;
  const string = { type: 'string' } as const;
  const { values } = parseArgs({ args: argv.slice(0, split), options: { cpus: string, memory: string, timeout: string } });
  const number = (name: keyof typeof values) => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (!/^[1-9]\d{0,6}$/.test(text)) throw new EngineError('invalid', `--${name} ${text}: not a positive number`);
    return Number(text);
  };
  return { command: argv.slice(split), cpus: number('cpus'), memoryMb: number('memory'), seconds: number('timeout') ?? 600 };
}

try {
  const { command, cpus, memoryMb, seconds } = commandLine(process.argv.slice(2));
  if (command.length === 0) throw new EngineError('invalid', USAGE);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(signal));
  const result = await runInVm(command.length === 1 ? ['sh', '-c', command[0]!] : command, {
    cpus,
    memoryMb,
    timeoutMs: seconds * 1000,
    cwd: process.cwd(),
    signal: stop.signal,
    onOutput: (chunk) => process.stdout.write(chunk),
  });
  process.exitCode = result.code;
} catch (error) {
  console.error(`vm: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 125;
}
