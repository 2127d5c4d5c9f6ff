/** Use cases: names and images removed, and with them what nothing needs any more. */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import { invalid } from '../base/errors.ts';
import { flagOf, imageFilter, isDangling, openImage, type Filters } from './image-list.ts';
import type { ImageParts } from './image-parts.ts';
import type { RemovalLine } from './images-contract.ts';

export async function removeNamed(parts: ImageParts, name: string, force: boolean, platforms: readonly string[] = []): Promise<readonly RemovalLine[]> {
  if (platforms.length > 1) throw invalid('multiple platforms are not supported');
  if (platforms.length > 0) openImage(parts, name, platforms[0]);
  const lines = await removeOne(parts, name, force);
  if (lines.some((line) => 'Deleted' in line)) await collectGarbage(parts);
  return lines;
}

/** Without collecting what nothing needs any more. */
async function removeOne(parts: ImageParts, name: string, force: boolean): Promise<readonly RemovalLine[]> {
  const { store, users, usedChains } = parts;
  const found = store.find(name);
  const { id, labels } = found.entry.facts;
  const lines = await store.remove(name, { force, users, usedChains });
  // the digests that go with a last tag have no event of their own
  const names = lines.filter((line) => 'Untagged' in line).length;
  const told = found.name === undefined ? names : Math.min(names, 1);
  for (let count = 0; count < told; count++) parts.onEvent?.('untag', id, { ...labels, name: id });
  if (lines.some((line) => 'Deleted' in line)) parts.onEvent?.('delete', id, { name: id });
  return lines;
}

/** Docker's prune: dangling images, or all that no container uses; never one that is in use. */
export async function pruneImages(parts: ImageParts, all: boolean, filters: Filters): Promise<{ removed: readonly RemovalLine[]; bytes: number }> {
  const everything = all || flagOf(filters, 'dangling') === false;
  if ((filters['until'] ?? []).length > 1) throw invalid('more than one until filter specified');
  for (const key of Object.keys(filters)) if (!['dangling', 'label', 'label!', 'until'].includes(key)) throw invalid(`invalid filter '${key}'`);
  const tests = Object.entries(filters).flatMap(([key, values]) => (key === 'dangling' ? [] : [imageFilter(parts, key, values)]));
  const used = new Set(parts.users().map(({ image }) => image));
  const removed: RemovalLine[] = [];
  for (const image of parts.store.list()) {
    if (used.has(image.id) || !(everything || isDangling(image)) || !tests.every((test) => test(image))) continue;
    const names = [...image.repoTags, ...image.repoDigests];
    for (const name of names.length > 0 && everything ? names : [image.id]) {
      // with the last tag its digests went
      removed.push(...(await removeOne(parts, name, false).catch(() => [])));
    }
  }
  const bytes = await collectGarbage(parts, true);
  parts.onEvent?.('prune', '', { reclaimed: String(bytes) });
  return { removed, bytes };
}

/** Collects what somebody could not collect: a process that was killed, or one beside which an image was on its way. */
export async function tidyUp(parts: ImageParts): Promise<void> {
  const known = parts.containerIds();
  if (parts.store.wantsCollect || parts.driver.untidy() || parts.driver.writables().some((id) => !known.has(id))) await collectGarbage(parts);
}

/** Removes blobs and layers that nothing needs, where no image is on its way just now. Gives the bytes freed; counting them takes time. */
export async function collectGarbage(parts: ImageParts, count = false): Promise<number> {
  const { store, driver, usedLayers, containerIds } = parts;
  let cached: readonly LayerRef[] = [];
  const kept = () => {
    // as it is now that nobody builds
    cached = parts.cached();
    return new Set(cached.map(({ descriptor }) => descriptor.digest));
  };
  const freed = await store.collect(async ({ layers: needed, chains }) => {
    const used = new Set([...usedLayers(), ...cached.map(({ diffId }) => diffId)]);
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
  }, kept);
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
