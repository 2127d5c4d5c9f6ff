/** Leases on disk: one JSON document each, named only when it is whole. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface LeaseRecord {
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  /** Seconds. */
  readonly grace: number;
  /** What is under it is to go: there is no way back. */
  readonly ended?: boolean;
}

export const LEASE_ID = /^[0-9a-f]{32}$/;

export class LeaseStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Not waited for to be on the disk itself: what a loss of power takes is what has no owner any more. */
  save(record: LeaseRecord): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(record.id);
    const temporary = `${path}.new`;
    try {
      writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }

  /** Where that cannot be done, a later engine ends it once more. */
  remove(id: string): void {
    try {
      rmSync(this.#path(id), { force: true });
    } catch {
      // a disk that cannot be written to
    }
  }

  /** All that are whole; what else is there is removed. */
  load(): LeaseRecord[] {
    return names(this.#folder).flatMap((name) => {
      const record = name.endsWith('.json') ? read(`${this.#folder}/${name}`) : undefined;
      if (record !== undefined && name === `${record.id}.json`) return [record];
      rmSync(`${this.#folder}/${name}`, { recursive: true, force: true });
      return [];
    });
  }

  #path(id: string): string {
    return `${this.#folder}/${id}.json`;
  }
}

function read(path: string): LeaseRecord | undefined {
  try {
    const { id, createdAt, grace, ended } = JSON.parse(readFileSync(path, 'utf8')) as Partial<LeaseRecord>;
    if (typeof id !== 'string' || !LEASE_ID.test(id) || !Number.isFinite(createdAt) || !Number.isFinite(grace)) return undefined;
    return { id, createdAt: createdAt!, grace: grace!, ...(ended ? { ended } : {}) };
  } catch {
    return undefined;
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
