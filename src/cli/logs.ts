import { invalid } from '../base/errors.ts';
import { parseFlags, type Flag } from './flags.ts';
import type { Command } from './context.ts';
import { integer } from './units.ts';

export const LOGS_FLAGS: readonly Flag[] = [
  { name: 'follow', short: 'f', kind: 'flag', help: 'Follow log output' },
  { name: 'tail', short: 'n', kind: 'value', help: 'Number of lines to show from the end of the logs (default "all")' },
  { name: 'timestamps', short: 't', kind: 'flag', help: 'Show timestamps' },
];

/** `kobako logs [FLAGS] CONTAINER` */
export const logs: Command = async (args, context) => {
  const flags = parseFlags(LOGS_FLAGS, args, { interspersed: true });
  const [container] = flags.rest;
  if (container === undefined || flags.rest.length > 1) throw invalid('"kobako logs" requires exactly 1 argument');
  const tail = flags.value('tail');
  const options = { follow: flags.on('follow'), tail: tail === undefined || tail === 'all' ? undefined : integer(tail, 'tail', -1) };
  for await (const entry of context.engine().logs(container, options)) {
    const target = entry.stream === 'stderr' ? context.stderr : context.stdout;
    const text = flags.on('timestamps') ? `${entry.time} ${entry.log}` : entry.log;
    if (!target.write(text)) await new Promise((resolve) => target.once('drain', resolve));
  }
  return 0;
};
