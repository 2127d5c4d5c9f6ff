import { invalid } from '../base/errors.ts';
import { say, type Command } from './context.ts';
import { parseFlags } from './flags.ts';
import { RUN_FLAGS } from './run-flags.ts';
import { runOptions } from './run-options.ts';

/** `kobako explain [--json] run [FLAGS] COMMAND [ARG…]`: the plan, and nothing run. */
export const explain: Command = async (args, context) => {
  const { rest, ...own } = splitOwn(args);
  const [command, ...words] = rest;
  if (command !== 'run') throw invalid(`"kobako explain" explains "run", not ${JSON.stringify(command ?? '')}`, 'as: kobako explain run --rootfs / echo hello');
  const flags = parseFlags([...RUN_FLAGS, { name: 'json', kind: 'flag', help: 'Print the plan as JSON' }], words);
  const options = runOptions(flags, context);
  const engine = await context.localEngine();
  const explained = await engine.plan(options);
  say(context, own.json || flags.on('json') ? explained.json() : explained.text());
  return 0;
};

function splitOwn(args: readonly string[]): { json: boolean; rest: readonly string[] } {
  return args[0] === '--json' ? { json: true, rest: args.slice(1) } : { json: false, rest: args };
}
