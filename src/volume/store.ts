/** Volumes on disk: `NAME/volume.json` and `NAME/_data` in one folder. Names that begin with a dot are on their way in or out. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { EngineError } from '../base/errors.ts';
import type { VolumeRecord, VolumeStore } from './contract.ts';
import { isVolumeName } from './options.ts';

/** Whose work a folder is, so that others can tell what a killed process left. */
export interface Owners {
  /** This process: letters, digits and dots. */
  readonly self: () => string;
  readonly lives: (owner: string) => boolean;
}

const DOCUMENT = 'volume.json';

export function openVolumeStore(dir: string, owners: Owners): VolumeStore {
  const removals = new Set<Promise<void>>();
  const folder = (name: string) => `${dir}/${name}`;
  const lockPath: VolumeStore['lockPath'] = (name, what) => `${dir}/.locks/${name}.${what}`;
  /** A name that nobody else works at. */
  const work = (what: string) => `${dir}/.${owners.self()}-${what}-${randomBytes(6).toString('hex')}`;
  const write = (path: string, record: VolumeRecord) => writeFileSync(path, JSON.stringify(record), { mode: 0o600, flush: true });
  const load = (name: string): VolumeRecord | undefined => {
    if (!isVolumeName(name)) return undefined;
    try {
      return JSON.parse(readFileSync(`${folder(name)}/${DOCUMENT}`, 'utf8')) as VolumeRecord;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw new EngineError('internal', `volume ${name}: its record cannot be read: ${(error as Error).message}`, { cause: error });
    }
  };
  const erase = (path: string) => {
    const done: Promise<void> = rm(path, { recursive: true, force: true, maxRetries: 3 })
      .catch(() => {}) // the next tidy tries again
      .finally(() => removals.delete(done));
    removals.add(done);
  };
  return {
    load,
    list: () =>
      entries(dir)
        .toSorted()
        .flatMap((name) => load(name) ?? []),
    create(record) {
      const { name } = record;
      const made = work('new');
      mkdirSync(dir, { recursive: true, mode: 0o701 });
      mkdirSync(made, { mode: 0o701 });
      try {
        mkdirSync(`${made}/_data`);
        chmodSync(`${made}/_data`, 0o755);
        write(`${made}/${DOCUMENT}`, record);
        // onto a folder with something in it it does not go
        renameSync(made, folder(name));
        return true;
      } catch (error) {
        rmSync(made, { recursive: true, force: true });
        if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
        throw error;
      }
    },
    settle(name) {
      const record = load(name);
      if (record?.pending === undefined) return;
      const { pending: _, ...settled } = record;
      const temporary = `${folder(name)}/.${randomBytes(6).toString('hex')}`;
      write(temporary, settled);
      renameSync(temporary, `${folder(name)}/${DOCUMENT}`);
    },
    remove(name) {
      if (!isVolumeName(name)) return false;
      const gone = work('gone');
      try {
        renameSync(folder(name), gone);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
        throw error;
      } finally {
        // after the volume: whoever makes the lock anew must not find it
        for (const what of ['use', 'fill'] as const) rmSync(lockPath(name, what), { force: true });
      }
      erase(gone);
      return true;
    },
    mountpoint: (name) => `${folder(name)}/_data`,
    folder,
    lockPath,
    tidy() {
      for (const name of entries(dir)) {
        const owner = /^\.([\d.]+)-/.exec(name)?.[1];
        if (owner !== undefined && !owners.lives(owner)) erase(`${dir}/${name}`);
      }
    },
    settled: async () => void (await Promise.all(removals)),
  };
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    // somebody who may not look has none: a plan can be made by anybody
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
