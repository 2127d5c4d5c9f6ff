/** pull, push, load, save, import, export: what carries images and file systems in and out. */
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { getSystemErrorMessage } from 'node:util';
import { EngineError, invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import { say, type CliContext, type Command } from './context.ts';
import { parseFlags, type Flags } from './flags.ts';
import { EXPORT_FLAGS } from './container-flags.ts';
import { IMPORT_FLAGS, LOAD_FLAGS, PULL_FLAGS, PUSH_FLAGS, SAVE_FLAGS } from './image-flags.ts';
import { progressView, type ProgressView } from './progress.ts';

function only(flags: Flags, command: string): string {
  if (flags.rest.length !== 1) throw invalid(`"kobako ${command}" requires exactly 1 argument`);
  return flags.rest[0]!;
}

/** Runs something that ^C cancels, with its progress shown. */
export async function transfer<T>(
  context: CliContext,
  view: ProgressView,
  work: (options: { signal: AbortSignal; onProgress: ReturnType<typeof progressView>['show'] }) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const off = context.onSignal((signal) => {
    if (signal === 2 || signal === 15) stop.abort(new EngineError('cancelled', 'context canceled', { detail: { exitCode: 128 + signal } }));
  });
  try {
    return await work({ signal: stop.signal, onProgress: view.show });
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    view.end();
    off();
  }
}

export const pull: Command = async (args, context) => {
  const flags = parseFlags(PULL_FLAGS, args, { interspersed: true });
  const name = only(flags, 'pull');
  const engine = await context.engine();
  const { images } = engine;
  sayDefaultTag(context, flags, images.fullName(name), name);
  await pullImage(context, engine, name, {
    view: progressView(context.stdout, flags.on('quiet')),
    allTags: flags.on('all-tags'),
    platform: flags.value('platform'),
  });
  say(context, shownName(images.fullName(name), flags));
  return 0;
};

/** As docker: it says so when it takes the default tag. */
function sayDefaultTag(context: CliContext, flags: Flags, full: string, name: string): void {
  if (flags.on('quiet') || flags.on('all-tags') || name.includes('@') || /:[^:/]+$/.test(name)) return;
  say(context, `Using default tag: ${full.slice(full.lastIndexOf(':') + 1)}`);
}

export interface PullChoice {
  readonly view: ProgressView;
  readonly platform?: string | undefined;
  readonly allTags?: boolean;
}

/** Fetches an image, with its progress shown. */
export async function pullImage(context: CliContext, { images }: Engine, name: string, { view, ...choice }: PullChoice): Promise<void> {
  await transfer(context, view, (options) => images.pull(name, { ...options, ...choice }));
}

export const push: Command = async (args, context) => {
  const flags = parseFlags(PUSH_FLAGS, args, { interspersed: true });
  const name = only(flags, 'push');
  const { images } = await context.engine();
  sayDefaultTag(context, flags, images.fullName(name), name);
  await transfer(context, progressView(context.stdout, flags.on('quiet')), (options) =>
    images.push(name, { ...options, allTags: flags.on('all-tags'), platform: flags.value('platform') }),
  );
  if (flags.on('quiet')) say(context, shownName(images.fullName(name), flags));
  return 0;
};

/** With its tag, but for all tags. */
function shownName(full: string, flags: Flags): string {
  return flags.on('all-tags') ? full.replace(/:[^:/]*$/, '') : full;
}

export const load: Command = async (args, context) => {
  const flags = parseFlags(LOAD_FLAGS, args, { interspersed: true });
  if (flags.rest.length > 0) throw invalid('"kobako load" accepts no arguments');
  const path = flags.value('input');
  if (path === undefined && context.stdin.isTTY) throw invalid('requested load from stdin, but stdin is empty');
  const input = path === undefined ? context.stdin : path;
  const view = progressView(context.stdout, flags.on('quiet'));
  const { images } = await context.engine();
  const loaded = await transfer(context, view, (options) => images.load(input as never, { ...options, platform: flags.value('platform') }));
  if (flags.on('quiet'))
    for (const { id, names } of loaded)
      for (const line of names.length > 0 ? names.map((name) => `Loaded image: ${name}`) : [`Loaded image ID: ${id}`]) say(context, line);
  return 0;
};

/** To a file that appears only when it is whole, or to standard output, but never onto a terminal. */
async function writeOut(context: CliContext, path: string | undefined, bytes: AsyncIterable<Buffer>, what: string): Promise<number> {
  if (path === undefined && context.stdout.isTTY) throw invalid(`cowardly refusing to save to a terminal. Use the -o flag or redirect`);
  if (path === undefined) await pipeline(Readable.from(bytes, { objectMode: false, highWaterMark: 1 << 20 }), context.stdout, { end: false });
  else {
    const folder = dirname(path);
    if (!existsSync(folder)) throw invalid(`failed to ${what}: invalid output path: stat ${folder}: no such file or directory`);
    // a device or a pipe is written to as it is
    const aside = (statSync(path, { throwIfNoEntry: false })?.isFile() ?? true) ? `${path}.kobako-${process.pid}` : path;
    try {
      await pipeline(Readable.from(bytes, { objectMode: false, highWaterMark: 1 << 20 }), createWriteStream(aside, { mode: 0o600 }));
      if (aside !== path) renameSync(aside, path);
    } catch (error) {
      if (aside !== path) rmSync(aside, { force: true });
      if (!(error instanceof EngineError) && (error as NodeJS.ErrnoException).errno !== undefined)
        throw invalid(`failed to ${what}: open ${path}: ${getSystemErrorMessage((error as { errno: number }).errno)}`);
      throw error;
    }
  }
  return 0;
}

export const save: Command = async (args, context) => {
  const flags = parseFlags(SAVE_FLAGS, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid('"kobako save" requires at least 1 argument');
  return writeOut(context, flags.value('output'), (await context.engine()).images.save(flags.rest, { platform: flags.value('platform') }), 'save image');
};

export const exportContainer: Command = async (args, context) => {
  const flags = parseFlags(EXPORT_FLAGS, args, { interspersed: true });
  return writeOut(context, flags.value('output'), (await context.engine()).containers.export(only(flags, 'export')), 'export container');
};

/** `kobako import FILE|- [NAME]` */
export const importImage: Command = async (args, context) => {
  const flags = parseFlags(IMPORT_FLAGS, args, { interspersed: true });
  const [source, name] = flags.rest;
  if (source === undefined || flags.rest.length > 2) throw invalid('"kobako import" requires at least 1 and at most 2 arguments');
  const url = /^https?:\/\//.test(source) ? URL.parse(source) : undefined;
  if (url === null) throw invalid(`${source}: not a URL`);
  const options = { name, changes: flags.list('change'), message: flags.value('message'), platform: flags.value('platform') };
  const { images } = await context.engine();
  const id = await transfer(context, progressView(context.stdout, true), (more) =>
    images.import(url ?? ((source === '-' ? context.stdin : source) as never), { ...more, ...options }),
  );
  say(context, id);
  return 0;
};
