import { invalid } from '../base/errors.ts';
import { EVENTS_FLAGS } from './container-flags.ts';
import { say, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags } from './flags.ts';
import { instant } from './instant.ts';
import { untilInterrupted } from './interrupt.ts';
import { eventLines } from './rows/events.ts';

/** `kobako events [FLAGS]` */
export const events: Command = async (args, context) => {
  const flags = parseFlags(EVENTS_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako events" accepts no arguments');
  const line = eventLines(flags.value('format'));
  const options = { since: flags.read('since', instant), until: flags.read('until', instant), filters: filters(flags) };
  const { system } = await context.engine();
  return untilInterrupted(context, async (signal) => {
    for await (const event of system.events({ ...options, signal })) say(context, line(event));
  });
};
