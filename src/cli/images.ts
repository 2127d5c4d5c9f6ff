/** images, history, tag, rmi, inspect of images, image prune. */
import { EngineError, invalid } from '../base/errors.ts';
import { imageDocument } from '../engine/types/image-document.ts';
import { say, type CliContext, type Command } from './context.ts';
import { parseFlags, type Flag } from './flags.ts';
import { configFormat, formatList, FORMAT_FLAG } from './format.ts';
import { OBJECT_INSPECT_FLAGS, runInspect, type Inspected } from './inspect.ts';
import { HISTORY_HEADINGS, historyFormat, historyRow, IMAGE_HEADINGS, imageFormat, imageRows } from './rows/images.ts';
import { humanSize } from './units.ts';

const FILTER: Flag = { name: 'filter', short: 'f', kind: 'list', value: 'filter', help: 'Filter output based on conditions provided' };
const NO_TRUNC: Flag = { name: 'no-trunc', kind: 'flag', help: "Don't truncate output" };
const QUIET: Flag = { name: 'quiet', short: 'q', kind: 'flag', help: 'Only show image IDs' };

export const IMAGES_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Show all images (default hides intermediate images)' },
  { name: 'digests', kind: 'flag', help: 'Show digests' },
  FILTER,
  FORMAT_FLAG,
  NO_TRUNC,
  QUIET,
];
export const HISTORY_FLAGS: readonly Flag[] = [
  { name: 'human', short: 'H', kind: 'flag', help: 'Print sizes and dates in human readable format (default true)' },
  FORMAT_FLAG,
  NO_TRUNC,
  QUIET,
];
export const RMI_FLAGS: readonly Flag[] = [
  { name: 'force', short: 'f', kind: 'flag', help: 'Force removal of the image' },
  { name: 'no-prune', kind: 'flag', help: 'Do not delete untagged parents' },
];
export const PRUNE_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Remove all unused images, not just dangling ones' },
  { name: 'filter', kind: 'list', value: 'filter', help: 'Provide filter values (e.g. "until=<timestamp>")' },
  { name: 'force', short: 'f', kind: 'flag', help: 'Do not prompt for confirmation' },
];

/** `key=value` texts as the engine takes them. */
function filters(texts: readonly string[]): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0) throw invalid(`invalid filter '${text}': the format is <key>=<value>`);
    const key = text.slice(0, equals).trim();
    (out[key] ??= []).push(text.slice(equals + 1));
  }
  return out;
}

export const images: Command = async (args, context) => {
  const flags = parseFlags(IMAGES_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 1) throw invalid('"kobako images" requires at most 1 argument');
  const given = [...flags.list('filter'), ...flags.rest.map((name) => `reference=${name}`)];
  const digests = flags.on('digests');
  const format = imageFormat(flags.value('format'), { quiet: flags.on('quiet'), digests, config: () => configFormat(context, 'imagesFormat') });
  const options = { noTrunc: flags.on('no-trunc'), now: Date.now(), digests };
  const all = await context.engine().images.list({ filters: filters(given) });
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
  const rows = (await context.engine().images.history(flags.rest[0]!)).map((line) => historyRow(line, options));
  context.stdout.write(formatList(historyFormat(flags.value('format'), { quiet: flags.on('quiet'), human }), rows, HISTORY_HEADINGS));
  return 0;
};

export const tag: Command = async (args, context) => {
  const { rest } = parseFlags([], args, { interspersed: true });
  const [source, target] = rest;
  if (source === undefined || target === undefined || rest.length > 2) throw invalid('"kobako tag" requires exactly 2 arguments');
  const { images: engine } = context.engine();
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
  let code = 0;
  for (const name of flags.rest) {
    try {
      const lines = await context.engine().images.remove(name, { force: flags.on('force') });
      for (const line of lines) say(context, 'Untagged' in line ? `Untagged: ${line.Untagged}` : `Deleted: ${line.Deleted}`);
    } catch (error) {
      // as docker: one that is not there is no failure when forced
      const gone = flags.on('force') && error instanceof EngineError && error.kind === 'not-found';
      context.stderr.write(`Error response from daemon: ${(error as Error).message}\n`);
      if (!gone) code = 1;
    }
  }
  return code;
};

export const imagePrune: Command = async (args, context) => {
  const flags = parseFlags(PRUNE_FLAGS, args, { interspersed: true });
  const all = flags.on('all');
  if (!flags.on('force') && !(await confirmed(context, all))) return 0;
  const { removed, bytes } = await context.engine().images.prune({ all, filters: filters(flags.list('filter')) });
  if (removed.length > 0) {
    say(context, 'Deleted Images:');
    for (const line of removed) say(context, 'Untagged' in line ? `untagged: ${line.Untagged}` : `deleted: ${line.Deleted}`);
    say(context, '');
  }
  say(context, `Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
};

async function confirmed(context: CliContext, all: boolean): Promise<boolean> {
  const what = all ? 'all images without at least one container associated to them' : 'all dangling images';
  context.stdout.write(`WARNING! This will remove ${what}.\nAre you sure you want to continue? [y/N] `);
  let answer = '';
  for await (const chunk of context.stdin) {
    answer += String(chunk);
    if (answer.includes('\n')) break;
  }
  return /^y(es)?\s*$/i.test(answer.split('\n')[0] ?? '');
}

export const imageInspect: Command = async (args, context) => {
  const flags = parseFlags(OBJECT_INSPECT_FLAGS, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid('"kobako image inspect" requires at least 1 argument');
  return runInspect(context, flags, { image: (name) => findImage(context, name) });
};

/** For `inspect`. */
export async function findImage(context: CliContext, name: string): Promise<Inspected> {
  return { kind: 'image', document: imageDocument(await context.engine().images.inspect(name)) };
}
