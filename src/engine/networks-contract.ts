/**
 * Networks as the engine's doors see them. Documents have Docker's names; a network is named by its id, its name, or the
 * beginning of its id. Every method throws EngineError: `not-found` as `network NAME not found`, in Docker's words where
 * its clients read them.
 */
import type { EndpointSettings, NetworkCreate, NetworkCreated, NetworkInspect, NetworksPruned } from './types/network.ts';
import type { Filters } from './types/system.ts';

export interface NetworkInspectOptions {
  /** `local`; there is nothing of another scope here. */
  readonly scope?: string | undefined;
  /** Services and tasks too, which there are none of. */
  readonly verbose?: boolean | undefined;
}

export interface Networks {
  /** `conflict` for a name that is taken, `denied` for a subnet that overlaps another's. */
  create(body: NetworkCreate): Promise<NetworkCreated>;
  /** Filters: `driver`, `id`, `label`, `name`, `scope`, `type` (`builtin`, `custom`), `dangling`. */
  list(filters?: Filters): Promise<readonly NetworkInspect[]>;
  inspect(network: string, options?: NetworkInspectOptions): Promise<NetworkInspect>;
  /** `denied` while containers run in it, and for a predefined one. */
  remove(network: string): Promise<void>;
  /** Those that no running container is in. Filters: `label`, `label!`, `until`. */
  prune(filters?: Filters): Promise<NetworksPruned>;
  /** One more network for a container; one that does not run joins it when it starts. */
  connect(network: string, container: string, endpoint?: EndpointSettings): Promise<void>;
  /** With `force` the network may be of a container that is no more. */
  disconnect(network: string, container: string, options?: { readonly force?: boolean | undefined }): Promise<void>;
}
