/** A container's networks while it runs: its network namespace, and its place in each network. */
import type { NetworkRecord } from '../network/contract.ts';
import type { ContainerRecord } from './container-store.ts';

export interface Sandboxes {
  /** Puts a running container into one more network; its record's `endpoints` say how it wants to be in it. All or nothing. */
  connect(record: ContainerRecord, network: NetworkRecord): Promise<void>;
  /** Takes it out of one; its addresses there are free. */
  disconnect(record: ContainerRecord, network: NetworkRecord): Promise<void>;
}
