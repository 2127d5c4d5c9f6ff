/** Who this engine is: an id that stays with its data root; another one stays with its containers where these are elsewhere. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { settled } from './settled-file.ts';

const known = new Map<string, string>();

/** Made at the first call for a data root. Where that takes no file, one for as long as this process lives. */
export function engineId(dataRoot: string): string {
  const before = known.get(dataRoot);
  if (before !== undefined) return before;
  const id = kept(dataRoot) ?? randomUUID();
  known.set(dataRoot, id);
  return id;
}

function kept(dataRoot: string): string | undefined {
  try {
    mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
    return settled(`${dataRoot}/engine-id`, randomUUID);
  } catch {
    return undefined; // a full disk, or one that cannot be written to
  }
}
