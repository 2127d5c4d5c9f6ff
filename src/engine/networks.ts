/** The use cases of networks, put together as the doors see them. */
import { connectNetwork, disconnectNetwork } from './network-connect.ts';
import { createNetwork } from './network-create.ts';
import { inspectNetwork, listNetworks } from './network-list.ts';
import { pruneNetworks, removeNetwork } from './network-remove.ts';
import type { Networks } from './networks-contract.ts';
import type { EngineParts } from './parts.ts';

export function networksOf(parts: EngineParts): Networks {
  return {
    create: (body) => createNetwork(parts, body),
    list: async (filters = {}) => listNetworks(parts, filters),
    inspect: async (name, options = {}) => inspectNetwork(parts, name, options),
    remove: (name) => removeNetwork(parts, name),
    prune: (filters = {}) => pruneNetworks(parts, filters),
    connect: (network, container, endpoint = {}) => connectNetwork(parts, network, container, endpoint),
    disconnect: (network, container, { force = false } = {}) => disconnectNetwork(parts, network, container, force),
  };
}
