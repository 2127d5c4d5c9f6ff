import { setTimeout as sleep } from 'node:timers/promises';
import { invalid } from '../base/errors.ts';
import type { Execs } from '../engine/containers-contract.ts';
import { EXEC_FLAGS } from './container-flags.ts';
import type { Command } from './context.ts';
import { parseFlags } from './flags.ts';
import { inForeground, terminalSize } from './foreground.ts';
import { variables } from './variables.ts';

/** Milliseconds between two questions whether it has ended, at first and at most. */
const POLL = { first: 2, most: 200 };

/** `kobako exec [FLAGS] CONTAINER COMMAND [ARG…]` */
export const exec: Command = async (args, context) => {
  const flags = parseFlags(EXEC_FLAGS, args);
  const [container, ...command] = flags.rest;
  if (container === undefined || command.length === 0) throw invalid('"kobako exec" requires at least 2 arguments');
  const [tty, stdin, detach] = [flags.on('tty'), flags.on('interactive'), flags.on('detach')];
  if (tty && stdin && !detach && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const { execs } = await context.engine();
  const size = terminalSize(context);
  const detachKeys = flags.value('detach-keys');
  const consoleSize = tty && size !== undefined ? ([size.rows, size.cols] as const) : undefined;
  const { Id } = await execs.create(container, {
    Cmd: command,
    Env: variables(flags, context).filter((text) => text.includes('=')),
    Tty: tty,
    AttachStdin: stdin && !detach,
    AttachStdout: !detach,
    AttachStderr: !detach,
    Privileged: flags.on('privileged'),
    User: flags.value('user') ?? '',
    WorkingDir: flags.value('workdir') ?? '',
    ...(detachKeys === undefined ? {} : { DetachKeys: detachKeys }),
    ...(consoleSize === undefined ? {} : { ConsoleSize: consoleSize }),
  });
  if (detach) {
    await execs.start(Id, { detach });
    return 0;
  }
  const how = await inForeground(context, {
    choice: { tty, stdin, stdout: true, stderr: !tty, detachKeys },
    begin: async () => (await execs.start(Id, { consoleSize }))!,
    resize: ({ rows, cols }) => execs.resize(Id, rows, cols),
  });
  if (how === 'ended') return exitCode(execs, Id);
  context.stderr.write('read escape sequence\n');
  return 1;
};

/** Its streams may end a moment before it does, or long before. */
async function exitCode(execs: Execs, id: string): Promise<number> {
  for (let pause = POLL.first; ; pause = Math.min(2 * pause, POLL.most)) {
    const { Running, ExitCode } = await execs.inspect(id);
    if (!Running) return ExitCode ?? 0;
    await sleep(pause);
  }
}
