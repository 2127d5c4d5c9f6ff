/**
 * The places that a container's mounts are made at, whatever its image has: where it lacks them they are made in the
 * container's writable layer, and are no change of the container's. (Docker puts a layer with them below it.)
 */
import type { FilesystemChange } from './types/container-answers.ts';

export const OWN_PLACES: readonly string[] = ['/dev', '/proc', '/sys', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];

/** What Docker's containers are known by (`addMarks`), besides: also no change, but a build may make them. `/etc/`: it is one only with something else in it. */
export const OWN_MARKS: readonly string[] = ['/.dockerenv', '/etc/mtab', '/etc/'];

/** Changes without these places, and without the folder of theirs where nothing else has changed in it. In the order of paths. */
export function withoutOwnPlaces(changes: readonly FilesystemChange[]): readonly FilesystemChange[] {
  const added = (path: string) => changes.some((change) => change.Path === path && change.Kind === 1);
  const made = new Set([...OWN_PLACES, ...OWN_MARKS].filter(added));
  if (made.size === 0) return changes;
  const rest = changes.filter(({ Path }) => !made.has(Path));
  if (![...made].some((path) => path.startsWith('/etc/'))) return rest;
  const others = rest.some(({ Path }) => Path.startsWith('/etc/'));
  return rest.flatMap((change) => (change.Path !== '/etc' ? change : others ? { ...change, Kind: 0 } : []));
}
