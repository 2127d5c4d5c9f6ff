/** network create, ls, rm, prune, connect, disconnect. */
import { leaseLabel } from './create-document.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { confirmed } from './confirm.ts';
import { say, type CliContext, type Command } from './context.ts';
import { each } from './each.ts';
import { filters } from './filters.ts';
import { parseFlags, type Flag, type Flags } from './flags.ts';
import { configFormat, formatList } from './format.ts';
import {
  NETWORK_CONNECT_FLAGS,
  NETWORK_CREATE_FLAGS,
  NETWORK_DISCONNECT_FLAGS,
  NETWORK_LS_FLAGS,
  NETWORK_PRUNE_FLAGS,
  NETWORK_RM_FLAGS,
} from './network-command-flags.ts';
import { endpointDocument, networkDocument } from './network-document.ts';
import { byName, NETWORK_HEADINGS, networkFormat, networkRow } from './rows/objects.ts';

/** With so many arguments, and no others. */
function read(table: readonly Flag[], args: readonly string[], command: string, count: number): Flags {
  const flags = parseFlags(table, args, { interspersed: true });
  if (flags.rest.length === count) return flags;
  const wanted = count === 0 ? 'accepts no arguments' : `requires exactly ${count} argument${count === 1 ? '' : 's'}`;
  throw invalid(`"kobako network ${command}" ${wanted}`);
}

export const create: Command = async (args, context) => {
  const flags = read(NETWORK_CREATE_FLAGS, args, 'create', 1);
  const document = networkDocument(flags, flags.rest[0]!, leaseLabel(context.env));
  const { Id, Warning } = await (await context.engine()).networks.create(document);
  if (Warning !== '') context.stderr.write(`WARNING: ${Warning}\n`);
  say(context, Id);
  return 0;
};

export const list: Command = async (args, context) => {
  const flags = read(NETWORK_LS_FLAGS, args, 'ls', 0);
  const format = networkFormat(flags.value('format'), { quiet: flags.on('quiet'), config: () => configFormat(context, 'networksFormat') });
  const all = await (await context.engine()).networks.list(filters(flags));
  const rows = byName(all).map((network) => networkRow(network, { noTrunc: flags.on('no-trunc') }));
  context.stdout.write(formatList(format, rows, NETWORK_HEADINGS));
  return 0;
};

export const remove: Command = async (args, context) => {
  const flags = parseFlags(NETWORK_RM_FLAGS, args, { interspersed: true });
  // as docker: what is not there need not be removed
  const excused = (error: unknown) => flags.on('force') && error instanceof EngineError && error.kind === 'not-found';
  return each('network rm', flags.rest, context, ({ networks }, name) => networks.remove(name), { excused });
};

export const prune: Command = async (args, context) => {
  const flags = read(NETWORK_PRUNE_FLAGS, args, 'prune', 0);
  if (!flags.on('force') && !(await confirmed(context, 'This will remove all custom networks not used by at least one container.'))) return 0;
  await pruneNetworks(context, filters(flags));
  return 0;
};

/** Says which have gone. */
export async function pruneNetworks(context: CliContext, wanted: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const { NetworksDeleted } = await (await context.engine()).networks.prune(wanted);
  if (NetworksDeleted?.length) say(context, `Deleted Networks:\n${NetworksDeleted.join('\n')}\n`);
}

export const connect: Command = async (args, context) => {
  const flags = read(NETWORK_CONNECT_FLAGS, args, 'connect', 2);
  const [network, container] = flags.rest as readonly [string, string];
  const endpoint = endpointDocument(flags);
  await (await context.engine()).networks.connect(network, container, endpoint);
  return 0;
};

export const disconnect: Command = async (args, context) => {
  const flags = read(NETWORK_DISCONNECT_FLAGS, args, 'disconnect', 2);
  const [network, container] = flags.rest as readonly [string, string];
  await (await context.engine()).networks.disconnect(network, container, { force: flags.on('force') });
  return 0;
};
