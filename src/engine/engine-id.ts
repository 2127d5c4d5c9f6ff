/** Who this engine is: an id that stays with its data root. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { settled } from './settled-file.ts';

const known = new Map<string, string>();

/** Made at the first call for a data root. */
export function engineId(dataRoot: string): string {
  const before = known.get(dataRoot);
  if (before !== undefined) return before;
  mkdirSync(dataRoot, { recursive: true, mode: 0o711 });
  const id = settled(`${dataRoot}/engine-id`, randomUUID);
  known.set(dataRoot, id);
  return id;
}
