import { invalid } from '../base/errors.ts';
import type { LogLine } from '../engine/containers-contract.ts';
import { LOGS_FLAGS } from './container-flags.ts';
import type { Command } from './context.ts';
import { parseFlags } from './flags.ts';
import { instant } from './instant.ts';
import { integer } from './units.ts';
import { untilInterrupted } from './interrupt.ts';

/** `kobako logs [FLAGS] CONTAINER` */
export const logs: Command = async (args, context) => {
  const flags = parseFlags(LOGS_FLAGS, args, { interspersed: true });
  const [container] = flags.rest;
  if (container === undefined || flags.rest.length > 1) throw invalid('"kobako logs" requires exactly 1 argument');
  const tail = flags.value('tail');
  const options = {
    stdout: true,
    stderr: true,
    follow: flags.on('follow'),
    tail: tail === undefined || tail === 'all' ? undefined : integer(tail, 'tail', -1),
    since: flags.read('since', instant),
    until: flags.read('until', instant),
  };
  const { containers } = await context.engine();
  const shown = (line: LogLine) => `${flags.on('timestamps') ? `${line.time} ` : ''}${flags.on('details') ? `${details(line)} ` : ''}${line.log}`;
  return untilInterrupted(context, async (signal) => {
    for await (const line of containers.logs(container, { ...options, signal })) {
      const target = line.stream === 'stderr' ? context.stderr : context.stdout;
      if (!target.write(shown(line))) await new Promise((resolve) => target.once('drain', resolve));
    }
  });
};

function details({ attrs = {} }: LogLine): string {
  return Object.keys(attrs)
    .toSorted()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(attrs[key]!)}`)
    .join(',');
}
