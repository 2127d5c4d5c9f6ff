/** A container is made: the image is fetched if need be, its id is written where that was asked for. */
import { EngineError, invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import { CREATE_FLAGS } from './create-flags.ts';
import { createRequest, type CreateRequest, type StreamNames } from './create-document.ts';
import { say, warn, type CliContext, type Command } from './context.ts';
import { parseFlags, type Flags } from './flags.ts';
import { pullImage } from './image-transfer.ts';
import { progressView } from './progress.ts';

/** `kobako create [FLAGS] IMAGE [COMMAND] [ARG…]` */
export const create: Command = async (args, context) => {
  const flags = parseFlags(CREATE_FLAGS, args);
  checkImage(flags, 'create');
  const request = createRequest(flags, context, streamsOf(flags));
  say(context, await createFrom(flags, context, request, await context.engine({ stays: isLeased(context) })));
  return 0;
};

export function checkImage(flags: Flags, command: string): void {
  if (flags.rest.length === 0 && !flags.has('rootfs'))
    throw invalid(`"kobako ${command}" requires at least 1 argument`, 'give an image, or a folder with --rootfs DIR');
}

/** What it makes is under a lease, which only an engine has that stays. */
export function isLeased({ env }: CliContext): boolean {
  return Boolean(env['KOBAKO_LEASE']);
}

/** Which streams `-a` and `-i` ask for. */
export function streamsOf(flags: Flags): StreamNames {
  const wanted = flags.list('attach').map((name) => name.toLowerCase());
  for (const name of wanted)
    if (!/^std(in|out|err)$/.test(name)) throw invalid(`invalid argument "${name}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`);
  const all = wanted.length === 0;
  const tty = flags.on('tty');
  return {
    stdin: flags.on('interactive') && (all || wanted.includes('stdin')),
    stdout: all || wanted.includes('stdout'),
    stderr: !tty && (all || wanted.includes('stderr')),
  };
}

/** Gives the id. As docker's --pull: what is missing is fetched, or always, or never. */
export async function createFrom(flags: Flags, context: CliContext, { body, name, platform }: CreateRequest, engine: Engine): Promise<string> {
  const policy = flags.value('pull') || 'missing';
  if (!['always', 'missing', 'never'].includes(policy)) throw invalid(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
  const cidfile = flags.value('cidfile');
  if (cidfile !== undefined && context.fileExists(cidfile))
    throw invalid(`container ID file found, make sure the other container isn't running or delete ${cidfile}`);
  const image = body.HostConfig?.Kobako?.Rootfs === undefined ? body.Image : undefined;
  // progress goes to standard error: standard output is the container's
  const pull = (name: string) => pullImage(context, engine, name, { view: progressView(context.stderr, flags.on('quiet')), platform });
  if (policy === 'always' && image !== undefined) await pull(image);
  const make = () => engine.containers.create(body, { name, platform });
  const { Id, Warnings } = await make().catch(async (error: unknown) => {
    const missing =
      error instanceof EngineError && error.kind === 'not-found' && /^no such image|^image with reference .* was found but its platform /i.test(error.message);
    if (!missing || policy !== 'missing' || image === undefined) throw error;
    context.stderr.write(`Unable to find image '${engine.images.familiarName(image)}' locally\n`);
    await pull(image);
    return make();
  });
  if (!flags.on('quiet')) warn(context, Warnings);
  if (cidfile !== undefined) context.writeFile(cidfile, Id);
  return Id;
}
