/** Use cases: names and images removed, and with them what nothing needs any more. */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import { invalid } from '../base/errors.ts';
import { imageFilter, isDangling, type Filters } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import type { RemovalLine } from './images-contract.ts';

export async function removeNamed(parts: ImageParts, name: string, force: boolean): Promise<readonly RemovalLine[]> {
  const lines = await parts.store.remove(name, { force, users: parts.users, usedChains: parts.usedChains });
  if (lines.some((line) => 'Deleted' in line)) await collectGarbage(parts);
  return lines;
}

/** Docker's prune: dangling images, or all that no container uses; never one that is in use. */
export async function pruneImages(parts: ImageParts, all: boolean, filters: Filters): Promise<{ removed: readonly RemovalLine[]; bytes: number }> {
  const wanted = filters['dangling']?.at(-1);
  const everything = all || wanted === 'false' || wanted === '0';
  for (const key of Object.keys(filters)) if (!['dangling', 'label', 'label!', 'until'].includes(key)) throw invalid(`invalid filter '${key}'`);
  const tests = Object.entries(filters).flatMap(([key, values]) => (key === 'dangling' ? [] : [imageFilter(parts, key, values)]));
  const used = new Set(parts.users().map(({ image }) => image));
  const removed: RemovalLine[] = [];
  for (const image of parts.store.list()) {
    if (used.has(image.id) || !(everything || isDangling(image)) || !tests.every((test) => test(image))) continue;
    const names = [...image.repoTags, ...image.repoDigests];
    for (const name of names.length > 0 && everything ? names : [image.id]) {
      // with the last tag its digests went
      const lines = await parts.store.remove(name, { force: false, users: parts.users, usedChains: parts.usedChains }).catch(() => []);
      removed.push(...lines);
    }
  }
  return { removed, bytes: await collectGarbage(parts, true) };
}

/** Collects what somebody could not collect: a process that was killed, or one beside which an image was on its way. */
export async function tidyUp(parts: ImageParts): Promise<void> {
  const known = parts.containerIds();
  if (parts.store.wantsCollect || parts.driver.untidy() || parts.driver.writables().some((id) => !known.has(id))) await collectGarbage(parts);
}

/** Removes blobs and layers that nothing needs, where no image is on its way just now. Gives the bytes freed; counting them takes time. */
export async function collectGarbage(parts: ImageParts, count = false): Promise<number> {
  const { store, driver, usedLayers, containerIds } = parts;
  const freed = await store.collect(async ({ layers: needed, chains }) => {
    const used = usedLayers();
    let bytes = 0;
    for (const diffId of driver.list()) {
      if (needed.has(diffId) || used.has(diffId)) continue;
      if (count) bytes += (await driver.usage(diffId)).bytes;
      driver.remove(diffId);
    }
    // a container is on record before anybody can collect
    const known = containerIds();
    for (const id of driver.writables()) if (!known.has(id)) driver.removeWritable(id);
    driver.sweep();
    forgetAccounts(parts.accountsDir, chains);
    return bytes;
  });
  return freed ?? 0;
}

/** What was remembered of images that are no more, and what a killed process left there. Nobody looks into an image now. */
function forgetAccounts(accountsDir: string, chains: ReadonlySet<Digest>): void {
  if (!existsSync(accountsDir)) return;
  for (const entry of readdirSync(accountsDir, { withFileTypes: true })) {
    const path = `${accountsDir}/${entry.name}`;
    if (entry.isDirectory()) rmdirSync(path);
    else if (!chains.has(`sha256:${entry.name.replace(/\.json$/, '')}`)) rmSync(path, { force: true });
  }
}
