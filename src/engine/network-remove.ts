/** Use cases: a network goes, and those that nobody is in. */
import { EngineError, invalid } from '../base/errors.ts';
import type { NetworkRecord } from '../network/contract.ts';
import { attachedTo } from './attached.ts';
import { checkFilters, hasLabel, pointInTime } from './filters.ts';
import { emitNetwork } from './network-events.ts';
import type { EngineParts } from './parts.ts';
import type { NetworksPruned } from './types/network.ts';
import type { Filters } from './types/system.ts';

/** `name` is what the caller calls it. */
export async function removeNetwork(parts: EngineParts, name: string): Promise<void> {
  const { store } = parts.networks();
  const network = store.find(name);
  if (store.isPredefined(network)) throw new EngineError('denied', `${network.name} is a pre-defined network and cannot be removed`);
  await remove(parts, network);
}

/** Throws `denied` while it is used; `not-found` when it went meanwhile. */
async function remove(parts: EngineParts, { id, name }: NetworkRecord): Promise<void> {
  const { store, drivers } = parts.networks();
  const gone = await store.change(async () => {
    const network = store.load(id);
    if (network === undefined) throw new EngineError('not-found', `network ${name} not found`);
    const inUse = (why: string) => new EngineError('denied', `error while removing network: ${why}`);
    if (network.configOnly && store.all().some(({ configFrom }) => configFrom === name)) throw inUse(`configuration network ${JSON.stringify(name)} is in use`);
    const residents = attachedTo(parts, id);
    if (residents.length > 0) {
      const list = residents.map(({ record, endpoint }) => `name:"${record.name}" id:"${endpoint.EndpointID?.slice(0, 12)}"`);
      throw inUse(`network ${name} has active endpoints (${list.join(', ')})`);
    }
    if (!network.configOnly) await drivers[network.driver]?.down(network);
    store.remove(id);
    return network;
  });
  emitNetwork(parts, 'destroy', gone);
}

/** Filters: `label`, `label!`, `until` (what was made before then). */
export async function pruneNetworks(parts: EngineParts, filters: Filters): Promise<NetworksPruned> {
  checkFilters(filters, ['label', 'label!', 'until']);
  const { label = [], 'label!': without = [], until = [] } = filters;
  if (until.length > 1) throw invalid('more than one until filter specified');
  const limit = until[0] === undefined ? Infinity : pointInTime(until[0]) * 1000;
  const { store } = parts.networks();
  const NetworksDeleted: string[] = [];
  for (const network of store.all()) {
    if (store.isPredefined(network) || network.configOnly || Date.parse(network.created) > limit) continue;
    const has = (wanted: string) => hasLabel(network.labels, wanted);
    if (!label.every(has) || without.some(has) || attachedTo(parts, network.id).length > 0) continue;
    try {
      await remove(parts, network);
      NetworksDeleted.push(network.name);
    } catch (error) {
      // somebody came into it, or removed it, meanwhile
      if (!(error instanceof EngineError) || (error.kind !== 'denied' && error.kind !== 'not-found')) throw error;
    }
  }
  parts.events.emit('network', 'prune', '', { reclaimed: '0' });
  return { NetworksDeleted: NetworksDeleted.length === 0 ? null : NetworksDeleted };
}
