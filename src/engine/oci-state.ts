/** What an OCI runtime remembers of its containers: one folder each below its root, read by nobody else. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  readonly pid: number;
  readonly pidStart: string;
}

export class OciState {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  dir(id: string): string {
    if (!/^[\w+.-]+$/.test(id) || id === '.' || id === '..' || id.length > 1024) throw invalid(`invalid id format: ${id}`);
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
      return JSON.parse(readFileSync(`${this.dir(id)}/state.json`, 'utf8')) as OciRecord;
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

  remove(id: string): void {
    rmSync(this.dir(id), { recursive: true, force: true });
  }

  alive(record: OciRecord): boolean {
    return processStart(record.pid) === record.pidStart;
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
