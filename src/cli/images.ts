/** images, history, tag, rmi, inspect of images, image prune. */
import { EngineError, invalid } from '../base/errors.ts';
import { confirmed } from './confirm.ts';
import { engineSays, say, type Command } from './context.ts';
import { filters } from './filters.ts';
import { parsePlatform } from '../image/platform.ts';
import { parseFlags } from './flags.ts';
import { configFormat, formatList } from './format.ts';
import { HISTORY_FLAGS, IMAGES_FLAGS, PRUNE_FLAGS, RMI_FLAGS } from './image-flags.ts';
import { checkTreeFlags, imageTree } from './image-tree.ts';
import { HISTORY_HEADINGS, historyFormat, historyRow, IMAGE_HEADINGS, imageFormat, imageRows } from './rows/images.ts';
import { humanSize } from './units.ts';

export const images: Command = async (args, context) => {
  const flags = parseFlags(IMAGES_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 1) throw invalid('"kobako images" requires at most 1 argument');
  const tree = flags.on('tree');
  if (tree) checkTreeFlags(flags);
  const asked = filters(flags);
  if (flags.rest.length > 0) asked['reference'] = [...(asked['reference'] ?? []), ...flags.rest];
  const digests = flags.on('digests');
  const format = imageFormat(flags.value('format'), { quiet: flags.on('quiet'), digests, config: () => configFormat(context, 'imagesFormat') });
  const options = { noTrunc: flags.on('no-trunc'), now: Date.now(), digests };
  const all = await (await context.engine()).images.list({ filters: asked });
  if (tree) {
    context.stdout.write(imageTree(all, { out: context.stdout, all: flags.on('all') }));
    return 0;
  }
  context.stdout.write(
    formatList(
      format,
      all.flatMap((image) => imageRows(image, format, options)),
      IMAGE_HEADINGS,
    ),
  );
  return 0;
};

export const history: Command = async (args, context) => {
  const flags = parseFlags(HISTORY_FLAGS, args, { interspersed: true });
  if (flags.rest.length !== 1) throw invalid('"kobako history" requires exactly 1 argument');
  const human = !flags.has('human') || flags.on('human');
  const options = { noTrunc: flags.on('no-trunc'), now: Date.now(), human };
  const rows = (await (await context.engine()).images.history(flags.rest[0]!, { platform: flags.value('platform') })).map((line) => historyRow(line, options));
  context.stdout.write(formatList(historyFormat(flags.value('format'), { quiet: flags.on('quiet'), human }), rows, HISTORY_HEADINGS));
  return 0;
};

export const tag: Command = async (args, context) => {
  const { rest } = parseFlags([], args, { interspersed: true });
  const [source, target] = rest;
  if (source === undefined || target === undefined || rest.length > 2) throw invalid('"kobako tag" requires exactly 2 arguments');
  const { images: engine } = await context.engine();
  try {
    engine.fullName(target);
  } catch (error) {
    throw invalid(`Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${(error as Error).message}`);
  }
  await engine.tag(source, target);
  return 0;
};

export const rmi: Command = async (args, context) => {
  const flags = parseFlags(RMI_FLAGS, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid('"kobako rmi" requires at least 1 argument');
  const { images: engine } = await context.engine();
  const platforms = flags.list('platform').flatMap((text) => text.split(','));
  platforms.forEach((text) => void parsePlatform(text));
  let code = 0;
  for (const name of flags.rest) {
    try {
      const lines = await engine.remove(name, { force: flags.on('force'), platforms });
      for (const line of lines) say(context, 'Untagged' in line ? `Untagged: ${line.Untagged}` : `Deleted: ${line.Deleted}`);
    } catch (error) {
      // as docker: one that is not there is no failure when forced
      const gone = flags.on('force') && error instanceof EngineError && error.kind === 'not-found';
      context.stderr.write(`${engineSays(error)}\n`);
      if (!gone) code = 1;
    }
  }
  return code;
};

export const imagePrune: Command = async (args, context) => {
  const flags = parseFlags(PRUNE_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako image prune" accepts no arguments');
  const all = flags.on('all');
  const asked = filters(flags);
  // as docker: it is -a that says so, and a filter that says otherwise is refused by the engine
  const dangling = [...(asked['dangling'] ?? []), String(!all)].toSorted();
  const what = all ? 'all images without at least one container associated to them' : 'all dangling images';
  if (!flags.on('force') && !(await confirmed(context, `This will remove ${what}.`))) return 0;
  const { removed, bytes } = await (await context.engine()).images.prune({ filters: { ...asked, dangling } });
  if (removed.length > 0) {
    say(context, 'Deleted Images:');
    for (const line of removed) say(context, 'Untagged' in line ? `untagged: ${line.Untagged}` : `deleted: ${line.Deleted}`);
    say(context, '');
  }
  say(context, `Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
};
