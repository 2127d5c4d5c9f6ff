/** COPY and ADD: files of a context, a stage or an image into a layer. */
import type { Digest } from '../base/digest.ts';
import { letGo } from '../base/memory.ts';
import type { LayerRef } from '../build/contract.ts';
import { ContentHash, CopyTar } from '../build/copy-tar.ts';
import { keyOf } from '../build/keys.ts';
import { resolveUser } from '../runtime/users.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { foundItems, ROOT, within, type CopyInput } from './build-copy-sources.ts';
import { Copying, type Placed } from './build-copying.ts';
import { isLink, lookup } from './build-items.ts';
import { accountsOf, keepChanges, keepTar, mountable, viewOf, writableLayer } from './build-layer.ts';
import { workFolder, type BuildParts } from './build-parts.ts';

/** What a copy depends on, besides the layers below. Throws `not-found` for a source that is none. */
export async function copyKey(parts: BuildParts, input: CopyInput): Promise<Digest> {
  const { rooted } = parts.engine.images().driver;
  const { step, sources } = input;
  const found: unknown[] = [];
  for (const source of sources) {
    if (source.kind === 'file') found.push([source.path, keyOf(source.content.toString('base64'))]);
    else if (source.kind === 'fetched') found.push([source.name, source.key]);
    else {
      const { root } = source;
      const [names, content] = await root.open(async (at) => {
        const hash = new ContentHash();
        const items = await foundItems(rooted, at, source);
        for (const item of items) {
          hash.text(item.asked);
          const reader = hash.take({ rename: within(item, root, input), owner: root.owned ? ROOT : undefined });
          for await (const chunk of rooted.archive(at, item.path, { digests: true })) reader.push(chunk);
          reader.end();
        }
        return [items.map(({ asked, kind }) => [asked, kind]), hash.digest()];
      });
      found.push([names, content, source.below]);
    }
  }
  return keyOf('copy', found, step.add, step.destination, step.chown, step.chmod, step.unpack);
}

/** The files on top of the layers, as a layer of their own. */
export async function copyStep(parts: BuildParts, input: CopyInput, signal: AbortSignal): Promise<LayerRef> {
  const layers = await mountable(parts, input.layers);
  using work = workFolder(parts, 'copy');
  using _writable = writableLayer(parts, work.id);
  const owner = await ownerOf(parts, layers, input.step.chown);
  /** In a view of the layers, to which it writes. */
  const inTarget = <T>(use: (copying: Copying) => Promise<T>): Promise<T> =>
    viewOf(parts, layers, work.id, (target) => parts.copying.run(() => use(new Copying(parts, input, target, owner, signal))));
  const [source] = input.sources;
  if (input.sources.length === 1 && source?.kind === 'path' && source.below === undefined && input.foldersOnly !== true) {
    const layer = await source.root.open(async (at) => {
      const { driver } = parts.engine.images();
      const items = await foundItems(driver.rooted, at, source);
      const placed = await inTarget((copying) => copying.place(source, items, at));
      if (placed === undefined) return undefined;
      const above = driver.diff(layers, work.id, { without: [placed.mark] });
      return keepTar(parts, layers, straight(driver.rooted, at, above, placed, signal), signal);
    });
    if (layer !== undefined) return layer;
  }
  await inTarget((copying) => copying.all());
  return await keepChanges(parts, layers, work.id, { without: [], signal });
}

/** The layer's tar without the detour of a folder that the files are unpacked to: what is above them, and then they. */
async function* straight(files: RootedFiles, at: string, above: AsyncIterable<Buffer>, { items }: Placed, signal: AbortSignal): AsyncGenerator<Buffer> {
  const ready: Buffer[] = [];
  const out = new CopyTar((chunk) => void ready.push(chunk));
  const archives = [
    { tar: () => above, rules: { rename: (name: string) => name } },
    ...items.map(({ path, rules }) => ({ tar: () => files.archive(at, path), rules })),
  ];
  for (const { tar, rules } of archives) {
    const reader = out.take(rules);
    for await (const chunk of tar()) {
      if (signal.aborted) throw signal.reason;
      reader.push(chunk);
      yield* ready.splice(0);
      letGo(chunk);
    }
    reader.end();
  }
  out.end();
  yield* ready.splice(0);
}

/** As BuildKit: a name that the files below do not know is 0. */
async function ownerOf(parts: BuildParts, layers: readonly Digest[], chown: string): Promise<{ uid: number; gid: number } | undefined> {
  if (chown === '') return undefined;
  const [user = '', group = ''] = chown.split(':');
  const accounts = /^[\d:]*$/.test(chown) ? { passwd: '', group: '' } : await accountsOf(parts, layers);
  const known = (text: string) => {
    try {
      return resolveUser(text, accounts);
    } catch {
      return { uid: 0, gid: 0 };
    }
  };
  const { uid, gid } = known(user);
  // a number alone is the group's, too
  if (group === '') return { uid, gid: /^\d+$/.test(user) ? uid : gid };
  return { uid, gid: known(`0:${group}`).gid };
}

/** Whether a link is on the way to a destination in these layers. */
export async function linksOnTheWay(parts: BuildParts, layers: readonly Digest[], destination: string): Promise<boolean> {
  if (layers.length === 0) return false;
  const { rooted } = parts.engine.images().driver;
  return viewOf(parts, layers, undefined, async (root) => {
    let path = '';
    for (const part of destination.split('/').filter((each) => each !== '')) {
      path += `/${part}`;
      const stat = await lookup(rooted, root, path);
      if (stat === undefined) return false;
      if (isLink(stat)) return true;
    }
    return false;
  });
}
