/** Images as `docker save` archives, made in a test. */
import { readFileSync } from 'node:fs';
import { digestOf } from '../../src/image/manifest.ts';
import { file, layerTar } from './layers.ts';
import { busyboxRootfs } from './rootfs.ts';
import { runOk } from './run.ts';
import { withTemp } from './temp.ts';

export interface ArchivedImage {
  /** `name:tag`; none: an image without a name. */
  readonly names?: readonly string[];
  /** Tars, lowest first. */
  readonly layers: readonly Buffer[];
  /** The config's `config`. */
  readonly config?: object;
  /** Further fields of the config: `created`, `history`, `architecture` … */
  readonly more?: object;
}

/** The archive and the ids of its images. */
export function imageArchive(...images: readonly ArchivedImage[]): { readonly bytes: Buffer; readonly ids: readonly `sha256:${string}`[] } {
  const files = new Map<string, Buffer>();
  const ids: `sha256:${string}`[] = [];
  const manifest = images.map(({ names = [], layers, config = {}, more = {} }) => {
    const diffIds = layers.map((layer) => digestOf(layer));
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const document = Buffer.from(JSON.stringify({ architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: diffIds }, ...more }));
    const id = digestOf(document);
    ids.push(id);
    files.set(`${id.slice(7)}.json`, document);
    layers.forEach((layer, index) => files.set(`${diffIds[index]!.slice(7)}.tar`, layer));
    return { Config: `${id.slice(7)}.json`, RepoTags: names, Layers: diffIds.map((diffId) => `${diffId.slice(7)}.tar`) };
  });
  files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  return { bytes: layerTar([...files].map(([name, bytes]) => file(name, bytes))), ids };
}

/** The busybox root file system as a layer. */
export async function busyboxLayer(): Promise<Buffer> {
  const root = await busyboxRootfs();
  return withTemp(async (folder) => {
    await runOk('tar', ['--create', '--numeric-owner', '--sort=name', '--mtime=@0', '--file', `${folder}/layer.tar`, '--directory', root, '.']);
    return readFileSync(`${folder}/layer.tar`);
  });
}

/** An image of busybox that containers can run from: about 2 MB. */
export async function busyboxArchive(name: string, config: object = { Cmd: ['sh'], Env: ['PATH=/bin:/sbin:/usr/bin:/usr/sbin'] }): Promise<Buffer> {
  return imageArchive({ names: [name], layers: [await busyboxLayer()], config }).bytes;
}
