/** The engine behind a socket: any daemon with Docker's API. */
import type { Engine } from '../engine/contract.ts';
import type { Credentials } from '../engine/images-contract.ts';
import { buildsClient } from './builds.ts';
import { observingClient } from './container-observe.ts';
import { filesClient } from './container-files.ts';
import { lifecycleClient } from './containers.ts';
import { ExecClient } from './execs.ts';
import { HttpClient, type HttpOptions } from './http.ts';
import { remoteImages } from './images.ts';
import { remoteNetworks } from './networks.ts';
import { leaseClient, leasesClient } from './leases.ts';
import { systemClient } from './system.ts';
import { volumesClient } from './volumes.ts';

export interface ConnectOptions extends HttpOptions {
  /** Who one is for a registry (`docker.io`, `localhost:5000`), where a call does not say so: a daemon uses none of its own. */
  readonly credentials?: ((domain: string) => Promise<Credentials | undefined>) | undefined;
}

/**
 * An engine over `unix:///path`, `tcp://host:port`, `http://…`, `https://…` or `ssh://[user@]host`. Nothing is sent before the first call.
 * Throws `invalid` for an address that is none. Its methods throw EngineError: of the kind that the daemon's status
 * says and in its words, `unavailable` where it cannot be reached, `cancelled`. Closing ends no call that is under way.
 */
export function connectEngine(url: string, options: ConnectOptions = {}): Engine {
  const http = new HttpClient(url, options);
  const close = async () => http.close();
  return {
    containers: { ...lifecycleClient(http), ...filesClient(http), ...observingClient(http) },
    execs: new ExecClient(http),
    builds: buildsClient(http, options.credentials),
    images: remoteImages(http, options.credentials === undefined ? {} : { credentials: options.credentials }),
    networks: remoteNetworks(http),
    volumes: volumesClient(http),
    system: systemClient(http),
    leases: leasesClient(http),
    lease: (lease) => leaseClient(http, lease),
    close,
    [Symbol.asyncDispose]: close,
  };
}
