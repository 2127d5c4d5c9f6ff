/**
 * What builds have made, on disk: one document for each step that was run, named by its key, with the layer that came of
 * it. A document is whole because it has its name. Nothing here removes layers: what no document names, and no image, is
 * collected with the images' garbage.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { digestHex, type Digest } from '../base/digest.ts';
import { fileStamp } from '../base/file-stamp.ts';
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

/** Records in memory. */
const MOST_KNOWN = 5000;
/** Milliseconds after which it is on the disk that a record was used. */
const TOUCH_MS = 50;

export class BuildCache {
  readonly #dir: string;
  #scratch = 0;
  /** What was read or written last; whether it is still so, the file tells. */
  readonly #known = new Map<Digest, { readonly stamp: string; readonly record: StepRecord }>();
  /** Used, and their files do not say so yet. */
  readonly #touched = new Map<Digest, { readonly stamp: string | undefined; readonly record: StepRecord }>();
  #touching: NodeJS.Timeout | undefined;

  /** Makes the folder where it is missing. */
  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** Undefined where there is none, or one that cannot be read. */
  find(key: Digest): StepRecord | undefined {
    const stamp = this.#stampOf(key);
    if (stamp === undefined) return undefined;
    const known = this.#known.get(key);
    const touched = this.#touched.get(key);
    if (touched?.stamp === stamp) return touched.record;
    if (known?.stamp === stamp) return known.record;
    try {
      const record = JSON.parse(readFileSync(this.#path(key), 'utf8')) as StepRecord;
      if (record.key !== key) return undefined;
      if (this.#known.size >= MOST_KNOWN) this.#known.clear();
      this.#known.set(key, { stamp, record });
      return record;
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
      this.#touched.delete(record.key);
    } catch {
      rmSync(scratch, { force: true });
    }
  }

  /** It has been used now. The disk learns of it a moment later, or with `flush`. */
  touch(record: StepRecord): void {
    const stamp = this.#known.get(record.key)?.stamp ?? this.#stampOf(record.key);
    this.#touched.set(record.key, { stamp, record: { ...record, usageCount: record.usageCount + 1 } });
    this.#touching ??= setTimeout(() => this.flush(), TOUCH_MS).unref();
  }

  flush(): void {
    clearTimeout(this.#touching);
    this.#touching = undefined;
    // what another process has written or removed since stays so
    for (const { stamp, record } of this.#touched.values()) if (stamp !== undefined && stamp === this.#stampOf(record.key)) this.put(record);
    this.#touched.clear();
  }

  remove(key: Digest): void {
    this.#touched.delete(key);
    this.#known.delete(key);
    rmSync(this.#path(key), { force: true });
  }

  list(): KeptRecord[] {
    this.flush();
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

  #stampOf(key: Digest): string | undefined {
    return fileStamp(this.#path(key));
  }

  #names(): string[] {
    return readdirSync(this.#dir).filter((name) => /^[0-9a-f]{64}$/.test(name));
  }

  #path(key: Digest): string {
    return `${this.#dir}/${digestHex(key)}`;
  }
}
