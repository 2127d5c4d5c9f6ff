/** version, info, system df, system prune: the engine as a whole. */
import { EngineError, invalid } from '../base/errors.ts';
import { confirmed } from './confirm.ts';
import { DF_FLAGS, INFO_FLAGS, SYSTEM_PRUNE_FLAGS } from './container-flags.ts';
import { say, type CliContext, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags, type Flags } from './flags.ts';
import { withTemplate } from './format.ts';
import { pruneNetworks } from './networks.ts';
import { formatDiskUsage, type DiskUsage } from './rows/disk-usage.ts';
import { infoText } from './info-text.ts';
import { goJson } from './template/json.ts';
import { Template } from './template/template.ts';
import { humanSize } from './units.ts';
import { pruneVolumes } from './volumes.ts';
import { VERSION } from '../base/version.ts';

type Json = Readonly<Record<string, unknown>>;

/** `kobako version [-f TEMPLATE]` */
export const version: Command = async (args, context) => {
  const flags = only(parseFlags(INFO_FLAGS, args, { interspersed: true }), 'version');
  const client = { Version: VERSION, ApiVersion: '1.51', DefaultAPIVersion: '1.51', Os: 'linux', Arch: process.arch === 'x64' ? 'amd64' : process.arch };
  const found = await context
    .engine()
    .then(async ({ system }): Promise<Json | EngineError> => ({ ...(await system.version()) }))
    .catch((error: unknown) => {
      if (error instanceof EngineError) return error;
      throw error;
    });
  const server = found instanceof EngineError ? undefined : found;
  if (!document(context, flags, { Client: client, Server: server ?? null })) {
    say(
      context,
      section('Client', [
        ['Version', client.Version],
        ['API version', client.ApiVersion],
        ['OS/Arch', `${client.Os}/${client.Arch}`],
      ]),
    );
    if (server !== undefined) say(context, `\n${serverText(server)}`);
  }
  if (server === undefined) throw found as EngineError;
  return 0;
};

const section = (title: string, rows: readonly (readonly [string, unknown])[]) =>
  [`${title}:`, ...rows.map(([name, value]) => ` ${`${name}:`.padEnd(19)}${String(value)}`)].join('\n');

interface Component {
  readonly Name: string;
  readonly Version: string;
  readonly Details?: Readonly<Record<string, string>> | null;
}

function serverText(server: Json): string {
  const { Platform, Components } = server as { Platform?: { Name: string }; Components?: readonly Component[] };
  const rows = (all: readonly (readonly [string, unknown])[]) =>
    all.filter(([, value]) => value).map(([name, value]) => `  ${`${name}:`.padEnd(18)}${String(value)}`);
  const blocks = (Components ?? []).map(({ Name, Version, Details }) => [
    ` ${Name}:`,
    ...rows([
      ['Version', Version],
      ['API version', Details?.['ApiVersion'] === undefined ? '' : `${Details['ApiVersion']} (minimum version ${Details['MinAPIVersion']})`],
      ['Git commit', Details?.['GitCommit']],
      ['Built', Details?.['BuildTime']],
      ['OS/Arch', Details?.['Os'] === undefined ? '' : `${Details['Os']}/${Details['Arch']}`],
      ['Experimental', Details?.['Experimental']],
    ]),
  ]);
  const plain = [
    ` Engine:`,
    ...rows([
      ['Version', server['Version']],
      ['API version', server['ApiVersion']],
      ['OS/Arch', `${String(server['Os'])}/${String(server['Arch'])}`],
    ]),
  ];
  const name = Platform?.Name;
  return [`Server:${name ? ` ${name}` : ''}`, ...(blocks.length > 0 ? blocks.flat() : plain)].join('\n');
}

/** `kobako info [-f TEMPLATE]` */
export const info: Command = async (args, context) => {
  const flags = only(parseFlags(INFO_FLAGS, args, { interspersed: true }), 'info');
  const { system } = await context.engine();
  const found: Json = { ...(await system.info()) };
  if (!document(context, flags, { ...found, ClientInfo: { Version: VERSION } })) context.stdout.write(infoText(found, VERSION));
  const { Warnings } = found as { Warnings?: readonly string[] | null };
  for (const warning of Warnings ?? []) context.stderr.write(`${warning}\n`);
  return 0;
};

/** `kobako system df [-v]` */
export const df: Command = async (args, context) => {
  const flags = only(parseFlags(DF_FLAGS, args, { interspersed: true }), 'system df');
  const { system } = await context.engine();
  const usage = (await system.df()) as DiskUsage;
  context.stdout.write(formatDiskUsage(usage, { verbose: flags.on('verbose'), format: flags.value('format'), now: Date.now() }));
  return 0;
};

/** `kobako system prune [FLAGS]` */
export const systemPrune: Command = async (args, context) => {
  const flags = only(parseFlags(SYSTEM_PRUNE_FLAGS, args, { interspersed: true }), 'system prune');
  const all = flags.on('all');
  const given = filters(flags);
  const volumes = flags.on('volumes');
  if (volumes && given['until'] !== undefined) throw invalid('The "until" filter is not supported with "--volumes"');
  const what = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
  ];
  const shown =
    flags.list('filter').length === 0
      ? ''
      : `\n  Items to be pruned will be filtered with:\n${flags
          .list('filter')
          .map((text) => `  - ${text}\n`)
          .join('')}`;
  if (!flags.on('force') && !(await confirmed(context, `This will remove:\n${what.map((line) => `  - ${line}\n`).join('')}${shown}`))) return 0;
  const engine = await context.engine();
  const { ContainersDeleted, SpaceReclaimed } = await engine.containers.prune(given);
  if (ContainersDeleted?.length) say(context, `Deleted Containers:\n${ContainersDeleted.join('\n')}\n`);
  await pruneNetworks(context, given);
  const freed = volumes ? await pruneVolumes(context, given) : 0;
  const { removed, bytes } = await engine.images.prune({ all, filters: given });
  if (removed.length > 0)
    say(context, `Deleted Images:\n${removed.map((line) => ('Untagged' in line ? `untagged: ${line.Untagged}` : `deleted: ${line.Deleted}`)).join('\n')}\n`);
  say(context, `Total reclaimed space: ${humanSize(SpaceReclaimed + freed + bytes)}`);
  return 0;
};

function only(flags: Flags, command: string): Flags {
  if (flags.rest.length > 0) throw invalid(`"kobako ${command}" accepts no arguments`);
  return flags;
}

/** Shows a document as `--format` asks; false when it does not. */
function document(context: CliContext, flags: Flags, value: Json): boolean {
  const format = flags.value('format') ?? '';
  if (format === '') return false;
  say(context, format === 'json' ? goJson(value, { html: false }) : withTemplate(() => new Template(format).execute(value)));
  return true;
}
