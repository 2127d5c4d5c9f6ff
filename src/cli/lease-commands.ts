/** `kobako lease`: what is tied to a lease goes when its owner does. */
import type { CommandTable } from './commands.ts';
import { lazy } from './lazy.ts';
import { LEASE_FLAGS } from './lease-flags.ts';

const lease = (name: 'hold' | 'ls' | 'rm' | 'run') => lazy(async () => (await import('./lease.ts'))[name]);

export const LEASES: CommandTable = {
  hold: {
    run: lease('hold'),
    usage: '[OPTIONS]',
    help: 'Print the id of a new lease and hold it until interrupted',
    flags: LEASE_FLAGS,
    complete: ['none'],
    failure: 1,
  },
  ls: { run: lease('ls'), usage: '', help: 'List leases', aliases: ['list'], complete: ['none'], failure: 1 },
  rm: {
    run: lease('rm'),
    usage: 'LEASE [LEASE...]',
    help: 'End one or more leases and remove what is under them',
    aliases: ['remove'],
    complete: ['none'],
    failure: 1,
  },
  run: {
    run: lease('run'),
    usage: '[OPTIONS] COMMAND [ARG...]',
    help: 'Hold a lease while a command runs, with its id in KOBAKO_LEASE',
    flags: LEASE_FLAGS,
    flagsFirst: true,
    failure: 125,
  },
};
