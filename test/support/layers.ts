/** Layers for tests: entries as data, the archive that they make, and what a file system of such layers must look like. */
import { createHash } from 'node:crypto';
import type { TarType } from '../../src/tar/contract.ts';
import { TarWriter, type TarFields } from '../../src/tar/writer.ts';

export interface LayerEntry extends Omit<TarFields, 'name' | 'linkName' | 'size' | 'xattrs'> {
  readonly name: string | Buffer;
  readonly linkName?: string | Buffer;
  readonly content?: string | Buffer;
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
}

type More = Partial<Omit<LayerEntry, 'name' | 'type'>>;

/** A moment with nanoseconds, in 2023. */
export const TIME = 1_700_000_000_123_456_789n;

const entry = (type: TarType, name: string | Buffer, more: More): LayerEntry => ({ type, name, mode: 0o644, mtime: TIME, ...more });
export const dir = (name: string | Buffer, more: More = {}): LayerEntry => entry('dir', name, { mode: 0o755, ...more });
export const file = (name: string | Buffer, content: string | Buffer = '', more: More = {}): LayerEntry => entry('file', name, { content, ...more });
export const link = (name: string | Buffer, linkName: string | Buffer, more: More = {}): LayerEntry => entry('link', name, { linkName, ...more });
export const symlink = (name: string | Buffer, linkName: string | Buffer, more: More = {}): LayerEntry =>
  entry('symlink', name, { linkName, mode: 0o777, ...more });
export const node = (type: 'char' | 'block' | 'fifo', name: string, more: More = {}): LayerEntry => entry(type, name, more);
/** Hides `name` of the layers below. */
export const whiteout = (name: string): LayerEntry => file(name.replace(/[^/]+$/, '.wh.$&'), '', { mode: 0o600, mtime: 0n });
export const opaque = (folder: string): LayerEntry => file(`${folder}/.wh..wh..opq`.replace(/^\//, ''), '', { mtime: 0n });

export function layerTar(entries: readonly LayerEntry[]): Buffer {
  const out: Buffer[] = [];
  const tar = new TarWriter((chunk) => void out.push(Buffer.from(chunk)));
  for (const { content, name, linkName, xattrs, ...rest } of entries) {
    const body = Buffer.from(content ?? '');
    tar.entry({
      ...rest,
      name: Buffer.from(name),
      size: body.length,
      ...(linkName !== undefined && { linkName: Buffer.from(linkName) }),
      ...(xattrs !== undefined && { xattrs: new Map(Object.entries(xattrs).map(([key, value]) => [key, Buffer.from(value)])) }),
    });
    tar.data(body);
  }
  tar.end();
  return Buffer.concat(out);
}

/** What is seen of a file. Times of folders that no entry names are undefined in what is expected. */
export interface Seen {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: string | undefined;
  readonly size: number;
  readonly sha256: string;
  readonly link: string;
  readonly device: string;
  readonly xattrs: Readonly<Record<string, string>>;
  /** The first path, in order, of the same file; empty for its only name. */
  readonly sameAs: string;
}

interface Made extends Omit<Seen, 'sameAs'> {
  layer: number;
}

export const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

/**
 * What the layers look like one above the other: entry by entry on one tree, as containerd unpacks where it has no
 * overlayfs. It knows nothing of how drivers store them.
 */
export function expectedTree(layers: readonly (readonly LayerEntry[])[]): Record<string, Seen> {
  const tree = new Map<string, Made>();
  const below = (path: string) => [...tree.keys()].filter((key) => path === '' || key === path || key.startsWith(`${path}/`));
  const implied = (layer: number): Made => ({
    type: 'dir',
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: undefined,
    size: 0,
    sha256: '',
    link: '',
    device: '0:0',
    xattrs: {},
    layer,
  });
  const parents = (path: string, layer: number) => {
    const parts = path.split('/').slice(0, -1);
    let at = '';
    for (const part of parts) {
      at = at === '' ? part : `${at}/${part}`;
      const there = tree.get(at);
      if (there?.type === 'dir' && there.layer === layer) continue;
      if (there !== undefined && there.type !== 'dir') for (const key of below(at)) tree.delete(key);
      tree.set(at, implied(layer)); // a folder of its own in this layer, and that one shows
    }
  };
  layers.forEach((entries, layer) => {
    for (const item of entries) {
      const path = Buffer.from(item.name)
        .toString('latin1')
        .split('/')
        .filter((part) => part !== '' && part !== '.')
        .join('/');
      const base = path.split('/').at(-1)!;
      const folder = path.slice(0, Math.max(0, path.length - base.length - 1));
      if (base.startsWith('.wh..wh.') && base !== '.wh..wh..opq') continue;
      if (path === '' || path.includes('.wh..wh.plnk')) continue;
      parents(path, layer);
      if (base.startsWith('.wh.')) {
        const hidden = base === '.wh..wh..opq' ? folder : [folder, base.slice(4)].filter((part) => part !== '').join('/');
        for (const key of below(hidden)) if (tree.get(key)!.layer < layer) tree.delete(key);
        continue;
      }
      if (item.type === 'link') {
        const target = tree.get(
          Buffer.from(item.linkName!)
            .toString('latin1')
            .replace(/^\.?\//, ''),
        )!;
        if (tree.get(path) === target) continue;
        for (const key of below(path)) tree.delete(key);
        // what the link says of the file counts; the kernel takes capabilities away with the owner
        Object.assign(target, { uid: item.uid ?? 0, gid: item.gid ?? 0, ...(target.type === 'symlink' ? {} : { mode: item.mode }), mtime: String(item.mtime) });
        const { 'security.capability': _, ...kept } = target.xattrs;
        Object.assign(target, { xattrs: { ...kept, ...hexOf(item.xattrs) } });
        tree.set(path, target);
        continue;
      }
      const content = item.type === 'file' ? Buffer.from(item.content ?? '') : undefined;
      const there = tree.get(path);
      if (!(there?.type === 'dir' && item.type === 'dir')) for (const key of below(path)) tree.delete(key);
      tree.set(path, {
        type: item.type,
        mode: item.type === 'symlink' ? 0o777 : item.mode,
        uid: item.uid ?? 0,
        gid: item.gid ?? 0,
        mtime: String(item.mtime),
        size: content?.length ?? 0,
        sha256: content === undefined ? '' : sha256(content),
        link: item.type === 'symlink' ? Buffer.from(item.linkName!).toString('latin1') : '',
        device: `${item.devMajor ?? 0}:${item.devMinor ?? 0}`,
        xattrs: {
          ...(there?.type === 'dir' && item.type === 'dir' && there.layer === layer ? there.xattrs : {}),
          ...hexOf(item.xattrs),
        },
        layer,
      });
    }
  });
  const out: Record<string, Seen> = {};
  const first = new Map<Made, string>();
  for (const [path, { layer: _, ...made }] of [...tree].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const same = first.get(tree.get(path)!) ?? '';
    if (same === '') first.set(tree.get(path)!, path);
    out[path] = { ...made, sameAs: same };
  }
  return out;
}

/** What a layer may set, in hexadecimal digits. */
function hexOf(xattrs: LayerEntry['xattrs']): Record<string, string> {
  const kept = Object.entries(xattrs ?? {}).filter(([name]) => !name.includes('.overlay.'));
  return Object.fromEntries(kept.map(([name, value]) => [name, Buffer.from(value).toString('hex')]));
}
