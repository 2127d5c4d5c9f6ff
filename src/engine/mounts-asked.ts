/** A container's mounts as its documents ask for them, and as they are on record. */
import { invalid } from '../base/errors.ts';
import type { ContainerRecord } from './container-record.ts';
import { bindMount, checkTarget, checkVolumeDriver, cleanPath, documentMount } from './mount-parse.ts';
import type { MountRecord, WantedMount } from './mount-record.ts';
import type { HostConfig } from './types/container.ts';

/** Of `Binds` and `Mounts` alone. With `sources`, those of binds in `Mounts` have to be there. */
export function askedMounts(host: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs' | 'VolumeDriver'>, sources: boolean): readonly WantedMount[] {
  const binds = (host.Binds ?? []).map((text) => bindMount(text, host.VolumeDriver));
  const all = [...binds, ...(host.Mounts ?? []).map((mount) => documentMount(mount, { sources, driver: host.VolumeDriver }))];
  for (const target of Object.keys(host.Tmpfs ?? {})) checkTarget(target, invalid);
  const tmpfs = new Set(Object.keys(host.Tmpfs ?? {}).map(cleanPath));
  const taken = new Set<string>();
  for (const [index, { destination }] of all.entries()) {
    // a tmpfs of `Tmpfs` takes the place of one of `Mounts` without a word
    if (taken.has(destination) || (index < binds.length && tmpfs.has(destination))) throw invalid(`Duplicate mount point: ${destination}`);
    taken.add(destination);
  }
  for (const { name = '', volume } of all) checkVolumeDriver(volume?.driver ?? '', name);
  return all;
}

/** Of a container on record; one of an older build has what its documents say. */
export function mountsOfRecord({ mounts, hostConfig }: Pick<ContainerRecord, 'mounts' | 'hostConfig'>): readonly MountRecord[] {
  return mounts ?? askedMounts(hostConfig, false);
}
