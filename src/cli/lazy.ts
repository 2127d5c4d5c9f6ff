import type { Command } from './context.ts';

/** A command whose module is evaluated when it is first run: all of them together would make each a third slower. */
export function lazy(load: () => Promise<Command>): Command {
  return async (args, context) => (await load())(args, context);
}
