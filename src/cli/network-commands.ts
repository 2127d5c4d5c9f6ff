/** `kobako network …` */
import type { CommandTable } from './commands.ts';
import { lazy } from './lazy.ts';
import * as flags from './network-command-flags.ts';

const on = (name: 'connect' | 'create' | 'disconnect' | 'list' | 'prune' | 'remove') => lazy(async () => (await import('./networks.ts'))[name]);

export const COMMANDS_ON_NETWORKS: CommandTable = {
  connect: {
    run: on('connect'),
    usage: '[OPTIONS] NETWORK CONTAINER',
    help: 'Connect a container to a network',
    flags: flags.NETWORK_CONNECT_FLAGS,
    complete: ['network', 'container', 'none'],
    failure: 1,
  },
  create: {
    run: on('create'),
    usage: '[OPTIONS] NETWORK',
    help: 'Create a network',
    flags: flags.NETWORK_CREATE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  disconnect: {
    run: on('disconnect'),
    usage: '[OPTIONS] NETWORK CONTAINER',
    help: 'Disconnect a container from a network',
    flags: flags.NETWORK_DISCONNECT_FLAGS,
    complete: ['network', 'container', 'none'],
    failure: 1,
  },
  inspect: {
    run: lazy(async () => (await import('./inspect-commands.ts')).networkInspect),
    usage: '[OPTIONS] NETWORK [NETWORK...]',
    help: 'Display detailed information on one or more networks',
    flags: flags.NETWORK_INSPECT_FLAGS,
    complete: ['network'],
    failure: 1,
  },
  ls: {
    run: on('list'),
    usage: '[OPTIONS]',
    help: 'List networks',
    flags: flags.NETWORK_LS_FLAGS,
    aliases: ['list'],
    complete: ['none'],
    failure: 1,
  },
  prune: { run: on('prune'), usage: '[OPTIONS]', help: 'Remove all unused networks', flags: flags.NETWORK_PRUNE_FLAGS, complete: ['none'], failure: 1 },
  rm: {
    run: on('remove'),
    usage: 'NETWORK [NETWORK...]',
    help: 'Remove one or more networks',
    flags: flags.NETWORK_RM_FLAGS,
    aliases: ['remove'],
    complete: ['network'],
    failure: 1,
  },
};
