/** Use cases: a container comes into one more network, and leaves one. */
import { EngineError, invalid } from '../base/errors.ts';
import type { NetworkRecord } from '../network/contract.ts';
import { attachedTo, placesOfContainer } from './attached.ts';
import { isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import { checkEndpoint } from './endpoint-checks.ts';
import { ALONE, checkJoinable, dnsNames, NONE_ALONE, NOT_HOST } from './network-places.ts';
import type { EngineParts } from './parts.ts';
import { askedOf } from './endpoint-settings.ts';
import type { EndpointSettings } from './types/network.ts';

/** One that does not run joins when it starts. */
export async function connectNetwork(parts: EngineParts, networkName: string, containerName: string, endpoint: EndpointSettings): Promise<void> {
  const { id } = findContainer(parts, containerName);
  await parts.live.inTurn(id, async () => {
    const record = parts.store.find(id);
    const network = parts.networks().store.find(networkName);
    checkAlone(parts, record, network);
    checkEndpoint(endpoint, network);
    checkJoinable(network);
    const settings = askedOf(endpoint);
    const running = isRunning(parts, record);
    if (running && placesOfContainer(parts, record)[network.id] !== undefined)
      throw new EngineError('denied', `endpoint with name ${record.name} already exists in network ${network.name}`);
    const names = running ? undefined : dnsNames(record, network.name, settings);
    const wanted = { ...settings, ...(names === undefined || names === null ? {} : { DNSNames: names }) };
    const known = parts.store.change(id, { endpoints: { ...record.endpoints, [network.name]: wanted } });
    if (!running || known === undefined) return;
    try {
      await parts.sandboxes.connect(known, network);
    } catch (error) {
      parts.store.change(id, { endpoints: record.endpoints });
      throw error;
    }
  });
}

function findContainer(parts: EngineParts, name: string): ContainerRecord {
  if (name === '') throw invalid('invalid name or ID supplied: ""');
  return parts.store.find(name);
}

function checkAlone(parts: EngineParts, { hostConfig: { NetworkMode: mode }, endpoints }: ContainerRecord, network: NetworkRecord): void {
  if (mode === 'host' || mode.startsWith('container:')) throw invalid(ALONE);
  if (network.driver === 'host') throw invalid(NOT_HOST);
  const isNone = (name: string) => parts.networks().store.search(name)?.name === 'none';
  const others = Object.keys(endpoints).filter((name) => name !== network.name);
  if (others.some(isNone) || (network.name === 'none' && others.length > 0)) throw invalid(NONE_ALONE);
}

/** With `force` the container may be no more: what it has left in the network goes. */
export async function disconnectNetwork(parts: EngineParts, networkName: string, containerName: string, force: boolean): Promise<void> {
  let found: ContainerRecord;
  try {
    found = findContainer(parts, containerName);
  } catch (error) {
    if (force && error instanceof EngineError && error.kind === 'not-found')
      throw new EngineError('not-found', `endpoint ${containerName} not found`, { cause: error });
    throw error;
  }
  await parts.live.inTurn(found.id, async () => {
    const record = parts.store.find(found.id);
    const network = parts.networks().store.find(networkName);
    if (network.driver === 'host' && record.hostConfig.NetworkMode === 'host')
      throw invalid('cannot disconnect container from host network - container was created in host network mode');
    const running = isRunning(parts, record);
    const there = attachedTo(parts, network.id).some((resident) => resident.record.id === record.id);
    const asked = Object.hasOwn(record.endpoints, network.name);
    if (running ? !there && !asked : !asked)
      throw new EngineError('conflict', `container ${record.id} is not connected to ${running ? '' : 'the '}network ${network.name}`);
    if (there) await parts.sandboxes.disconnect(record, network);
    const now = parts.store.load(record.id);
    if (now === undefined) return;
    const { [network.name]: _, ...endpoints } = now.endpoints;
    parts.store.change(record.id, { endpoints });
  });
}
