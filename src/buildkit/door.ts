/** BuildKit's door: what the routes hand connections to. Loaded with a client's first. */
import type { Duplex } from 'node:stream';
import type { Builds } from '../build/contract.ts';
import type { System } from '../engine/system-contract.ts';
import { bridgeHandlers } from './bridge.ts';
import { controlHandlers } from './control.ts';
import { GrpcServer } from './grpc-server.ts';
import { LocalFolders } from './local-folders.ts';
import { Sessions } from './sessions.ts';
import { Solver } from './solver.ts';
import { workerOf } from './worker.ts';

export interface DoorParts {
  readonly builds: Builds;
  readonly system: System;
  /** For copies of clients' folders: the door's own. */
  readonly folder: string;
}

export class Door {
  readonly #server = new GrpcServer();
  readonly #sessions = new Sessions();
  readonly #folders: LocalFolders;

  constructor({ builds, system, folder }: DoorParts) {
    const folders = (this.#folders = new LocalFolders(folder));
    const sessions = this.#sessions;
    const solver = new Solver({ builds, sessions, folders });
    const worker = () => workerOf(system);
    this.#server.add('moby.buildkit.v1.Control', controlHandlers({ solver, builds, sessions, folders, worker }));
    this.#server.add('moby.buildkit.v1.frontend.LLBBridge', bridgeHandlers(solver, worker));
  }

  /** A connection on which the client calls. */
  calls(connection: Duplex): void {
    this.#server.serve(connection);
  }

  /** A connection on which the client serves. Throws `invalid` and `conflict` before it takes the connection. */
  session(headers: Readonly<Record<string, string | undefined>>, connection: () => Duplex): void {
    this.#sessions.add(headers, connection);
  }

  close(): void {
    this.#sessions.close();
    this.#server.close();
    this.#folders.close();
  }
}
