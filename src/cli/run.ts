import { EngineError, invalid } from '../base/errors.ts';
import { inForeground, warn } from './attached.ts';
import type { CliContext, Command } from './context.ts';
import { parseFlags, type Flags } from './flags.ts';
import { transfer } from './image-transfer.ts';
import { progressView } from './progress.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { runOptions } from './run-options.ts';
import { say } from './context.ts';

/** `kobako run [FLAGS] IMAGE [COMMAND] [ARG…]` */
export const run: Command = async (args, context) => {
  const flags = parseFlags(RUN_FLAGS, args);
  const options = runOptions(flags, context);
  if (options.image !== undefined) await provideImage(flags, context, options.image);
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

/** As docker's --pull: what is missing is fetched, or always, or never. Progress goes to standard error. */
async function provideImage(flags: Flags, context: CliContext, name: string): Promise<void> {
  const policy = flags.value('pull') ?? 'missing';
  if (!['always', 'missing', 'never', ''].includes(policy)) throw invalid(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  const { images } = context.engine();
  if (policy === 'never') return;
  if (policy !== 'always') {
    const missing = await images.inspect(name).then(
      () => false,
      (error: unknown) => {
        if (error instanceof EngineError && error.kind === 'not-found') return true;
        throw error;
      },
    );
    if (!missing) return;
    context.stderr.write(`Unable to find image '${images.familiarName(name)}' locally\n`);
  }
  const view = progressView(context.stderr, flags.on('quiet'));
  await transfer(context, view, (options) => images.pull(name, { ...options, platform: flags.value('platform') }));
}

function writeId(flags: Flags, context: CliContext, id: string): void {
  const path = flags.value('cidfile');
  if (path !== undefined) context.writeFile(path, id);
}
