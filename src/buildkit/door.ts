/** BuildKit's door: what the routes hand connections to. Loaded with a client's first. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Builds } from '../build/contract.ts';
import type { Images } from '../engine/images-contract.ts';
import type { System } from '../engine/system-contract.ts';
import { bridgeHandlers } from './bridge.ts';
import { contentHandlers } from './content.ts';
import { controlHandlers } from './control.ts';
import { GrpcServer } from './grpc-server.ts';
import type { HistoryLimits } from './job.ts';
import { LocalFolders } from './local-folders.ts';
import { Sessions } from './sessions.ts';
import { Solver } from './solver.ts';
import { workerOf } from './worker.ts';

export interface DoorParts {
  readonly builds: Builds;
  readonly images: Images;
  readonly system: System;
  /** For files: the door's own. What is in it from before goes. */
  readonly folder: string;
  /** For sockets: the door's own, too, and with a short path. */
  readonly run: string;
  readonly history?: HistoryLimits | undefined;
}

export class Door {
  readonly #server = new GrpcServer();
  readonly #sessions = new Sessions();
  readonly #folders: LocalFolders;

  constructor({ builds, images, system, folder, run, history }: DoorParts) {
    for (const each of [folder, run]) rmSync(each, { recursive: true, force: true });
    const [contexts, scratch] = [join(folder, 'contexts'), join(folder, 'scratch')];
    for (const each of [contexts, scratch, run]) mkdirSync(each, { recursive: true, mode: 0o700 });
    const folders = (this.#folders = new LocalFolders(contexts));
    builds.keep?.(() => folders.list());
    const sessions = this.#sessions;
    const solver = new Solver({ builds, images, sessions, folders, scratch, run, history });
    const worker = workerOf(system, builds);
    this.#server.add('moby.buildkit.v1.Control', controlHandlers({ solver, builds, sessions, worker }));
    this.#server.add('containerd.services.content.v1.Content', contentHandlers(solver.jobs));
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
