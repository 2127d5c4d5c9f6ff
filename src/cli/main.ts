/** The command line's front door: finds the command, and turns an error into docker's words and exit codes. */
import { EngineError, invalid } from '../base/errors.ts';
import { attach, inspect, kill, ps, rm, stop, wait } from './containers.ts';
import type { CliContext, Command } from './context.ts';
import { exec, EXEC_FLAGS } from './exec.ts';
import { explain } from './explain.ts';
import { flagHelp, type Flag } from './flags.ts';
import {
  EXPORT_FLAGS,
  exportContainer,
  importImage,
  IMPORT_FLAGS,
  load,
  LOAD_FLAGS,
  pull,
  PULL_FLAGS,
  push,
  PUSH_FLAGS,
  save,
  SAVE_FLAGS,
} from './image-transfer.ts';
import { history, HISTORY_FLAGS, imageInspect, imagePrune, images, IMAGES_FLAGS, PRUNE_FLAGS, rmi, RMI_FLAGS, tag } from './images.ts';
import { logs } from './logs.ts';
import { run } from './run.ts';
import { RUN_FLAGS } from './run-flags.ts';

interface Entry {
  readonly run: Command;
  readonly usage: string;
  readonly help: string;
  readonly flags?: readonly Flag[];
  /** The exit code of an error before anything has run: docker's 125 for run and 1 for the others. */
  readonly failure: number;
}

const IMAGE_COMMANDS: Readonly<Record<string, Entry>> = {
  history: { run: history, usage: 'history [OPTIONS] IMAGE', help: 'Show the history of an image', flags: HISTORY_FLAGS, failure: 1 },
  import: { run: importImage, usage: 'import [OPTIONS] FILE|- [NAME]', help: 'Make an image of the tar of a file system', flags: IMPORT_FLAGS, failure: 1 },
  inspect: { run: imageInspect, usage: 'inspect IMAGE…', help: 'Show what is known of images', failure: 1 },
  load: { run: load, usage: 'load [OPTIONS]', help: 'Load images from a tar archive or STDIN', flags: LOAD_FLAGS, failure: 1 },
  ls: { run: images, usage: 'ls [OPTIONS] [REPOSITORY[:TAG]]', help: 'List images', flags: IMAGES_FLAGS, failure: 1 },
  prune: { run: imagePrune, usage: 'prune [OPTIONS]', help: 'Remove unused images', flags: PRUNE_FLAGS, failure: 1 },
  pull: { run: pull, usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]', help: 'Download an image from a registry', flags: PULL_FLAGS, failure: 1 },
  push: { run: push, usage: 'push [OPTIONS] NAME[:TAG]', help: 'Upload an image to a registry', flags: PUSH_FLAGS, failure: 1 },
  rm: { run: rmi, usage: 'rm [OPTIONS] IMAGE…', help: 'Remove one or more images', flags: RMI_FLAGS, failure: 1 },
  save: { run: save, usage: 'save [OPTIONS] IMAGE…', help: 'Save images to a tar archive (streamed to STDOUT by default)', flags: SAVE_FLAGS, failure: 1 },
  tag: { run: tag, usage: 'tag SOURCE[:TAG] TARGET[:TAG]', help: 'Give an image one more name', failure: 1 },
};

const {
  ls,
  rm: removeImages,
  history: imageHistory,
  import: imported,
  load: loaded,
  pull: pulled,
  push: pushed,
  save: saved,
  tag: tagged,
} = IMAGE_COMMANDS as Record<string, Entry>;

const COMMANDS: Readonly<Record<string, Entry>> = {
  run: { run, usage: 'run [FLAGS] IMAGE|--rootfs DIR[:O] [COMMAND] [ARG…]', help: 'Create and run a new container', flags: RUN_FLAGS, failure: 125 },
  exec: { run: exec, usage: 'exec [FLAGS] CONTAINER COMMAND [ARG…]', help: 'Execute a command in a running container', flags: EXEC_FLAGS, failure: 1 },
  explain: { run: explain, usage: 'explain [--json] run [FLAGS] COMMAND [ARG…]', help: 'Print the plan of a run, and run nothing', failure: 1 },
  ps: { run: ps, usage: 'ps [-a] [-q]', help: 'List containers', failure: 1 },
  logs: { run: logs, usage: 'logs [-f] [-n N] [-t] CONTAINER', help: 'Fetch the logs of a container', failure: 1 },
  attach: { run: attach, usage: 'attach CONTAINER', help: 'Attach to a running container', failure: 1 },
  inspect: { run: inspect, usage: 'inspect CONTAINER…', help: 'Show what is known of containers', failure: 1 },
  kill: { run: kill, usage: 'kill [-s SIGNAL] CONTAINER…', help: 'Kill one or more running containers', failure: 1 },
  stop: { run: stop, usage: 'stop [-t SECONDS] CONTAINER…', help: 'Stop one or more running containers', failure: 1 },
  wait: { run: wait, usage: 'wait CONTAINER…', help: 'Block until containers stop, then print their exit codes', failure: 1 },
  rm: { run: rm, usage: 'rm [-f] CONTAINER…', help: 'Remove one or more containers', failure: 1 },
  export: {
    run: exportContainer,
    usage: 'export [OPTIONS] CONTAINER',
    help: "Export a container's file system as a tar archive",
    flags: EXPORT_FLAGS,
    failure: 1,
  },
  history: imageHistory!,
  images: { ...ls!, usage: 'images [OPTIONS] [REPOSITORY[:TAG]]' },
  import: imported!,
  load: loaded!,
  pull: pulled!,
  push: pushed!,
  rmi: { ...removeImages!, usage: 'rmi [OPTIONS] IMAGE…' },
  save: saved!,
  tag: tagged!,
};

export const VERSION = '0.1.0';

/** Runs one command line (without node and script). Gives the exit code; throws nothing. */
export async function main(argv: readonly string[], context: CliContext): Promise<number> {
  const [name, ...args] = argv;
  if (name === 'image') return dispatch(IMAGE_COMMANDS, 'kobako image', args, context);
  return dispatch(COMMANDS, 'kobako', argv, context);
}

async function dispatch(commands: Readonly<Record<string, Entry>>, program: string, argv: readonly string[], context: CliContext): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    context.stdout.write(`${overview(commands, program)}\n`);
    return 0;
  }
  if (name === 'version' || name === '--version' || name === '-v') {
    context.stdout.write(`kobako version ${VERSION}\n`);
    return 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (entry === undefined) throw invalid(`unknown command: ${program} ${name}`, nearest(commands, program, name));
    if (args[0] === '--help') {
      context.stdout.write(`Usage:  ${program} ${entry.usage}\n\n${entry.help}\n${entry.flags === undefined ? '' : `\nOptions:\n${flagHelp(entry.flags)}\n`}`);
      return 0;
    }
    return await entry.run(args, context);
  } catch (error) {
    return fail(context, error, entry?.failure ?? 1);
  }
}

function fail(context: CliContext, error: unknown, code: number): number {
  if (!(error instanceof EngineError)) {
    context.stderr.write(`kobako: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return code;
  }
  const detail = error.detail as { exitCode?: number; shown?: string } | undefined;
  // as docker: who has pressed ^C knows
  if (error.kind === 'cancelled' && (detail?.exitCode ?? 0) > 128) return detail!.exitCode!;
  context.stderr.write(`kobako: ${error.message}\n`);
  if (detail?.shown !== undefined) context.stderr.write(`${detail.shown}\n`);
  if (error.hint !== undefined) context.stderr.write(`hint: ${error.hint}\n`);
  return detail?.exitCode ?? code;
}

function overview(commands: Readonly<Record<string, Entry>>, program: string): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 3;
  const rows = Object.entries(commands).map(([name, { help }]) => `  ${name.padEnd(width)}${help}`);
  return [
    `Usage:  ${program} COMMAND`,
    '',
    program === 'kobako' ? 'A container engine, without networks, volumes or daemon yet' : 'Images: kobako pull is kobako image pull, and so on',
    '',
    'Commands:',
    ...rows,
    '',
    `Run '${program} COMMAND --help' for more on a command.`,
  ].join('\n');
}

function nearest(commands: Readonly<Record<string, Entry>>, program: string, name: string): string | undefined {
  const close = Object.keys(commands).find((other) => other.startsWith(name.slice(0, 2)) || other.includes(name) || name.includes(other));
  return close === undefined ? undefined : `did you mean "${program} ${close}"?`;
}
