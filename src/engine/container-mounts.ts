/** A new container's mounts, from what was asked for, other containers and its image, by Docker's rules of precedence. */
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import { imageOf } from './container-root.ts';
import { checkVolumeDriver, cleanPath, volumesFrom } from './mount-parse.ts';
import type { WantedMount } from './mount-record.ts';
import { askedMounts, mountsOfRecord } from './mounts-asked.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerConfig, HostConfig } from './types/container.ts';

/**
 * What is wanted, one for each destination: mounts of other containers, then what was asked for, then the image's volumes
 * where nothing else is. Throws `invalid` and `not-found` in Docker's words; nothing is made.
 */
export function wantedMounts(parts: EngineParts, config: Pick<ContainerConfig, 'Volumes'>, host: HostConfig): readonly WantedMount[] {
  const mounts = new Map<string, WantedMount>();
  for (const text of host.VolumesFrom ?? []) for (const mount of mountsFrom(parts, text)) mounts.set(mount.destination, mount);
  const asked = askedMounts(host, true);
  for (const mount of asked) mounts.set(mount.destination, mount.type === 'image' ? withImage(parts, mount) : mount);
  for (const path of Object.keys(config.Volumes ?? {})) {
    const destination = cleanPath(posix.join('/', path));
    if (destination === '/') throw invalid("invalid specification: destination can't be '/'");
    if (!mounts.has(destination)) mounts.set(destination, imageVolume(destination, host.VolumeDriver));
  }
  return [...mounts.values()];
}

function mountsFrom({ store }: EngineParts, text: string): readonly WantedMount[] {
  const { container, rw } = volumesFrom(text);
  try {
    return mountsOfRecord(store.find(container)).map((mount) => ({
      ...mount,
      mode: '',
      rw: mount.rw && rw,
      ...(mount.type === 'volume' ? { copy: false } : {}),
    }));
  } catch (error) {
    throw error instanceof EngineError && error.kind === 'not-found' ? invalid(error.message) : error;
  }
}

function imageVolume(destination: string, driver: string): WantedMount {
  checkVolumeDriver(driver, '');
  return {
    type: 'volume',
    name: '',
    source: '',
    destination,
    mode: '',
    rw: true,
    propagation: '',
    options: [],
    copy: true,
    anonymous: true,
    volume: { driver },
  };
}

function withImage(parts: EngineParts, mount: WantedMount): WantedMount {
  const { id, name, layers } = imageOf(parts, mount.source, undefined);
  return { ...mount, rw: false, image: { id, name, layers } };
}
