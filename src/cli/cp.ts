import { join } from 'node:path/posix';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { EngineError, invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { PathStat } from '../engine/types/container-answers.ts';
import { CP_FLAGS } from './container-flags.ts';
import type { CliContext, Command } from './context.ts';
import { cpSide, kept, linkedPath, localDestination, localSource, placement, splitEntry } from './cp-paths.ts';
import { parseFlags, type Flags } from './flags.ts';
import { pack } from '../build/pack-folder.ts';
import { humanSize } from './units.ts';
import { unpack } from './unpack.ts';

/** Go's os.FileMode. */
const FOLDER = 2 ** 31;
const SYMLINK = 2 ** 27;
/** Milliseconds between two numbers of the progress line. */
const REDRAW = 200;

/** `kobako cp [FLAGS] CONTAINER:PATH PATH|-` and the other way round */
export const cp: Command = async (args, context) => {
  const flags = parseFlags(CP_FLAGS, args, { interspersed: true });
  const [from, to, ...more] = flags.rest;
  if (from === undefined || to === undefined || more.length > 0) throw invalid('"kobako cp" requires exactly 2 arguments');
  if (from === '') throw invalid('source can not be empty');
  if (to === '') throw invalid('destination can not be empty');
  const [source, destination] = [cpSide(from), cpSide(to)];
  if (source.container !== undefined && destination.container !== undefined) throw invalid('copying between containers is not supported');
  const { containers } = await context.engine();
  if (source.container !== undefined) await copyOut(containers, source.container, source.path, destination.path, flags, context);
  else if (destination.container !== undefined) await copyIn(containers, destination.container, source.path, destination.path, flags, context);
  else throw invalid('must specify at least one container source');
  return 0;
};

type Containers = Engine['containers'];

const isA = ({ mode }: PathStat, bit: number) => Math.floor(mode / bit) % 2 === 1;

/** Undefined where there is nothing: docker looks again when it copies. */
async function statOf(containers: Containers, container: string, path: string): Promise<PathStat | undefined> {
  try {
    return await containers.statArchive(container, path);
  } catch (error) {
    if (error instanceof EngineError && error.kind === 'not-found') return undefined;
    throw error;
  }
}

async function copyOut(containers: Containers, container: string, given: string, to: string, flags: Flags, context: CliContext): Promise<void> {
  const destination = to === '-' ? undefined : localDestination(kept(to, context.cwd));
  let path = given;
  let { base: name } = splitEntry(given);
  if (flags.on('follow-link')) {
    const stat = await statOf(containers, container, path);
    if (stat !== undefined && isA(stat, SYMLINK)) path = linkedPath(path, stat.linkTarget);
  }
  const { stat, body } = await containers.getArchive(container, path);
  if (destination === undefined) {
    await pipeline(Readable.from(body, { objectMode: false }), context.stdout, { end: false });
    return;
  }
  if (name === '/' || name === '.' || name === '..') name = '.';
  const { base: packed } = splitEntry(path);
  const place = placement({ name, isFolder: isA(stat, FOLDER) }, destination);
  const root = place.name === '.' ? place.folder : join(place.folder, place.name);
  const meter = progress(context, flags, `Copying from container - `);
  const skipped = (entry: string) => context.stderr.write(`WARNING: ${entry}: devices and pipes are not copied\n`);
  await unpack(meter.count(body), packed === '/' || packed === '.' ? '.' : packed, root, skipped);
  meter.done(to);
}

async function copyIn(containers: Containers, container: string, from: string, given: string, flags: Flags, context: CliContext): Promise<void> {
  let path = given;
  let stat = await statOf(containers, container, path);
  if (stat !== undefined && isA(stat, SYMLINK)) {
    path = linkedPath(path, stat.linkTarget);
    stat = await statOf(containers, container, path);
  }
  const destination = { path, exists: stat !== undefined, isFolder: stat !== undefined && isA(stat, FOLDER) };
  const options = { noOverwriteDirNonDir: true, copyUIDGID: flags.on('archive') };
  if (from === '-') {
    if (!destination.isFolder) throw invalid(`destination "${container}:${given}" must be a directory`);
    return containers.putArchive(container, path, context.stdin as AsyncIterable<Uint8Array>, options);
  }
  const source = localSource(kept(from, context.cwd), flags.on('follow-link'));
  const place = placement(source, destination);
  const meter = progress(context, flags, `Copying to container - `);
  await containers.putArchive(container, place.folder, meter.count(pack(source.path, place.name)), options);
  meter.done(`${container}:${given}`);
}

interface Meter {
  count(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer>;
  done(to: string): void;
}

/** One line that counts, where somebody looks. */
function progress(context: CliContext, flags: Flags, words: string): Meter {
  const quiet = flags.has('quiet') ? flags.on('quiet') : !context.stderr.isTTY;
  let [total, shownAt, shown] = [0, Date.now(), false];
  return {
    async *count(tar) {
      for await (const chunk of tar) {
        total += chunk.length;
        if (!quiet && Date.now() - shownAt > REDRAW) {
          context.stderr.write(`${shown ? '\r\x1b[K' : ''}${words}${humanSize(total)}`);
          [shownAt, shown] = [Date.now(), true];
        }
        yield chunk;
      }
    },
    done: (to) => {
      if (!quiet) context.stderr.write(`${shown ? '\r\x1b[K' : ''}Successfully copied ${humanSize(total, 3)} to ${to}\n`);
    },
  };
}
