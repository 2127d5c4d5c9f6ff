/** The command line's front door: the table of its commands. */
import { VERSION } from '../base/version.ts';
import type { CommandEntry, CommandTable, Program } from './commands.ts';
import { completeNames, completionGroup, type Names } from './completion/commands.ts';
import { attach, ATTACH_FLAGS, inspect, kill, KILL_FLAGS, ps, PS_FLAGS, rm, RM_FLAGS, stop, STOP_FLAGS, wait } from './containers.ts';
import { say, type CliContext } from './context.ts';
import { dispatch } from './dispatch.ts';
import { doctor, DOCTOR_FLAGS } from './doctor.ts';
import { exec, EXEC_FLAGS } from './exec.ts';
import { explain } from './explain.ts';
import { parseFlags } from './flags.ts';
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
import { INSPECT_FLAGS, OBJECT_INSPECT_FLAGS } from './inspect.ts';
import { logs, LOGS_FLAGS } from './logs.ts';
import { run } from './run.ts';
import { RUN_FLAGS } from './run-flags.ts';

const IMAGE: CommandTable = {
  history: { run: history, usage: '[OPTIONS] IMAGE', help: 'Show the history of an image', flags: HISTORY_FLAGS, complete: ['image', 'none'], failure: 1 },
  import: { run: importImage, usage: '[OPTIONS] FILE|- [NAME]', help: 'Make an image of the tar of a file system', flags: IMPORT_FLAGS, failure: 1 },
  inspect: {
    run: imageInspect,
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Show what is known of images',
    flags: OBJECT_INSPECT_FLAGS,
    complete: ['image'],
    failure: 1,
  },
  load: { run: load, usage: '[OPTIONS]', help: 'Load images from a tar archive or STDIN', flags: LOAD_FLAGS, complete: ['none'], failure: 1 },
  ls: {
    run: images,
    usage: '[OPTIONS] [REPOSITORY[:TAG]]',
    help: 'List images',
    flags: IMAGES_FLAGS,
    aliases: ['list'],
    complete: ['image', 'none'],
    failure: 1,
  },
  prune: { run: imagePrune, usage: '[OPTIONS]', help: 'Remove unused images', flags: PRUNE_FLAGS, complete: ['none'], failure: 1 },
  pull: {
    run: pull,
    usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
    help: 'Download an image from a registry',
    flags: PULL_FLAGS,
    complete: ['image', 'none'],
    failure: 1,
  },
  push: { run: push, usage: '[OPTIONS] NAME[:TAG]', help: 'Upload an image to a registry', flags: PUSH_FLAGS, complete: ['image', 'none'], failure: 1 },
  rm: {
    run: rmi,
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Remove one or more images',
    flags: RMI_FLAGS,
    aliases: ['remove'],
    complete: ['image'],
    failure: 1,
  },
  save: {
    run: save,
    usage: '[OPTIONS] IMAGE [IMAGE...]',
    help: 'Save images to a tar archive (streamed to STDOUT by default)',
    flags: SAVE_FLAGS,
    complete: ['image'],
    failure: 1,
  },
  tag: { run: tag, usage: 'SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]', help: 'Give an image one more name', complete: ['image', 'image', 'none'], failure: 1 },
};

const SYSTEM: CommandTable = {
  doctor: {
    run: doctor,
    usage: '[OPTIONS]',
    help: 'Look for what is in the way of containers on this machine',
    flags: DOCTOR_FLAGS,
    complete: ['none'],
    failure: 1,
  },
};

/** A command of a group under its short name, as docker has most of them. */
const short = (name: string, group?: 'common'): CommandEntry => {
  const { aliases: _, ...entry } = IMAGE[name] as CommandEntry;
  return group === undefined ? entry : { ...entry, group };
};

/** What a shell completes. */
const NAMES: Names = {
  container: (context) => containerNames(context, true),
  running: (context) => containerNames(context, false),
  image: async (context) => (await context.engine().images.list()).flatMap(({ repoTags }) => repoTags),
};

async function containerNames(context: CliContext, all: boolean): Promise<readonly string[]> {
  const found = await context.engine().containers.list({ all });
  return found.flatMap(({ Names: names }) => names.map((name) => name.replace(/^\//, '')));
}

const COMMANDS: CommandTable = {
  run: {
    run,
    usage: '[OPTIONS] IMAGE|--rootfs DIR[:O] [COMMAND] [ARG...]',
    help: 'Create and run a new container',
    flags: RUN_FLAGS,
    flagsFirst: true,
    group: 'common',
    complete: ['image', 'none'],
    failure: 125,
  },
  exec: {
    run: exec,
    usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
    help: 'Execute a command in a running container',
    flags: EXEC_FLAGS,
    flagsFirst: true,
    group: 'common',
    complete: ['running', 'none'],
    failure: 1,
  },
  ps: { run: ps, usage: '[OPTIONS]', help: 'List containers', flags: PS_FLAGS, group: 'common', complete: ['none'], failure: 1 },
  pull: short('pull', 'common'),
  push: short('push', 'common'),
  images: short('ls', 'common'),
  version: { run: version, usage: '', help: 'Show the version', group: 'common', complete: ['none'], failure: 1 },
  image: { help: 'Manage images', commands: IMAGE },
  system: { help: 'Manage the engine', commands: SYSTEM },
  completion: completionGroup(() => KOBAKO),
  __complete: completeNames(NAMES),
  attach: { run: attach, usage: '[OPTIONS] CONTAINER', help: 'Attach to a running container', flags: ATTACH_FLAGS, complete: ['running', 'none'], failure: 1 },
  explain: {
    run: explain,
    usage: '[--json] run [OPTIONS] COMMAND [ARG...]',
    help: 'Print the plan of a run, and run nothing',
    complete: [['run'], 'none'],
    failure: 1,
  },
  export: {
    run: exportContainer,
    usage: '[OPTIONS] CONTAINER',
    help: "Export a container's file system as a tar archive",
    flags: EXPORT_FLAGS,
    complete: ['container', 'none'],
    failure: 1,
  },
  history: short('history'),
  import: short('import'),
  inspect: {
    run: inspect,
    usage: '[OPTIONS] NAME|ID [NAME|ID...]',
    help: 'Show what is known of containers and images',
    flags: INSPECT_FLAGS,
    complete: ['container'],
    failure: 1,
  },
  kill: {
    run: kill,
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    help: 'Kill one or more running containers',
    flags: KILL_FLAGS,
    complete: ['running'],
    failure: 1,
  },
  load: short('load'),
  logs: { run: logs, usage: '[OPTIONS] CONTAINER', help: 'Fetch the logs of a container', flags: LOGS_FLAGS, complete: ['container', 'none'], failure: 1 },
  rm: { run: rm, usage: '[OPTIONS] CONTAINER [CONTAINER...]', help: 'Remove one or more containers', flags: RM_FLAGS, complete: ['container'], failure: 1 },
  rmi: short('rm'),
  save: short('save'),
  stop: {
    run: stop,
    usage: '[OPTIONS] CONTAINER [CONTAINER...]',
    help: 'Stop one or more running containers',
    flags: STOP_FLAGS,
    complete: ['running'],
    failure: 1,
  },
  tag: short('tag'),
  wait: { run: wait, usage: 'CONTAINER [CONTAINER...]', help: 'Block until containers stop, then print their exit codes', complete: ['running'], failure: 1 },
};

/** All that the command line can do. */
export const KOBAKO: Program = {
  name: 'kobako',
  version: VERSION,
  help: 'A container engine, without networks, volumes or daemon yet',
  flags: [
    { name: 'config', kind: 'value', value: 'string', help: 'Location of client config files (default "~/.docker")', complete: 'folder' },
    { name: 'version', short: 'v', kind: 'flag', help: 'Print version information and quit' },
  ],
  configure: (flags, context) => {
    const folder = flags.value('config');
    return folder === undefined ? context : { ...context, env: { ...context.env, DOCKER_CONFIG: folder } };
  },
  commands: COMMANDS,
};

/** Runs one command line (without node and script). Gives the exit code; throws nothing. */
export async function main(argv: readonly string[], context: CliContext): Promise<number> {
  return dispatch(KOBAKO, argv, context);
}

async function version(args: readonly string[], context: CliContext): Promise<number> {
  parseFlags([], args);
  say(context, `kobako version ${VERSION}`);
  return 0;
}
