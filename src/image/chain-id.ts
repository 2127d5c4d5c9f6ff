import { createHash } from 'node:crypto';
import type { Digest } from '../base/digest.ts';

/** A name for each layer on top of those below it (config.md, "Layer ChainID"): lowest first. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const out: Digest[] = [];
  for (const diffId of diffIds) out.push(chainOn(out.at(-1), diffId));
  return out;
}

/** The name of one layer on top of those that have the other name. */
export function chainOn(below: Digest | undefined, diffId: Digest): Digest {
  return below === undefined ? diffId : `sha256:${createHash('sha256').update(`${below} ${diffId}`).digest('hex')}`;
}
