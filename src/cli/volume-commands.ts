/** `kobako volume …` */
import type { CommandTable } from './commands.ts';
import { lazy } from './lazy.ts';
import * as flags from './volume-flags.ts';

const volume = (name: 'volumeCreate' | 'volumeLs' | 'volumePrune' | 'volumeRm') => lazy(async () => (await import('./volumes.ts'))[name]);

export const COMMANDS_ON_VOLUMES: CommandTable = {
  create: {
    run: volume('volumeCreate'),
    usage: '[OPTIONS] [VOLUME]',
    help: 'Create a volume',
    flags: flags.VOLUME_CREATE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  inspect: {
    run: lazy(async () => (await import('./inspect-commands.ts')).volumeInspect),
    usage: '[OPTIONS] VOLUME [VOLUME...]',
    help: 'Display detailed information on one or more volumes',
    flags: flags.VOLUME_INSPECT_FLAGS,
    complete: ['volume'],
    failure: 1,
  },
  ls: {
    run: volume('volumeLs'),
    usage: '[OPTIONS]',
    help: 'List volumes',
    flags: flags.VOLUME_LS_FLAGS,
    aliases: ['list'],
    complete: ['none'],
    failure: 1,
  },
  prune: {
    run: volume('volumePrune'),
    usage: '[OPTIONS]',
    help: 'Remove unused local volumes',
    flags: flags.VOLUME_PRUNE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  rm: {
    run: volume('volumeRm'),
    usage: '[OPTIONS] VOLUME [VOLUME...]',
    help: 'Remove one or more volumes',
    flags: flags.VOLUME_RM_FLAGS,
    aliases: ['remove'],
    complete: ['volume'],
    failure: 1,
  },
};
