/** images, history, tag, rmi, inspect of images, image prune. */
import { EngineError, invalid } from '../base/errors.ts';
import { imageDocument } from '../engine/types/image-document.ts';
import type { ImageLine } from '../engine/images-contract.ts';
import { say, type CliContext, type Command } from './context.ts';
import { parseFlags, type Flag } from './flags.ts';
import { table } from './table.ts';
import { ago, humanSize } from './units.ts';

const FILTER: Flag = { name: 'filter', short: 'f', kind: 'list', value: 'filter', help: 'Filter output based on conditions provided' };
const NO_TRUNC: Flag = { name: 'no-trunc', kind: 'flag', help: "Don't truncate output" };
const QUIET: Flag = { name: 'quiet', short: 'q', kind: 'flag', help: 'Only show image IDs' };

export const IMAGES_FLAGS: readonly Flag[] = [
  { name: 'all', short: 'a', kind: 'flag', help: 'Show all images (default hides intermediate images)' },
  { name: 'digests', kind: 'flag', help: 'Show digests' },
  FILTER,
  { name: 'format', kind: 'value', value: 'string', help: "'table' or 'json'" },
  NO_TRUNC,
  QUIET,
];
export const HISTORY_FLAGS: readonly Flag[] = [
  { name: 'human', short: 'H', kind: 'flag', help: 'Print sizes and dates in human readable format (default true)' },
  { name: 'format', kind: 'value', value: 'string', help: "'table' or 'json'" },
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

function isJson(format: string | undefined): boolean {
  if (format === undefined || format === 'table') return false;
  if (format === 'json' || format === '{{json .}}') return true;
  throw invalid(`--format ${JSON.stringify(format)}: table and json are there`);
}

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** `redis:7` is `redis` and `7`; a registry's port is no tag. */
function splitName(name: string): [repository: string, tag: string] {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, '<none>'];
}

interface Row {
  readonly image: ImageLine;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** A row for each name; with digests one for each tag and digest of a repository. */
function rowsOf(image: ImageLine, digests: boolean): Row[] {
  const known = image.repoDigests.map((text) => text.split('@') as [string, string]);
  const tags = image.repoTags.map(splitName);
  const digestsOf = (repository: string) => known.filter(([name]) => name === repository).map(([, digest]) => digest);
  const untagged = [...new Set(known.map(([name]) => name))].filter((name) => !tags.some(([repository]) => repository === name));
  const rows = [...tags, ...untagged.map((name): [string, string] => [name, '<none>'])].flatMap(([repository, tag]) => {
    const some = digests ? digestsOf(repository) : [];
    return (some.length === 0 ? ['<none>'] : some).map((digest) => ({ image, repository, tag, digest }));
  });
  return rows.length > 0 ? rows : [{ image, repository: '<none>', tag: '<none>', digest: '<none>' }];
}

export const images: Command = async (args, context) => {
  const flags = parseFlags(IMAGES_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 1) throw invalid('"kobako images" requires at most 1 argument');
  const given = [...flags.list('filter'), ...flags.rest.map((name) => `reference=${name}`)];
  const rows = (await context.engine().images.list({ filters: filters(given) })).flatMap((image) => rowsOf(image, flags.on('digests')));
  const id = ({ image }: Row) => (flags.on('no-trunc') ? image.id : shortId(image.id));
  const since = (row: Row) => `${ago(Date.now() - row.image.created * 1000)} ago`;
  const size = (row: Row) => humanSize(row.image.size, 3);
  if (flags.on('quiet')) for (const row of rows) say(context, id(row));
  else if (isJson(flags.value('format'))) {
    for (const row of rows) {
      const created = new Date(row.image.created * 1000).toISOString();
      say(
        context,
        JSON.stringify({
          ID: id(row),
          Repository: row.repository,
          Tag: row.tag,
          Digest: row.digest,
          CreatedAt: created,
          CreatedSince: since(row),
          Size: size(row),
        }),
      );
    }
  } else {
    const digest = flags.on('digests');
    const cells = rows.map((row) => [row.repository, row.tag, ...(digest ? [row.digest] : []), id(row), since(row), size(row)]);
    for (const line of table([['REPOSITORY', 'TAG', ...(digest ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE'], ...cells])) say(context, line);
  }
  return 0;
};

export const history: Command = async (args, context) => {
  const flags = parseFlags(HISTORY_FLAGS, args, { interspersed: true });
  if (flags.rest.length !== 1) throw invalid('"kobako history" requires exactly 1 argument');
  const wide = flags.on('no-trunc');
  const human = !flags.has('human') || flags.on('human');
  const cut = (text: string, length: number) => (wide || text.length <= length ? text : `${text.slice(0, length - 1)}…`);
  const lines = (await context.engine().images.history(flags.rest[0]!)).map((line) => ({
    ID: line.id === '<missing>' || wide ? line.id : shortId(line.id),
    CreatedSince: human ? `${ago(Date.now() - line.created * 1000)} ago` : new Date(line.created * 1000).toISOString().replace('.000Z', 'Z'),
    CreatedBy: cut(line.createdBy.replaceAll('\t', ' '), 45),
    Size: human ? humanSize(line.size, 3) : String(line.size),
    Comment: line.comment,
  }));
  if (flags.on('quiet')) for (const { ID } of lines) say(context, ID);
  else if (isJson(flags.value('format'))) for (const line of lines) say(context, JSON.stringify(line));
  else
    for (const line of table([['IMAGE', human ? 'CREATED' : 'CREATED AT', 'CREATED BY', 'SIZE', 'COMMENT'], ...lines.map((line) => Object.values(line))]))
      say(context, line);
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
  const { rest } = parseFlags([], args, { interspersed: true });
  if (rest.length === 0) throw invalid('"kobako image inspect" requires at least 1 argument');
  const found: object[] = [];
  const errors: string[] = [];
  for (const name of rest) {
    try {
      found.push(imageDocument(await context.engine().images.inspect(name)));
    } catch (error) {
      errors.push((error as Error).message);
    }
  }
  say(context, JSON.stringify(found, null, 4));
  for (const message of errors) context.stderr.write(`Error response from daemon: ${message}\n`);
  return errors.length > 0 ? 1 : 0;
};
