/** At the start of an engine that owns its data root: the host's interfaces and rules are as the networks say. */
import { bridgeName } from '../network/driver-options.ts';
import { engineId } from './engine-id.ts';
import { markOf, type Networking } from './networking.ts';
import type { EngineParts } from './parts.ts';
import { attempt } from './sandbox-mend.ts';

/** Containers that run have been seen to. What is there of networks that are no more goes, and a filter that nobody wants. */
export function restoreNetworks(parts: EngineParts, networking: () => Networking): void {
  const { store, drivers, host } = parts.networks();
  const mark = markOf(engineId(parts.containerRoot));
  const own = store.all().filter((network) => !network.configOnly && !store.isPredefined(network));
  for (const network of own) {
    try {
      drivers[network.driver]?.up(network);
    } catch {
      // its parent is gone, or its subnet is somebody else's by now: whoever starts a container in it is told
    }
  }
  // those of networks that are no more, and the default bridge where no container is
  const known = new Set(own.map(({ id }) => `${mark} ${id}`));
  const used = new Set(parts.store.all().flatMap(({ attached }) => Object.keys(attached ?? {})));
  const names = new Set(store.all().map(bridgeName));
  const stale = host.aliased(mark).filter(({ name, alias }) => !known.has(alias) && !(names.has(name) && used.has(alias.slice(mark.length + 1))));
  const { kernel, table } = networking();
  kernel.host().change(stale.map(({ name }) => ({ op: 'link-delete', link: name, missingOk: true })));
  if (!table.empty) return;
  attempt(() => {
    const tables = kernel.host().packetFilter.tables();
    if (tables.some((each) => each.table === table.name)) table.delete();
  });
}
