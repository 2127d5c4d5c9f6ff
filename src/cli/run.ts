import { invalid } from '../base/errors.ts';
import { inForeground, warn } from './attached.ts';
import type { CliContext, Command } from './context.ts';
import { parseFlags, type Flags } from './flags.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { runOptions } from './run-options.ts';
import { say } from './context.ts';

/** `kobako run [FLAGS] COMMAND [ARG…]` */
export const run: Command = async (args, context) => {
  const flags = parseFlags(RUN_FLAGS, args);
  const options = runOptions(flags, context);
  if (options.detach) {
    const running = await context.engine().run(options);
    if (!flags.on('quiet')) warn(context, running.warnings);
    writeId(flags, context, running.containerId);
    say(context, running.containerId);
    return 0;
  }
  if (options.tty && options.stdin && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const wanted = flags.list('attach').map((name) => name.toLowerCase());
  for (const name of wanted)
    if (!/^std(in|out|err)$/.test(name)) throw invalid(`invalid argument "${name}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`);
  const all = wanted.length === 0;
  const choice = {
    tty: options.tty,
    stdin: options.stdin && (all || wanted.includes('stdin')),
    stdout: all || wanted.includes('stdout'),
    stderr: !options.tty && (all || wanted.includes('stderr')),
    detachKeys: flags.value('detach-keys'),
  };
  const sigProxy = !flags.has('sig-proxy') || flags.on('sig-proxy');
  return inForeground(context, choice, sigProxy, async (streams) => {
    const running = await context.engine().run(options, streams);
    writeId(flags, context, running.containerId);
    return flags.on('quiet') ? { ...running, warnings: [] } : running;
  });
};

function writeId(flags: Flags, context: CliContext, id: string): void {
  const path = flags.value('cidfile');
  if (path !== undefined) context.writeFile(path, id);
}
