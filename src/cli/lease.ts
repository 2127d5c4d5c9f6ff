/** lease hold, ls, rm, run. */
import { invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { Lease } from '../engine/leases-contract.ts';
import { say, type Command } from './context.ts';
import { each } from './each.ts';
import { endLease } from './end-lease.ts';
import { parseFlags, type Flags } from './flags.ts';
import { untilInterrupted } from './interrupt.ts';
import { LEASE_FLAGS } from './lease-flags.ts';
import { tabulate } from './table.ts';
import { integer } from './units.ts';

/** Of an engine that stays when this command is killed. */
const NEED = { stays: true };
/** The longest that a timer takes, in milliseconds. */
const LONG = 2 ** 31 - 1;

/** `kobako lease ls` */
export const ls: Command = async (args, context) => {
  if (parseFlags([], args, { interspersed: true }).rest.length > 0) throw invalid('"kobako lease ls" accepts no arguments');
  const all = await (await context.engine(NEED)).leases.list();
  const rows = all.map(({ Id, State, Created, Objects }) => {
    const count = (type: string) => Objects.filter(({ Type }) => Type === type).length;
    return [Id, State, Created.replace(/\.\d+/, ''), count('container'), count('network'), count('volume')].join('\t');
  });
  say(context, tabulate(['LEASE ID\tSTATE\tCREATED\tCONTAINERS\tNETWORKS\tVOLUMES', ...rows].join('\n')));
  return 0;
};

/** `kobako lease rm LEASE…` */
export const rm: Command = async (args, context) =>
  each('lease rm', parseFlags([], args, { interspersed: true }).rest, context, (engine, id) => engine.leases.end(id), { need: NEED });

/** `kobako lease hold [--grace SECONDS]` */
export const hold: Command = async (args, context) => {
  const flags = parseFlags(LEASE_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako lease hold" accepts no arguments');
  const lease = await leaseOf(await context.engine(NEED), flags);
  let code: number;
  try {
    say(context, lease.id);
    code = await untilInterrupted(context, (signal) => until(AbortSignal.any([signal, lease.lost])));
    if (code === 0) throw lease.lost.reason;
  } finally {
    await endLease(context, lease);
  }
  return code;
};

/** `kobako lease run [--grace SECONDS] COMMAND [ARG…]` */
export const run: Command = async (args, context) => {
  const flags = parseFlags(LEASE_FLAGS, args);
  const [command, ...rest] = flags.rest;
  if (command === undefined) throw invalid('"kobako lease run" requires at least 1 argument');
  const lease = await leaseOf(await context.engine(NEED), flags);
  try {
    return await context.program(command, rest, { KOBAKO_LEASE: lease.id });
  } finally {
    await endLease(context, lease);
  }
};

function leaseOf(engine: Engine, flags: Flags): Promise<Lease> {
  return engine.lease({ grace: flags.read('grace', (text) => integer(text, 'grace')) });
}

/** A lease keeps no program alive: this does. */
function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {}, LONG);
    const done = () => {
      clearInterval(timer);
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
