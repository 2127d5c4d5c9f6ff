/** What somebody took away by hand of networks' interfaces is put back, while containers run in them. */
import { EngineError, SyscallError } from '../base/errors.ts';
import type { Endpoint, NetworkRecord } from '../network/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import { endpointsOf } from './network-places.ts';
import type { EngineParts } from './parts.ts';

export interface Joined {
  readonly network: NetworkRecord;
  readonly endpoint: Endpoint;
}

/** Of all networks. `attach` gives a container a new interface instead of a lost one. What cannot be mended stays as it is. */
export async function mendNetworks(parts: EngineParts, attach: (record: ContainerRecord, one: Joined) => Promise<void>): Promise<void> {
  const { store, drivers } = parts.networks();
  const running = parts.store.all().filter(({ attached, process }) => attached !== undefined && process !== undefined);
  const residents = running.flatMap((record) => endpointsOf(parts, record).map((one) => ({ record, one })));
  for (const network of store.all()) {
    const driver = drivers[network.driver];
    const of = residents.filter(({ one }) => one.network.id === network.id);
    if (network.configOnly || driver === undefined || (of.length === 0 && store.isPredefined(network))) continue;
    let lost: readonly Endpoint[] = [];
    attempt(() => {
      lost = driver.mend(
        network,
        of.map(({ one }) => one.endpoint),
      );
    });
    for (const { record, one } of of) if (lost.includes(one.endpoint)) await attach(record, one);
  }
}

/** For a container that ends just now, or a machine that has changed: it goes on with what it has. */
export function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof EngineError)) throw error;
  }
}
