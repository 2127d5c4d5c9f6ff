/** Where the engine's files of containers are. */
import { readdirSync } from 'node:fs';
import { invalid } from '../base/errors.ts';
import type { ContainerPaths } from './container-record.ts';

const MAX_SOCKET_PATH = 107;

export class ContainerPlaces {
  /** A folder for each container. */
  protected readonly dir: string;
  protected readonly sockets: string;
  protected readonly starting: string;

  /** `root`: of what outlives the machine's next start. Throws `invalid` for a folder whose name leaves no room for a socket's (unix(7): 107 bytes). */
  constructor(stateDir: string, root: string) {
    this.dir = `${root}/containers`;
    this.sockets = `${stateDir}/sockets`;
    this.starting = `${root}/starting`;
    if (Buffer.byteLength(this.socket('0'.repeat(64))) > MAX_SOCKET_PATH) throw invalid(`state folder ${stateDir}: its path is too long for sockets in it`);
  }

  /** The socket of a process's monitor, by the process's id. */
  socket(id: string): string {
    return `${this.sockets}/${id.slice(0, 24)}`;
  }

  /** Locked by who starts the container; there only meanwhile. */
  startLock(id: string): string {
    return `${this.starting}/${id}`;
  }

  /** The locks that are there: held, or left by a killed process. */
  startLocks(): string[] {
    return entries(this.starting).map((id) => this.startLock(id));
  }

  /** The socket of an exec's monitor: it begins as its container's does. */
  execSocket(id: string, exec: string): string {
    return this.socket(`${id.slice(0, 12)}${exec}`);
  }

  paths(id: string): ContainerPaths {
    const dir = `${this.dir}/${id}`;
    return {
      dir,
      record: `${dir}/container.json`,
      socket: this.socket(id),
      exit: `${dir}/exit.json`,
      log: `${dir}/container-json.log`,
      mountPoint: `${dir}/root`,
    };
  }

  execPath(id: string, exec: string): string {
    return `${this.paths(id).dir}/exec-${exec}.json`;
  }
}

/** Names in a folder; none where there is no such folder. */
export function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
