/** What a step has written, as a layer; and the root file systems that steps see. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Digest } from '../base/digest.ts';
import type { LayerRef } from '../build/contract.ts';
import { chainIds } from '../image/chain-id.ts';
import { isByLink, readInRoot } from '../kernel/linux/read-in-root.ts';
import type { RootSource } from '../runtime/contract.ts';
import type { AccountFiles } from '../runtime/users.ts';
import { TarReader } from '../tar/reader.ts';
import { workFolder, type BuildParts, type KnownAccounts } from './build-parts.ts';
import { keepComing, keepLayer } from './image-make.ts';
import { withView } from './view.ts';

/** The digest of an archive's end mark alone: the layer that has nothing. */
const EMPTY_TAR = Buffer.alloc(1024);
export const EMPTY_LAYER: Digest = `sha256:${createHash('sha256').update(EMPTY_TAR).digest('hex')}`;

/** Where nothing is below, the empty layer is: there is no root file system of no layers. */
export async function mountable(parts: BuildParts, layers: readonly Digest[]): Promise<readonly Digest[]> {
  if (layers.length > 0) return layers;
  await emptyLayer(parts);
  return [EMPTY_LAYER];
}

export async function emptyLayer(parts: BuildParts): Promise<LayerRef> {
  using work = workFolder(parts, 'empty');
  writeFileSync(`${work.path}/layer.tar`, EMPTY_TAR);
  return { diffId: EMPTY_LAYER, descriptor: await keepLayer(parts.engine.images(), `${work.path}/layer.tar`) };
}

/** Keeps what was written to `writable` on top of the layers. */
export async function keepChanges(
  parts: BuildParts,
  layers: readonly Digest[],
  writable: string,
  { without, signal }: { readonly without: readonly string[]; readonly signal: AbortSignal },
): Promise<LayerRef> {
  return keepTar(parts, layers, parts.engine.images().driver.diff(layers, writable, { without }), signal);
}

/** Keeps a tar as a layer on top of the others. */
export async function keepTar(parts: BuildParts, layers: readonly Digest[], tar: AsyncIterable<Buffer>, signal: AbortSignal): Promise<LayerRef> {
  const found = { accounts: false };
  const descriptor = await keepComing(parts.engine.images(), watched(tar, found), signal);
  if (!found.accounts) inheritAccounts(parts, layers, descriptor.digest);
  return { diffId: descriptor.digest, descriptor };
}

/** A layer for writes, gone when disposed of. */
export function writableLayer({ engine }: BuildParts, id: string): Disposable & { readonly dir: string } {
  const { driver } = engine.images();
  const { dir } = driver.createWritable(id);
  return { dir, [Symbol.dispose]: () => driver.removeWritable(id) };
}

/** Looks into layers, writable where `writable` is such a layer; the path names the mounted root as `withView`'s does. */
export async function viewOf<T>(
  parts: BuildParts,
  layers: readonly Digest[],
  writable: string | undefined,
  use: (root: string, mount: RootSource) => Promise<T>,
): Promise<T> {
  const { engine } = parts;
  const { driver } = engine.images();
  using work = workFolder(parts, 'view');
  return await withView(
    engine,
    work.path,
    (mountPoint) => driver.root(layers, writable, mountPoint),
    (root) => use(root, driver.root(layers, writable, '')),
  );
}

const MOST_ACCOUNTS = 512;

/** /etc/passwd and /etc/group as these layers have them. */
export async function accountsOf(parts: BuildParts, layers: readonly Digest[]): Promise<AccountFiles> {
  const top = chainIds(layers).at(-1);
  if (top === undefined) return { passwd: '', group: '' };
  const known = parts.accounts.get(top);
  if (known !== undefined) return known;
  const found = await viewOf(parts, layers, undefined, async (root) => ({
    passwd: readInRoot(root, '/etc/passwd'),
    group: readInRoot(root, '/etc/group'),
    byLink: isByLink(root, '/etc/passwd') || isByLink(root, '/etc/group'),
  }));
  remember(parts, top, found);
  return found;
}

/** A step that wrote nothing there has the accounts of those below it. */
function inheritAccounts(parts: BuildParts, below: readonly Digest[], layer: Digest): void {
  const known = parts.accounts.get(chainIds(below).at(-1) ?? '');
  if (known?.byLink === false) remember(parts, chainIds([...below, layer]).at(-1)!, known);
}

/** Passes an archive on, and finds out whether it says anything of users and groups. */
async function* watched(tar: AsyncIterable<Buffer>, found: { accounts: boolean }): AsyncGenerator<Buffer> {
  const reader = new TarReader({
    entry: ({ name, type }) => {
      if (ACCOUNTS.test(name.toString('latin1')) && !(type === 'dir' && /^etc\/?$/.test(name.toString('latin1')))) found.accounts = true;
    },
    data: () => {},
    entryEnd: () => {},
  });
  for await (const chunk of tar) {
    reader.push(chunk);
    yield chunk;
  }
}

const ACCOUNTS = /^(?:\.wh\.etc|etc\/?|etc\/(?:passwd|group|\.wh\..*))$/;

function remember(parts: BuildParts, chain: string, found: KnownAccounts): void {
  if (parts.accounts.size >= MOST_ACCOUNTS) parts.accounts.clear();
  parts.accounts.set(chain, found);
}
