/** A container's networks while it runs: its network namespace, and its place in each network. */
import type { NetworkRecord } from '../network/contract.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ProcessId } from './process-id.ts';

/** The networks of a container that is being started. Disposed of, it has none; not when its program runs. */
export interface OpenSandbox extends Disposable {
  /** As it is now: with its places in networks. */
  readonly record: ContainerRecord;
  /** The namespace to join; absent where the container makes its own, or has another's. */
  readonly path?: string | undefined;
  /**
   * Its interfaces, ports and names. To be called once, before its program starts: the plan may run meanwhile, where it
   * does not change what interfaces are like. Rejects in Docker's words. It must have settled before this is disposed of.
   */
  attach(): Promise<void>;
  /** The container's first process is there, and does not run its program yet, before this resolves. */
  arrived(process: ProcessId): Promise<void>;
  /** Its program runs: it is in the namespace itself. */
  started(): void;
}

export interface Sandboxes {
  /**
   * All places in networks of a container that is to be started, and its ports. `ownUser`: it is root of a user namespace
   * only, to which its network namespace must belong. Throws in Docker's words when one cannot be had; then it has none.
   */
  open(record: ContainerRecord, options: { readonly ownUser: boolean }): Promise<OpenSandbox>;
  /** The container runs no more: all that it had in networks is free. Does nothing for one that had nothing. */
  ended(id: string): void;
  /** Puts a running container into one more network; its record's `endpoints` say how it wants to be in it. All or nothing. */
  connect(record: ContainerRecord, network: NetworkRecord): Promise<void>;
  /** Takes it out of one; its addresses there are free. */
  disconnect(record: ContainerRecord, network: NetworkRecord): Promise<void>;
  /** The container has another name. */
  renamed(record: ContainerRecord): void;
  /** Of a container that was started by an engine that is no more: all is again as its record says. */
  restore(record: ContainerRecord): void;
  /** At the end of the engine: what it does for containers ends, and what no container needs goes. */
  close(): Promise<void>;
}
