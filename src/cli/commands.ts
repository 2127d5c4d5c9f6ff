/** The tree of commands as data: what is run, helped with and completed comes from it. `dispatch.ts` runs it. */
import type { CliContext, Command } from './context.ts';
import type { Completion, Flag, Flags } from './flags.ts';

export interface CommandEntry {
  readonly run: Command;
  /** What follows the command's name: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string;
  /** One sentence without a full stop. */
  readonly help: string;
  readonly flags?: readonly Flag[];
  /** Flags end at the first argument, as for `run` and `exec`: only of interest to completion. */
  readonly flagsFirst?: boolean;
  /** The exit code of an error before anything has run: docker's 125 for run and 1 for the others. */
  readonly failure: number;
  /** `common` commands are shown first; `hidden` ones not at all. */
  readonly group?: 'common' | 'hidden';
  /** Further names in the same group: `list` for `ls`. */
  readonly aliases?: readonly string[];
  /** What the arguments are, the last for all that follow. Default: files. */
  readonly complete?: readonly Completion[];
}

/** A management command: `kobako image`. */
export interface CommandGroup {
  readonly help: string;
  readonly aliases?: readonly string[];
  readonly commands: CommandTable;
}

/** Shown in this order. The same entry may be in several groups. */
export type CommandTable = Readonly<Record<string, CommandEntry | CommandGroup>>;

export interface Program extends CommandGroup {
  readonly name: string;
  readonly version: string;
  /** What may stand before the command. */
  readonly flags: readonly Flag[];
  /** What these change for the command. */
  configure(flags: Flags, context: CliContext): CliContext;
}

export function isGroup(node: CommandEntry | CommandGroup): node is CommandGroup {
  return 'commands' in node;
}

/** An entry and all its names, as `kobako container ls`; those in groups first. */
export function namesOf(program: Program, entry: CommandEntry): string[] {
  const search = (group: CommandGroup, path: string): string[] => {
    const nodes = Object.entries(group.commands);
    const below = nodes.flatMap(([name, node]) => (isGroup(node) ? search(node, `${path} ${name}`) : []));
    const here = nodes.flatMap(([name, node]) => (isGroup(node) || node.run !== entry.run ? [] : [name, ...(node.aliases ?? [])]));
    return [...below, ...here.map((name) => `${path} ${name}`)];
  };
  return search(program, program.name);
}

/** The child of that name or alias, with its name. */
export function child(group: CommandGroup, word: string): [name: string, node: CommandEntry | CommandGroup] | undefined {
  return Object.entries(group.commands).find(([name, node]) => name === word || node.aliases?.includes(word));
}
