/** What an OCI runtime remembers of its containers: one folder each below its root, read by nobody else. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import { processStart } from '../kernel/linux/process.ts';
import type { Spec } from '../runtime/spec.ts';
import { parseSpec } from '../runtime/validate.ts';

export type OciStatus = 'creating' | 'created' | 'running' | 'stopped' | 'paused';

export interface OciRecord {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly owner: string;
  readonly cgroupsPath: string;
  /** The config.json as it was at create, with what update changed. */
  readonly config: string;
  /** 0 while it is being made. */
  readonly pid: number;
  readonly pidStart: string;
  /** The command that makes or made it: while it lives and there is no pid yet, the container is `creating`. */
  readonly maker: number;
  readonly makerStart: string;
  /** It shares the session keyring of whoever created it, and so do the processes that join it. */
  readonly noNewKeyring?: boolean;
}

export class OciState {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  dir(id: string): string {
    if (!/^[\w+.-]+$/.test(id) || id === '.' || id === '..') throw invalid(`invalid container ID format: ${JSON.stringify(id)}`);
    if (Buffer.byteLength(id) > 255) throw invalid(`container id is too long: ${id.length} characters, 255 at most`);
    return `${this.root}/${id}`;
  }

  fifo(id: string): string {
    return `${this.dir(id)}/exec.fifo`;
  }

  /** Claims the id. Throws `conflict` in runc's words when it is taken. */
  claim(id: string): string {
    const dir = this.dir(id);
    mkdirSync(this.root, { recursive: true, mode: 0o700 });
    try {
      mkdirSync(dir, { mode: 0o711 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new EngineError('conflict', 'container with given ID already exists');
      throw error;
    }
    chmodSync(dir, 0o711);
    return dir;
  }

  save(record: OciRecord): void {
    const path = `${this.dir(record.id)}/state.json`;
    writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  load(id: string): OciRecord {
    try {
      const record = JSON.parse(readFileSync(`${this.dir(id)}/state.json`, 'utf8')) as OciRecord;
      const texts = [record.bundle, record.rootfs, record.created, record.owner, record.cgroupsPath, record.config, record.pidStart, record.makerStart];
      const whole = texts.every((text) => typeof text === 'string') && Number.isInteger(record.pid) && Number.isInteger(record.maker);
      if (!whole || record.id !== id) throw new Error(`${this.dir(id)}/state.json is not a container's state`);
      return record;
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError('not-found', 'container does not exist', { cause: error });
    }
  }

  spec(record: OciRecord): Spec {
    return parseSpec(record.config);
  }

  all(): OciRecord[] {
    if (!existsSync(this.root)) return [];
    return readdirSync(this.root).flatMap((id) => {
      try {
        return [this.load(id)];
      } catch {
        return []; // being made, or not ours
      }
    });
  }

  /** Removes what is ours in the folder, and it when nothing else is there: the root may be a folder of somebody else's. */
  remove(id: string): void {
    const dir = this.dir(id);
    // the record last: as long as it is there, what is left can be found and deleted
    const isOurs = (name: string) => /^(exec\.fifo|state\.json\.new|tty-\d+)$/.test(name);
    try {
      for (const name of [...readdirSync(dir).filter(isOurs), 'state.json']) rmSync(`${dir}/${name}`, { force: true });
      rmdirSync(dir);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  /** Whether a process waits at the start fifo: it has it open for reading, and only then can it be opened for writing. */
  waits(id: string): boolean {
    try {
      closeSync(openSync(this.fifo(id), constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
      return true;
    } catch {
      return false;
    }
  }

  /** The name of the user who made it, as passwd(5) has it; else the number. */
  owner(id: string): string {
    const { uid } = statSync(this.dir(id));
    return readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^([^:\\n]*):[^:\\n]*:${uid}:`, 'm'))?.[1] ?? String(uid);
  }

  alive(record: OciRecord): boolean {
    return record.pid > 0 && processStart(record.pid) === record.pidStart;
  }
}

/** What hooks and `state` are told, as the runtime specification has it. */
export function stateDocument(record: OciRecord, status: OciStatus, spec: Spec) {
  return {
    ociVersion: spec.ociVersion,
    id: record.id,
    pid: status === 'stopped' ? 0 : record.pid,
    status,
    bundle: record.bundle,
    ...(spec.annotations === undefined ? {} : { annotations: spec.annotations }),
  };
}
