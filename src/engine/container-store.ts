/** Containers on disk: one folder each, one JSON document in it, named only when it is whole. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { EngineError, invalid } from '../base/errors.ts';
import type { ExitRecord } from '../kernel/contract.ts';
import { processStart } from '../kernel/linux/process.ts';
import type { Spec } from '../runtime/spec.ts';
import type { ContainerInfo } from './contract.ts';

const MAX_SOCKET_PATH = 107;

/** What is remembered of a container. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  readonly rootfs: string;
  readonly tty: boolean;
  readonly autoRemove: boolean;
  readonly stopSignal: number;
  readonly stopTimeout: number;
  readonly cgroupsPath: string;
  readonly spec: Spec;
  /** Who makes it: without that process and without one of its own, it never came to be. */
  readonly maker: ProcessId;
  /** Absent until its process is there, which waits to be started. */
  readonly process?: ProcessId;
  readonly monitor?: ProcessId;
}

/** The start time tells the process from a later one with the same pid. */
export interface ProcessId {
  readonly pid: number;
  readonly start: string;
}

/** The process that has this pid now; one that has ended already is like none. */
export function processId(pid: number): ProcessId {
  return { pid, start: processStart(pid) ?? '' };
}

function lives(id: ProcessId | undefined): boolean {
  return id !== undefined && id.start !== '' && processStart(id.pid) === id.start;
}

/** The files of one container. */
export interface ContainerPaths {
  readonly dir: string;
  readonly record: string;
  readonly socket: string;
  readonly exit: string;
  readonly log: string;
  readonly mountPoint: string;
}

export class ContainerStore {
  readonly #dir: string;

  readonly #sockets: string;

  /** Throws `invalid` for a folder whose name leaves no room for a socket's (unix(7): 107 bytes). */
  constructor(stateDir: string) {
    this.#dir = `${stateDir}/containers`;
    this.#sockets = `${stateDir}/sockets`;
    if (Buffer.byteLength(this.socket('0'.repeat(64))) > MAX_SOCKET_PATH) throw invalid(`state folder ${stateDir}: its path is too long for sockets in it`);
  }

  /** The socket of a process's monitor, by the process's id. */
  socket(id: string): string {
    return `${this.#sockets}/${id.slice(0, 24)}`;
  }

  paths(id: string): ContainerPaths {
    const dir = `${this.#dir}/${id}`;
    return {
      dir,
      record: `${dir}/container.json`,
      socket: this.socket(id),
      exit: `${dir}/exit.json`,
      log: `${dir}/container-json.log`,
      mountPoint: `${dir}/root`,
    };
  }

  /** Makes the folder of a new container. */
  create(id: string): ContainerPaths {
    const paths = this.paths(id);
    mkdirSync(paths.mountPoint, { recursive: true, mode: 0o711 });
    mkdirSync(this.#sockets, { recursive: true, mode: 0o700 });
    return paths;
  }

  save(record: ContainerRecord): void {
    const { record: path } = this.paths(record.id);
    const temporary = `${path}.${randomBytes(4).toString('hex')}`;
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, path);
  }

  load(id: string): ContainerRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.paths(id).record, 'utf8')) as ContainerRecord;
    } catch {
      return undefined;
    }
  }

  remove(id: string): void {
    rmSync(this.paths(id).dir, { recursive: true, force: true });
    rmSync(this.socket(id), { force: true });
  }

  all(): ContainerRecord[] {
    let names: string[];
    try {
      names = readdirSync(this.#dir);
    } catch {
      return [];
    }
    return names.flatMap((id) => this.load(id) ?? []);
  }

  /** By id, unique beginning of an id, or name. Docker's words when there is none. */
  find(text: string): ContainerRecord {
    const all = this.all();
    const exact = all.find((record) => record.id === text || record.name === text.replace(/^\//, ''));
    if (exact !== undefined) return exact;
    const beginning = text === '' ? [] : all.filter((record) => record.id.startsWith(text));
    if (beginning.length > 1) throw new EngineError('invalid', `multiple IDs found with provided prefix: ${text}`);
    if (beginning[0] === undefined) throw new EngineError('not-found', `No such container: ${text}`);
    return beginning[0];
  }

  exit(id: string): ExitRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.paths(id).exit, 'utf8')) as ExitRecord;
    } catch {
      return undefined;
    }
  }

  info(record: ContainerRecord): ContainerInfo {
    const { id, name, createdAt, rootfs, tty, spec, process } = record;
    const alive = lives(process);
    const exit = alive ? undefined : this.exit(id);
    return {
      id,
      name,
      state: alive ? 'running' : process === undefined && exit === undefined ? 'created' : 'exited',
      pid: alive ? process!.pid : 0,
      args: spec.process?.args ?? [],
      tty,
      createdAt,
      exit,
      logPath: this.paths(id).log,
      rootfs,
    };
  }

  /** Removes what a killed owner left: containers that were to be removed at their end, and half-made ones. */
  sweep(): ContainerRecord[] {
    const gone = this.all().filter(({ autoRemove, maker, process, monitor }) => {
      if (lives(process) || lives(monitor)) return false;
      return process === undefined ? !lives(maker) : autoRemove && !lives(maker);
    });
    for (const { id } of gone) this.remove(id);
    return gone;
  }
}
