/** Whether the mounts of a container make sense beside each other and on this machine. */
import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { MountOption } from '../runtime/run-options.ts';
import type { HostConfig, Mount } from './types/container.ts';

/** `mounts` is what was made of the document. Throws `invalid` in Docker's words. */
export function checkMounts(host: Pick<HostConfig, 'Binds' | 'Mounts' | 'Tmpfs'>, mounts: readonly MountOption[]): void {
  for (const text of host.Binds ?? []) checkTarget(text.split(':')[1]!, `invalid volume specification: '${text}': invalid mount config for type "bind": `);
  for (const mount of host.Mounts ?? []) checkMount(mount);
  for (const target of Object.keys(host.Tmpfs ?? {})) checkTarget(target, '');
  const taken = new Set<string>();
  for (const { target } of mounts) {
    const place = clean(target);
    if (taken.has(place)) throw invalid(`Duplicate mount point: ${place}`);
    taken.add(place);
  }
}

function clean(path: string): string {
  return posix.normalize(path).replace(/(.)\/+$/, '$1');
}

function checkTarget(target: string, where: string): void {
  if (!target.startsWith('/')) throw invalid(`${where}invalid mount path: '${target}' mount path must be absolute`);
  if (clean(target) === '/') throw invalid(`${where}invalid specification: destination can't be '/'`);
}

function checkMount(mount: Mount): void {
  const { Type, Source = '', Target, ReadOnly = false, BindOptions = {} } = mount;
  checkTarget(Target, `invalid mount config for type "${Type}": `);
  for (const [key, owner] of [
    ['BindOptions', 'bind'],
    ['VolumeOptions', 'volume'],
    ['ImageOptions', 'image'],
    ['TmpfsOptions', 'tmpfs'],
  ] as const) {
    if (mount[key] !== undefined && Type !== owner) throw invalid(`${key} must not be specified on mount type "${Type}"`);
  }
  if (Type !== 'bind') return;
  const { ReadOnlyNonRecursive: plain = false, ReadOnlyForceRecursive: forced = false } = BindOptions;
  if (plain && forced) throw invalid('mount options conflict: ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
  if (plain && !ReadOnly) throw invalid('mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive');
  if (forced && !ReadOnly) throw invalid('mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive');
  // `--mount` wants its source to be there; `-v` makes it
  if (!BindOptions.CreateMountpoint && !existsSync(Source)) throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${Source}`);
}
