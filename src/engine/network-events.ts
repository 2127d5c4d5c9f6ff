import type { NetworkRecord } from '../network/contract.ts';
import type { EngineParts } from './parts.ts';

/** Tells of a network, with what Docker tells: its name and its driver, and the container where it is about one. */
export function emitNetwork(
  { events }: EngineParts,
  action: 'create' | 'connect' | 'disconnect' | 'destroy',
  { id, name, driver }: Pick<NetworkRecord, 'id' | 'name' | 'driver'>,
  extra: { readonly container?: string } = {},
): void {
  events.emit('network', action, id, { ...extra, name, type: driver });
}
