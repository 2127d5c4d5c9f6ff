import { invalid } from '../base/errors.ts';
import { inForeground } from './attached.ts';
import type { Command } from './context.ts';
import { parseFlags, type Flag } from './flags.ts';

export const EXEC_FLAGS: readonly Flag[] = [
  { name: 'detach', short: 'd', kind: 'flag', help: 'Detached mode: run command in the background' },
  { name: 'detach-keys', kind: 'value', help: 'Override the key sequence for detaching a container' },
  { name: 'env', short: 'e', kind: 'list', value: 'list', help: 'Set environment variables' },
  { name: 'interactive', short: 'i', kind: 'flag', help: 'Keep STDIN open even if not attached' },
  { name: 'privileged', kind: 'flag', help: 'Give extended privileges to the command' },
  { name: 'tty', short: 't', kind: 'flag', help: 'Allocate a pseudo-TTY' },
  { name: 'user', short: 'u', kind: 'value', help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
  { name: 'workdir', short: 'w', kind: 'value', help: 'Working directory inside the container' },
];

/** `kobako exec [FLAGS] CONTAINER COMMAND [ARG…]` */
export const exec: Command = async (args, context) => {
  const flags = parseFlags(EXEC_FLAGS, args);
  const [container, ...command] = flags.rest;
  if (container === undefined || command.length === 0) throw invalid('"kobako exec" requires at least 2 arguments');
  const [tty, stdin, detach] = [flags.on('tty'), flags.on('interactive'), flags.on('detach')];
  if (tty && stdin && !detach && !context.stdin.isTTY) throw invalid('the input device is not a TTY');
  const env = flags.list('env').flatMap((text) => (text.includes('=') ? [text] : context.env[text] === undefined ? [] : [`${text}=${context.env[text]}`]));
  const options = { args: command, env, cwd: flags.value('workdir'), user: flags.value('user'), tty, stdin, privileged: flags.on('privileged'), detach };
  if (detach) {
    await context.engine().exec(container, options);
    return 0;
  }
  const choice = { tty, stdin, stdout: true, stderr: !tty, detachKeys: flags.value('detach-keys') };
  return inForeground(context, choice, false, (streams) => context.engine().exec(container, options, streams));
};
