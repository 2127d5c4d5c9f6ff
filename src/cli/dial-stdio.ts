import { parseFlags } from './flags.ts';
import type { Command } from './context.ts';

/** Standard input and output are a connection to the daemon: the far end of `ssh://`. */
export const dialStdio: Command = async (args, context) => {
  parseFlags([], args);
  const { stdin, stdout } = context;
  const socket = await context.dial();
  const ended = new Promise<void>((resolve, reject) => {
    socket.once('end', resolve).once('close', () => resolve());
    socket.once('error', reject);
  });
  stdin.pipe(socket);
  socket.pipe(stdout, { end: false });
  await ended;
  socket.destroy();
  stdin.unpipe().destroy();
  return 0;
};
