/** Finds the command that a command line names and runs it; turns errors into docker's words and exit codes. */
import { EngineError } from '../base/errors.ts';
import { child, isGroup, type CommandEntry, type CommandGroup, type Program } from './commands.ts';
import { say, type CliContext } from './context.ts';
import { HelpWanted, parseFlags, WrongUsage } from './flags.ts';
import { commandHelp, groupHelp } from './help.ts';
import { suggestions } from './suggest.ts';

/** Runs one command line (without node and script). Gives the exit code; throws nothing. */
export async function dispatch(program: Program, argv: readonly string[], given: CliContext): Promise<number> {
  let context = given;
  let path = program.name;
  let node: CommandEntry | CommandGroup = program;
  let args = argv;
  try {
    const globals = parseFlags(program.flags, argv);
    if (globals.on('version')) {
      say(context, `${program.name} version ${program.version}`);
      return 0;
    }
    context = program.configure(globals, context);
    args = globals.rest;
    const help = args[0] === 'help';
    if (help) args = args.slice(1);
    for (;;) {
      if (!isGroup(node)) break;
      const [word, ...rest]: readonly string[] = parseFlags([], args).rest;
      if (word === undefined || word === 'help') throw new HelpWanted('');
      const found = child(node, word);
      if (found === undefined) throw unknown(node, path, word);
      path = `${path} ${found[0]}`;
      [node, args] = [found[1], rest];
    }
    if (help) throw new HelpWanted('');
    return await node.run(args, context);
  } catch (error) {
    if (error instanceof HelpWanted) {
      const width = context.stdout.columns || undefined;
      say(context, isGroup(node) ? groupHelp(program, node, path, width) : commandHelp(program, node, path, width));
      return 0;
    }
    return fail(context, error, { path, node, program: program.name });
  }
}

function unknown(group: CommandGroup, path: string, word: string): EngineError {
  const shown = Object.entries(group.commands).filter(([, node]) => isGroup(node) || node.group !== 'hidden');
  const close = suggestions(
    word,
    shown.map(([name]) => name),
  ).slice(0, 3);
  const names = close.map((name) => `"${path} ${name}"`).join(' or ');
  const hint = close.length > 0 ? `did you mean ${names}?` : `${path} --help shows what there is`;
  return new EngineError('invalid', `unknown command: ${path} ${word}`, { hint });
}

interface Where {
  readonly program: string;
  readonly path: string;
  readonly node: CommandEntry | CommandGroup;
}

function fail(context: CliContext, error: unknown, { program, path, node }: Where): number {
  const code = isGroup(node) ? 1 : node.failure;
  if (!(error instanceof EngineError)) {
    context.stderr.write(`${program}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return code;
  }
  const detail = error.detail as { exitCode?: number; shown?: string } | undefined;
  // as docker: who has pressed ^C knows
  if (error.kind === 'cancelled' && (detail?.exitCode ?? 0) > 128) return detail!.exitCode!;
  context.stderr.write(`${program}: ${error.message}\n`);
  if (detail?.shown !== undefined) context.stderr.write(`${detail.shown}\n`);
  if (error.hint !== undefined) context.stderr.write(`hint: ${error.hint}\n`);
  if (error instanceof WrongUsage)
    context.stderr.write(`\nUsage:  ${path}${isGroup(node) ? '' : ` ${node.usage}`}\n\nRun '${path} --help' for more information\n`);
  return detail?.exitCode ?? code;
}
