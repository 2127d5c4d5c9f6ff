/** volume create, ls, rm, prune. */
import { leaseLabel } from './create-document.ts';
import { invalid } from '../base/errors.ts';
import { confirmed } from './confirm.ts';
import { engineSays, say, type CliContext, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags } from './flags.ts';
import { configFormat, formatList } from './format.ts';
import { keyValue } from './mount-flags.ts';
import { byName, VOLUME_HEADINGS, volumeFormat, volumeRow } from './rows/objects.ts';
import { humanSize } from './units.ts';
import { VOLUME_CREATE_FLAGS, VOLUME_LS_FLAGS, VOLUME_PRUNE_FLAGS, VOLUME_RM_FLAGS } from './volume-flags.ts';

/** `kobako volume create [FLAGS] [VOLUME]`: prints its name. */
export const volumeCreate: Command = async (args, context) => {
  const flags = parseFlags(VOLUME_CREATE_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 1) throw invalid('"kobako volume create" requires at most 1 argument');
  const [given, named] = [flags.rest[0], flags.value('name')];
  if (given !== undefined && named) throw invalid('conflicting options: cannot specify a volume-name through both --name and as a positional arg');
  const pairs = (name: string) => Object.assign({}, ...flags.list(name).map(keyValue)) as Record<string, string>;
  const { volumes } = await context.engine();
  const made = await volumes.create({
    Name: given ?? named ?? '',
    Driver: flags.value('driver') ?? 'local',
    DriverOpts: pairs('opt'),
    Labels: { ...leaseLabel(context.env), ...pairs('label') },
  });
  say(context, made.Name);
  return 0;
};

export const volumeLs: Command = async (args, context) => {
  const flags = parseFlags(VOLUME_LS_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako volume ls" accepts no arguments');
  const format = volumeFormat(flags.value('format'), { quiet: flags.on('quiet'), config: () => configFormat(context, 'volumesFormat') });
  const { Volumes } = await (await context.engine()).volumes.list(filters(flags));
  context.stdout.write(formatList(format, byName(Volumes).map(volumeRow), VOLUME_HEADINGS));
  return 0;
};

/** Tries all of them; fails when one could not be removed. */
export const volumeRm: Command = async (args, context) => {
  const flags = parseFlags(VOLUME_RM_FLAGS, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid('"kobako volume rm" requires at least 1 argument');
  const { volumes } = await context.engine();
  let code = 0;
  for (const name of flags.rest) {
    try {
      await volumes.remove(name, { force: flags.on('force') });
      say(context, name);
    } catch (error) {
      context.stderr.write(`${engineSays(error)}\n`);
      code = 1;
    }
  }
  return code;
};

export const volumePrune: Command = async (args, context) => {
  const flags = parseFlags(VOLUME_PRUNE_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako volume prune" accepts no arguments');
  const all = flags.on('all');
  const given = filters(flags);
  if (all && given['all'] !== undefined) throw invalid('conflicting options: cannot specify both --all and --filter all=1');
  const what = `This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.`;
  if (!flags.on('force') && !(await confirmed(context, what))) return 0;
  const bytes = await pruneVolumes(context, all ? { ...given, all: ['true'] } : given);
  say(context, `Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
};

/** Prints what has gone; gives the bytes. */
export async function pruneVolumes(context: CliContext, given: Readonly<Record<string, readonly string[]>>): Promise<number> {
  const { VolumesDeleted, SpaceReclaimed } = await (await context.engine()).volumes.prune(given);
  if (VolumesDeleted.length > 0) say(context, `Deleted Volumes:\n${VolumesDeleted.join('\n')}\n`);
  return SpaceReclaimed;
}
