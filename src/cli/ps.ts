/** ps, port, top: what there is, and what goes on in it. */
import { invalid } from '../base/errors.ts';
import { PS_FLAGS } from './container-flags.ts';
import { say, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags } from './flags.ts';
import { configFormat, formatList } from './format.ts';
import { CONTAINER_HEADINGS, containerFormat, containerRow, formatNeedsSize } from './rows/containers.ts';
import { publishedPorts } from './rows/ports.ts';
import { formatTop } from './rows/top.ts';
import { integer } from './units.ts';

/** `kobako ps [FLAGS]` */
export const ps: Command = async (args, context) => {
  const flags = parseFlags(PS_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako ps" accepts no arguments');
  const [quiet, size] = [flags.on('quiet'), flags.on('size')];
  const format = containerFormat(flags.value('format'), { quiet, size, config: () => configFormat(context, 'psFormat') });
  if (quiet && flags.value('format')) context.stderr.write('WARNING: Ignoring custom format, because both --format and --quiet are set.\n');
  const last = flags.read('last', (text) => integer(text, 'last', Number.MIN_SAFE_INTEGER)) ?? -1;
  const limit = flags.on('latest') && last === -1 ? 1 : Math.max(0, last);
  const needsSize = formatNeedsSize(format);
  const { containers } = await context.engine();
  const all = await containers.list({
    all: flags.on('all'),
    size: size || (needsSize && !quiet && flags.has('format')),
    ...(limit > 0 ? { limit } : {}),
    filters: filters(flags),
  });
  const options = { noTrunc: flags.on('no-trunc'), now: Date.now() };
  const rows = all.map((container) => containerRow(container, options));
  context.stdout.write(formatList(format, rows, CONTAINER_HEADINGS));
  return 0;
};

/** `kobako port CONTAINER [PRIVATE_PORT[/PROTO]]` */
export const port: Command = async (args, context) => {
  const { rest } = parseFlags([], args, { interspersed: true });
  const [name, wanted] = rest;
  if (name === undefined || rest.length > 2) throw invalid('"kobako port" requires at least 1 and at most 2 arguments');
  const { containers } = await context.engine();
  const { NetworkSettings } = await containers.inspect(name);
  const lines = publishedPorts(NetworkSettings.Ports ?? {}, wanted);
  if (lines === undefined) throw invalid(`no public port '${wanted!.includes('/') ? wanted : `${wanted}/tcp`}' published for ${name}`);
  for (const line of lines) say(context, line);
  return 0;
};

/** `kobako top CONTAINER [ps OPTIONS]` */
export const top: Command = async (args, context) => {
  const [name, ...psArgs] = parseFlags([], args).rest;
  if (name === undefined) throw invalid('"kobako top" requires at least 1 argument');
  const { containers } = await context.engine();
  context.stdout.write(formatTop(await containers.top(name, psArgs.length === 0 ? undefined : psArgs.join(' '))));
  return 0;
};
