/** inspect, container, image, network and volume inspect: which objects are looked for. How they are shown is in inspect.ts. */
import { invalid } from '../base/errors.ts';
import { imageDocument } from '../engine/types/image-document.ts';
import { CONTAINER_INSPECT_FLAGS, INSPECT_FLAGS } from './container-flags.ts';
import type { CliContext, Command } from './context.ts';
import { parseFlags, type Flag, type Flags } from './flags.ts';
import { IMAGE_INSPECT_FLAGS } from './image-flags.ts';
import { runInspect, type Finder } from './inspect.ts';
import { NETWORK_INSPECT_FLAGS } from './network-command-flags.ts';
import { VOLUME_INSPECT_FLAGS } from './volume-flags.ts';

function read(table: readonly Flag[], args: readonly string[], command: string): Flags {
  const flags = parseFlags(table, args, { interspersed: true });
  if (flags.rest.length === 0) throw invalid(`"kobako ${command}" requires at least 1 argument`);
  return flags;
}

async function finders(context: CliContext, platform?: string): Promise<Readonly<Record<'container' | 'image' | 'network' | 'volume', Finder>>> {
  const { containers, images, networks, volumes } = await context.engine();
  return {
    container: async (name, { size }) => ({ kind: 'container', document: await containers.inspect(name, { size }) }),
    volume: async (name) => ({ kind: 'volume', document: await volumes.inspect(name) }),
    image: async (name) => ({ kind: 'image', document: imageDocument(await images.inspect(name, { platform })) }),
    network: async (name) => ({ kind: 'network', document: await networks.inspect(name) }),
  };
}

/** `kobako inspect NAME…`: of whatever has the name. */
export const inspect: Command = async (args, context) => {
  const flags = read(INSPECT_FLAGS, args, 'inspect');
  return runInspect(context, flags, await finders(context));
};

/** `kobako container inspect NAME…` */
export const containerInspect: Command = async (args, context) => {
  const flags = read(CONTAINER_INSPECT_FLAGS, args, 'container inspect');
  const { container } = await finders(context);
  return runInspect(context, flags, { container });
};

/** `kobako image inspect NAME…` */
export const imageInspect: Command = async (args, context) => {
  const flags = read(IMAGE_INSPECT_FLAGS, args, 'image inspect');
  const { image } = await finders(context, flags.value('platform'));
  return runInspect(context, flags, { image });
};

/** `kobako network inspect NAME…` */
export const networkInspect: Command = async (args, context) => {
  const flags = read(NETWORK_INSPECT_FLAGS, args, 'network inspect');
  const { networks } = await context.engine();
  const network: Finder = async (name) => ({ kind: 'network', document: await networks.inspect(name, { verbose: flags.on('verbose') }) });
  return runInspect(context, flags, { network });
};

/** `kobako volume inspect NAME…` */
export const volumeInspect: Command = async (args, context) => {
  const flags = read(VOLUME_INSPECT_FLAGS, args, 'volume inspect');
  const { volume } = await finders(context);
  return runInspect(context, flags, { volume });
};
