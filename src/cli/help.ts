/** What `--help` prints, laid out as docker does. */
import { isGroup, namesOf, type CommandEntry, type CommandGroup, type Program } from './commands.ts';
import { flagHelp, type Flag } from './flags.ts';

const WIDTH = 80;
/** Names are padded to at least so much. */
const NAME = 11;

const optionList = (title: string, flags: readonly Flag[] = [], width = WIDTH) => (flags.length === 0 ? [] : [`${title}:\n${flagHelp(flags, width - 1)}`]);

/** Of one command: usage, names, options. */
export function commandHelp(program: Program, entry: CommandEntry, path: string, width?: number): string {
  const names = namesOf(program, entry);
  const aliases = names.length > 1 ? [`Aliases:\n  ${names.join(', ')}`] : [];
  return [`Usage:  ${path}${entry.usage === '' ? '' : ` ${entry.usage}`}`, entry.help, ...aliases, ...optionList('Options', entry.flags, width)].join('\n\n');
}

/** Of a group, or of the whole program: the commands under their headings. */
export function groupHelp(program: Program, group: CommandGroup, path: string, width?: number): string {
  const nodes = Object.entries(group.commands);
  const pad = Math.max(NAME, ...nodes.map(([name]) => name.length)) + 1;
  const list = (title: string, wanted: (node: CommandEntry | CommandGroup) => boolean) => {
    const rows = nodes.filter(([, node]) => wanted(node)).map(([name, { help }]) => `  ${name.padEnd(pad)}${help}`);
    return rows.length === 0 ? [] : [`${title}:\n${rows.join('\n')}`];
  };
  const top = group === program;
  return [
    `Usage:  ${path}${top ? ' [OPTIONS]' : ''} COMMAND`,
    group.help,
    ...list('Common Commands', (node) => !isGroup(node) && node.group === 'common'),
    ...list('Management Commands', isGroup),
    ...list('Commands', (node) => !isGroup(node) && node.group === undefined),
    ...(top ? optionList('Global Options', program.flags, width) : []),
    `Run '${path} COMMAND --help' for more information on a command.`,
  ].join('\n\n');
}
