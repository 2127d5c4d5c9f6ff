/** Use case: a volume by its name. */
import { randomHex } from '../base/random-hex.ts';
import { EngineError } from '../base/errors.ts';
import type { FileLock } from '../kernel/contract.ts';
import type { VolumeRecord } from '../volume/contract.ts';
import { checkVolumeName, checkVolumeOptions } from '../volume/options.ts';
import { checkVolumeDriver } from './mount-parse.ts';
import type { EngineParts } from './parts.ts';
import type { Volume, VolumeCreate } from './types/volume.ts';

/** Docker's mark of volumes that nobody gave a name. */
export const ANONYMOUS = 'com.docker.volume.anonymous';

export function volumeDocument({ volumes }: EngineParts, { name, createdAt, labels, options }: VolumeRecord): Volume {
  return { CreatedAt: createdAt, Driver: 'local', Labels: labels, Mountpoint: volumes.store.mountpoint(name), Name: name, Options: options, Scope: 'local' };
}

/** A random name where there is none. One that is there already stays as it is, whatever was asked for, as in Docker. */
export async function createVolume(parts: EngineParts, { Name = '', Driver = '', DriverOpts, Labels }: VolumeCreate): Promise<Volume> {
  checkVolumeDriver(Driver, Name);
  using held = await ensureVolume(parts, newVolume(Name, { options: DriverOpts, labels: Labels }));
  return volumeDocument(parts, held.record);
}

interface VolumeWish {
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly pending?: VolumeRecord['pending'];
}

/** The record of a volume, checked; a name is made up where there is none. Throws Docker's `invalid`. */
export function newVolume(name: string, { options, labels, pending }: VolumeWish = {}): VolumeRecord {
  const own = name === '' ? randomHex(32) : name;
  try {
    checkVolumeName(own);
    if (options !== undefined) checkVolumeOptions(options);
  } catch (error) {
    throw error instanceof EngineError ? new EngineError(error.kind, `create ${own}: ${error.message}`, { cause: error }) : error;
  }
  return {
    name: own,
    createdAt: `${new Date().toISOString().slice(0, 19)}Z`,
    labels: name === '' ? { ...labels, [ANONYMOUS]: '' } : (labels ?? null),
    options: options === undefined || Object.keys(options).length === 0 ? null : options,
    ...(pending === undefined ? {} : { pending }),
  };
}

/** A volume that nobody removes until this is disposed of. */
export interface HeldVolume extends Disposable {
  readonly record: VolumeRecord;
}

/** The volume of that name, as it is, or a new one like this. */
export async function ensureVolume(parts: EngineParts, wanted: VolumeRecord): Promise<HeldVolume> {
  const { store, locks } = parts.volumes;
  const lock: FileLock = await locks.lock(store.lockPath(wanted.name, 'use'), 'shared');
  try {
    for (;;) {
      const there = store.load(wanted.name);
      if (there !== undefined) return { record: there, [Symbol.dispose]: () => lock[Symbol.dispose]() };
      parts.leases.check(wanted.labels);
      if (!store.create(wanted)) continue; // somebody else's, just now
      parts.events.emit('volume', 'create', wanted.name, { driver: 'local' });
      return { record: wanted, [Symbol.dispose]: () => lock[Symbol.dispose]() };
    }
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
