/** The command line's front door: the table of its commands. What a command does is loaded when it is run. */
import { VERSION } from '../base/version.ts';
import { BUILD, COMMANDS_ON_BUILDS } from './build-commands.ts';
import type { CommandEntry, CommandGroup, CommandTable, Program } from './commands.ts';
import { completeNames, completionGroup, type Names } from './completion/commands.ts';
import { COMMANDS_ON_CONTAINERS } from './container-commands.ts';
import type { CliContext } from './context.ts';
import { dispatch } from './dispatch.ts';
import { COMMANDS_ON_IMAGES } from './image-commands.ts';
import { lazy } from './lazy.ts';
import { COMMANDS_ON_NETWORKS } from './network-commands.ts';
import { LEASES } from './lease-commands.ts';
import { COMMANDS_ON_THE_ENGINE, SYSTEM } from './system-commands.ts';
import { COMMANDS_ON_VOLUMES } from './volume-commands.ts';

const container = COMMANDS_ON_CONTAINERS;
const image = COMMANDS_ON_IMAGES;
const engine = COMMANDS_ON_THE_ENGINE;

/** A command of a group under its short name, as docker has most of them. */
const short = (entry: CommandEntry | CommandGroup, group?: 'common'): CommandEntry => {
  const { aliases: _, ...rest } = entry as CommandEntry;
  return group === undefined ? rest : { ...rest, group };
};

/** What a shell completes. */
const NAMES: Names = {
  container: (context) => containerNames(context, true),
  running: (context) => containerNames(context, false),
  image: async (context) => (await (await context.engine()).images.list()).flatMap(({ repoTags }) => repoTags),
  network: async (context) => (await (await context.engine()).networks.list()).map(({ Name }) => Name),
  volume: async (context) => (await (await context.engine()).volumes.list()).Volumes.map(({ Name }) => Name),
};

async function containerNames(context: CliContext, all: boolean): Promise<readonly string[]> {
  const { containers } = await context.engine();
  return (await containers.list({ all })).flatMap(({ Names: names }) => names.map((name) => name.replace(/^\//, '')));
}

const COMMANDS: CommandTable = {
  run: short(container.run!, 'common'),
  exec: short(container.exec!, 'common'),
  ps: short(container.ls!, 'common'),
  build: { ...BUILD, group: 'common' },
  pull: short(image.pull!, 'common'),
  push: short(image.push!, 'common'),
  images: short(image.ls!, 'common'),
  login: { ...engine.login!, group: 'common' },
  logout: { ...engine.logout!, group: 'common' },
  search: { ...engine.search!, group: 'common' },
  version: { ...engine.version!, group: 'common' },
  info: { ...engine.info!, group: 'common' },
  builder: { help: 'Manage builds', commands: COMMANDS_ON_BUILDS },
  container: { help: 'Manage containers', commands: container },
  image: { help: 'Manage images', commands: image },
  network: { help: 'Manage networks', commands: COMMANDS_ON_NETWORKS },
  lease: { help: 'Manage leases: what is under one goes with its owner', commands: LEASES },
  system: { help: 'Manage kobako', commands: SYSTEM },
  volume: { help: 'Manage volumes', commands: COMMANDS_ON_VOLUMES },
  completion: completionGroup(() => KOBAKO),
  __complete: completeNames(NAMES),
  attach: short(container.attach!),
  commit: short(container.commit!),
  cp: short(container.cp!),
  create: short(container.create!),
  daemon: { run: (args, context) => context.daemon(args), usage: '[OPTIONS]', help: 'Run the engine for others, over HTTP', complete: ['none'], failure: 1 },
  diff: short(container.diff!),
  events: short(SYSTEM.events!),
  explain: {
    run: lazy(async () => (await import('./explain.ts')).explain),
    usage: '[--json] run [OPTIONS] COMMAND [ARG...]',
    help: 'Print the plan of a run, and run nothing',
    complete: [['run'], 'none'],
    failure: 1,
  },
  export: short(container.export!),
  history: short(image.history!),
  import: short(image.import!),
  inspect: engine.inspect!,
  kill: short(container.kill!),
  load: short(image.load!),
  logs: short(container.logs!),
  pause: short(container.pause!),
  port: short(container.port!),
  rename: short(container.rename!),
  restart: short(container.restart!),
  rm: short(container.rm!),
  rmi: short(image.rm!),
  save: short(image.save!),
  start: short(container.start!),
  stats: short(container.stats!),
  stop: short(container.stop!),
  tag: short(image.tag!),
  top: short(container.top!),
  unpause: short(container.unpause!),
  update: short(container.update!),
  wait: short(container.wait!),
};

/** All that the command line can do. */
export const KOBAKO: Program = {
  name: 'kobako',
  version: VERSION,
  help: 'A container engine',
  flags: [
    { name: 'config', kind: 'value', value: 'string', help: 'Location of client config files (default "~/.docker")', complete: 'folder' },
    { name: 'host', short: 'H', kind: 'list', value: 'list', help: 'Daemon socket to connect to', complete: 'none' },
    { name: 'version', short: 'v', kind: 'flag', help: 'Print version information and quit' },
  ],
  configure: (flags, context) => {
    const [folder, host] = [flags.value('config'), flags.value('host')];
    const given = { ...(folder === undefined ? {} : { DOCKER_CONFIG: folder }), ...(host === undefined ? {} : { KOBAKO_HOST: host }) };
    return { ...context, env: { ...context.env, ...given } };
  },
  commands: COMMANDS,
};

/** Runs one command line (without node and script). Gives the exit code; throws nothing. */
export async function main(argv: readonly string[], context: CliContext): Promise<number> {
  return dispatch(KOBAKO, argv, context);
}
