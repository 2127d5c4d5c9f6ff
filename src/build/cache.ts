/**
 * What builds have made, on disk: one document for each step that was run, named by its key, with the layer that came of
 * it. A document is whole because it has its name. Nothing here removes layers: what no document names, and no image, is
 * collected with the images' garbage.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { digestHex, type Digest } from '../base/digest.ts';
import type { LayerRef } from './contract.ts';

export interface StepRecord {
  readonly key: Digest;
  /** The record of the step below; absent where that is an image, or nothing. */
  readonly parent?: Digest | undefined;
  readonly description: string;
  readonly layer: LayerRef;
  /** Bytes of the layer's files. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly usageCount: number;
}

/** A record as it is now. */
export interface KeptRecord extends StepRecord {
  /** Milliseconds since 1970. */
  readonly lastUsedAt: number;
}

export class BuildCache {
  readonly #dir: string;
  #scratch = 0;

  /** Makes the folder where it is missing. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Undefined where there is none, or one that cannot be read. */
  find(key: Digest): StepRecord | undefined {
    try {
      const record = JSON.parse(readFileSync(this.#path(key), 'utf8')) as StepRecord;
      return record.key === key ? record : undefined;
    } catch {
      return undefined;
    }
  }

  /** What it says of its use counts from now on. Room that is wanting is no failure: it is then not kept. */
  put(record: StepRecord): void {
    const scratch = `${this.#dir}/.${process.pid}-${this.#scratch++}`;
    try {
      writeFileSync(scratch, JSON.stringify(record), { mode: 0o600 });
      renameSync(scratch, this.#path(record.key));
    } catch {
      rmSync(scratch, { force: true });
    }
  }

  /** It has been used now. */
  touch(record: StepRecord): void {
    this.put({ ...record, usageCount: record.usageCount + 1 });
  }

  remove(key: Digest): void {
    rmSync(this.#path(key), { force: true });
  }

  list(): KeptRecord[] {
    return this.#names().flatMap((name) => {
      const record = this.find(`sha256:${name}`);
      const stat = statSync(`${this.#dir}/${name}`, { throwIfNoEntry: false });
      return record === undefined || stat === undefined ? [] : [{ ...record, lastUsedAt: stat.mtimeMs }];
    });
  }

  /** For tests and clocks that went wrong: when a record was used last, in milliseconds since 1970. */
  setUsed(key: Digest, at: number): void {
    utimesSync(this.#path(key), at / 1000, at / 1000);
  }

  /** Removes what a killed process was writing. Only while no other process builds. */
  sweep(): void {
    for (const name of readdirSync(this.#dir)) if (name.startsWith('.')) rmSync(`${this.#dir}/${name}`, { force: true });
  }

  #names(): string[] {
    return readdirSync(this.#dir).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  #path(key: Digest): string {
    return `${this.#dir}/${digestHex(key)}`;
  }
}
