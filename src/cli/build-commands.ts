/** `kobako build` and `kobako builder …`. */
import { BUILD_FLAGS, BUILDER_PRUNE_FLAGS } from './build-flags.ts';
import type { CommandEntry, CommandTable } from './commands.ts';
import { lazy } from './lazy.ts';

export const BUILD: CommandEntry = {
  run: lazy(async () => (await import('./build.ts')).build),
  usage: '[OPTIONS] PATH | URL | -',
  help: 'Build an image from a Dockerfile',
  flags: BUILD_FLAGS,
  complete: ['folder', 'none'],
  failure: 1,
};

export const COMMANDS_ON_BUILDS: CommandTable = {
  build: BUILD,
  prune: {
    run: lazy(async () => (await import('./build.ts')).builderPrune),
    usage: '[OPTIONS]',
    help: 'Remove build cache',
    flags: BUILDER_PRUNE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
};
