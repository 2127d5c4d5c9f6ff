/** `POST /grpc` and `POST /session`: connections that become HTTP/2, as buildx and the docker CLI ask for them. */
import type { Duplex } from 'node:stream';
import type { ApiRequest, Route } from '../api/contract.ts';
import { invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import type { Door } from './door.ts';
import type { HistoryLimits } from './job.ts';

export interface BuildkitOptions {
  /** For copies of clients' folders and for results on their way; what is in it from before goes. */
  readonly folder: string;
  /** For sockets, as `folder`; its path is short. */
  readonly run: string;
  /** Which builds are remembered. */
  readonly history?: HistoryLimits | undefined;
}

export interface BuildkitRoutes {
  readonly routes: readonly Route[];
  /** Ends all connections. */
  close(): void;
}

/** What serves them is loaded when the first client comes: the daemon starts no slower for it. */
export function buildkitRoutes({ folder, run, history }: BuildkitOptions): BuildkitRoutes {
  let door: Promise<Door> | undefined;
  let closed = false;
  const open = ({ builds, images, system }: Engine): Promise<Door> => {
    door ??= import('./door.ts').then((module) => new module.Door({ builds, images, system, folder, run, history }));
    return door;
  };
  const upgrade = async (request: ApiRequest): Promise<void> => {
    if (request.headers['upgrade']?.toLowerCase() !== 'h2c') throw invalid('no upgrade proto in request: h2c is wanted');
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (Number(length) === 0 && coding === undefined) return;
    for await (const piece of request.body) if ((piece as Buffer).length > 0) throw invalid('the request has a body: none is wanted');
  };
  return {
    routes: [
      {
        method: 'POST',
        path: '/grpc',
        hijack: true,
        handler: async (request, engine) => {
          await upgrade(request);
          const to = await open(engine);
          to.calls(taken(request));
        },
      },
      {
        method: 'POST',
        path: '/session',
        hijack: true,
        handler: async (request, engine) => {
          await upgrade(request);
          const to = await open(engine);
          to.session(request.headers, () => taken(request));
        },
      },
    ],
    close: () => {
      if (closed) return;
      closed = true;
      void door?.then((each) => each.close());
    },
  };
}

/** The connection. HTTP/2 knows no closed half: with the client's end it is over. */
function taken(request: ApiRequest): Duplex {
  const connection = request.hijack();
  connection.once('end', () => connection.destroy());
  return connection;
}
