/** Commands on the engine as a whole, and on more than one kind of thing. */
import type { CommandEntry, CommandTable } from './commands.ts';
import * as flags from './container-flags.ts';
import { lazy } from './lazy.ts';

const system = (name: 'df' | 'info' | 'systemPrune' | 'version') => lazy(async () => (await import('./system.ts'))[name]);

const info: CommandEntry = {
  run: system('info'),
  usage: '[OPTIONS]',
  help: 'Display system-wide information',
  flags: flags.INFO_FLAGS,
  complete: ['none'],
  failure: 1,
};

export const SYSTEM: CommandTable = {
  'dial-stdio': {
    run: lazy(async () => (await import('./dial-stdio.ts')).dialStdio),
    help: 'Proxy the stdio stream to the daemon connection',
    usage: '',
    group: 'hidden',
    complete: ['none'],
    failure: 1,
  },
  df: { run: system('df'), usage: '[OPTIONS]', help: 'Show disk usage', flags: flags.DF_FLAGS, complete: ['none'], failure: 1 },
  doctor: {
    run: lazy(async () => (await import('./doctor.ts')).doctor),
    usage: '[OPTIONS]',
    help: 'Look for what is in the way of containers on this machine',
    flags: flags.DOCTOR_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  events: {
    run: lazy(async () => (await import('./events.ts')).events),
    usage: '[OPTIONS]',
    help: 'Get real time events from the server',
    flags: flags.EVENTS_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  info,
  prune: {
    run: system('systemPrune'),
    usage: '[OPTIONS]',
    help: 'Remove unused data',
    flags: flags.SYSTEM_PRUNE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
};

export const COMMANDS_ON_THE_ENGINE: Readonly<Record<string, CommandEntry>> = {
  info,
  inspect: {
    run: lazy(async () => (await import('./inspect-commands.ts')).inspect),
    usage: '[OPTIONS] NAME|ID [NAME|ID...]',
    help: 'Return low-level information on objects',
    flags: flags.INSPECT_FLAGS,
    complete: ['container'],
    failure: 1,
  },
  login: {
    run: lazy(async () => (await import('./login.ts')).login),
    usage: '[OPTIONS] [SERVER]',
    help: 'Authenticate to a registry',
    flags: flags.LOGIN_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  logout: { run: lazy(async () => (await import('./login.ts')).logout), usage: '[SERVER]', help: 'Log out from a registry', complete: ['none'], failure: 1 },
  search: {
    run: lazy(async () => (await import('./search.ts')).search),
    usage: '[OPTIONS] TERM',
    help: 'Search Docker Hub for images',
    flags: flags.SEARCH_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  version: { run: system('version'), usage: '[OPTIONS]', help: 'Show the version', flags: flags.INFO_FLAGS, complete: ['none'], failure: 1 },
};
