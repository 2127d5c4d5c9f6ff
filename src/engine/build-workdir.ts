/** WORKDIR: a folder that is there, made with its user as the owner where it was not. */
import { nanoOf } from '../base/time.ts';
import { posix } from 'node:path';
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import { copyStep } from './build-copy.ts';
import type { BuildParts } from './build-parts.ts';

export function makeWorkdir(
  parts: BuildParts,
  layers: readonly Digest[],
  { path, user }: { readonly path: string; readonly user: string },
  signal: AbortSignal,
): Promise<LayerRef> {
  const step = { add: false, destination: `${posix.normalize(path).replace(/\/+$/, '')}/`, chown: user, chmod: '', unpack: undefined };
  return copyStep(parts, { layers, step, sources: [], now: nanoOf(Date.now()), foldersOnly: true }, signal);
}
