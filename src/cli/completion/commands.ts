/** `kobako completion bash|zsh|fish`, and the names that their scripts ask for. */
import type { CommandEntry, CommandGroup, Program } from '../commands.ts';
import { say, type Command, type CliContext } from '../context.ts';
import { parseFlags } from '../flags.ts';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { completionNodes, type CompletionNode, type NAMED } from './model.ts';
import { zshScript } from './zsh.ts';

/** Gives the names of a kind: of containers that run, for instance. */
export type Names = Readonly<Partial<Record<(typeof NAMED)[number], (context: CliContext) => Promise<readonly string[]>>>>;

const SHELLS: Readonly<Record<string, (name: string, nodes: readonly CompletionNode[]) => string>> = { bash: bashScript, fish: fishScript, zsh: zshScript };

/** The group `completion`. The program is asked for when a script is made: it has this group. */
export function completionGroup(program: () => Program): CommandGroup {
  const entry = (shell: string): CommandEntry => ({
    run: async (args, context) => {
      parseFlags([], args);
      const { name } = program();
      context.stdout.write(SHELLS[shell]!(name, completionNodes(program())));
      return 0;
    },
    usage: '',
    help: `Generate the autocompletion script for ${shell}`,
    complete: ['none'],
    failure: 1,
  });
  return { help: 'Generate the autocompletion script for a shell', commands: Object.fromEntries(Object.keys(SHELLS).map((shell) => [shell, entry(shell)])) };
}

/** The hidden `__complete KIND`: names, one a line; nothing where there are none, or where they cannot be had. */
export function completeNames(names: Names): CommandEntry {
  const run: Command = async ([kind = ''], context) => {
    const find = Object.hasOwn(names, kind) ? names[kind as keyof Names] : undefined;
    const found = find === undefined ? [] : await find(context).catch((): readonly string[] => []);
    // a line for each, and nothing that a terminal would take for a command
    for (const name of found) if (!/[\p{Cc}\s]/u.test(name)) say(context, name);
    return 0;
  };
  return { run, usage: 'KIND', help: 'Names for the autocompletion scripts', group: 'hidden', failure: 1 };
}
