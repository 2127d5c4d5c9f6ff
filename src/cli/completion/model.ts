/** The tree of commands as the shells' scripts need it: one flat list. */
import { isGroup, type CommandEntry, type CommandGroup, type Program } from '../commands.ts';
import type { Completion } from '../flags.ts';

export interface CompletionFlag {
  /** `--all`, and `-a` where there is one. */
  readonly words: readonly string[];
  readonly help: string;
  /** Of its value; undefined where it takes none. */
  readonly value: Completion | undefined;
}

export interface CompletionNode {
  /** `kobako image ls`, and the same with the aliases of each word. */
  readonly paths: readonly string[];
  readonly commands: readonly { readonly name: string; readonly help: string }[];
  readonly flags: readonly CompletionFlag[];
  /** What is behind the first argument is not for us. */
  readonly flagsFirst: boolean;
  /** Of each argument, the last for all that follow. */
  readonly args: readonly Completion[];
}

const HELP: CompletionFlag = { words: ['--help'], help: 'Show help', value: undefined };

export function completionNodes(program: Program): CompletionNode[] {
  const flagsOf = (flags: CommandEntry['flags'] = []): CompletionFlag[] => [
    ...flags.map(({ name, short, kind, help, complete = 'file' as const }) => ({
      words: [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
      help: firstLine(help),
      value: kind === 'flag' ? undefined : complete,
    })),
    HELP,
  ];
  const walk = (node: CommandEntry | CommandGroup, paths: readonly string[]): CompletionNode[] => {
    if (!isGroup(node)) return [{ paths, commands: [], flags: flagsOf(node.flags), flagsFirst: node.flagsFirst ?? false, args: node.complete ?? ['file'] }];
    const shown = Object.entries(node.commands).filter(([, each]) => isGroup(each) || each.group !== 'hidden');
    const own: CompletionNode = {
      paths,
      commands: shown.map(([name, { help }]) => ({ name, help })),
      flags: flagsOf(node === program ? program.flags : []),
      flagsFirst: false,
      args: ['none'],
    };
    const below = shown.flatMap(([name, each]) =>
      walk(
        each,
        paths.flatMap((path) => [name, ...(each.aliases ?? [])].map((word) => `${path} ${word}`)),
      ),
    );
    return [own, ...below];
  };
  return walk(program, [program.name]);
}

/** The words after which a value comes. */
export function taking({ flags }: CompletionNode): string[] {
  return flags.flatMap(({ words, value }) => (value === undefined ? [] : words));
}

function firstLine(text: string): string {
  return text.split('\n')[0]!.replace(/:$/, '');
}

/** A word of a shell, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** One word for a kind of value: a list of words stands for itself. */
export function kindWord(completion: Completion): string {
  return typeof completion === 'string' ? completion : `words ${completion.join(' ')}`;
}

/** Kinds whose names the program is asked for, as `kobako __complete KIND`. */
export const NAMED = ['container', 'running', 'image', 'volume', 'network', 'context'] as const;
