/** The use cases of volumes, put together as the doors see them. */
import type { EngineParts } from './parts.ts';
import { createVolume, volumeDocument } from './volume-create.ts';
import { findVolume, listVolumes } from './volume-list.ts';
import { pruneVolumes, removeVolume } from './volume-remove.ts';
import type { Volumes } from './volumes-contract.ts';

export function volumesOf(parts: EngineParts): Volumes {
  return {
    create: (body = {}) => createVolume(parts, body),
    list: async (filters = {}) => ({ Volumes: listVolumes(parts, filters), Warnings: null }),
    inspect: async (name) => volumeDocument(parts, findVolume(parts, name)),
    remove: (name, { force = false } = {}) => removeVolume(parts, name, force),
    prune: (filters = {}) => pruneVolumes(parts, filters),
  };
}
