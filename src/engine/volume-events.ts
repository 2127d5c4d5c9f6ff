/** What happens to a container's volumes as it begins and ends, as Docker's events tell it. */
import type { ContainerRecord } from './container-record.ts';
import { mountsOfRecord } from './mounts-asked.ts';
import type { EngineParts } from './parts.ts';

export function emitMounts({ events }: EngineParts, record: ContainerRecord): void {
  for (const { name, destination, propagation, rw } of mountsOfRecord(record)) {
    if (name === undefined) continue;
    events.emit('volume', 'mount', name, { container: record.id, destination, driver: 'local', propagation, 'read/write': String(rw) });
  }
}

export function emitUnmounts({ events }: EngineParts, record: ContainerRecord): void {
  for (const { name } of mountsOfRecord(record)) if (name !== undefined) events.emit('volume', 'unmount', name, { container: record.id, driver: 'local' });
}
