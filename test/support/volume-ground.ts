/** An engine with an image that has something at the places of volumes, for tests of volumes. */
import { randomBytes } from 'node:crypto';
import type { Engine } from '../../src/engine/contract.ts';
import type { HostConfig, Mount } from '../../src/engine/types/container.ts';
import { busyboxLayer, imageArchive } from './image-archive.ts';
import { dir, file, layerTar, link, node, symlink, type LayerEntry } from './layers.ts';

/** What the image has at /data: owners, modes, attributes, links of both kinds, nodes. */
export const CONTENT: readonly LayerEntry[] = [
  dir('data/', { uid: 1000, gid: 1001, mode: 0o1770, xattrs: { 'user.folder': 'f' } }),
  file('data/plain', 'plain text', { uid: 7, gid: 8, mode: 0o640 }),
  file('data/setuid', '#!', { mode: 0o4755 }),
  file('data/marked', 'm', { xattrs: { 'user.colour': 'red', 'security.capability': Buffer.from('0000000200040000000000000000000000000000', 'hex') } }),
  link('data/again', 'data/plain', { uid: 7, gid: 8, mode: 0o640 }),
  symlink('data/relative', 'plain'),
  symlink('data/absolute', '/etc/passwd'),
  node('fifo', 'data/pipe', { mode: 0o622 }),
  node('char', 'data/null', { devMajor: 1, devMinor: 3, mode: 0o666 }),
  dir('data/below/', { uid: 5, mode: 0o700 }),
  file('data/below/deep', 'deep'),
  dir('empty/', { uid: 42, gid: 43, mode: 0o2750 }),
  symlink('linked', 'data/below'),
];

export interface VolumeGround {
  readonly engine: Engine;
  /** With `CONTENT`, and with volumes at /data and /home. */
  readonly image: string;
  /** The same without volumes. */
  readonly plain: string;
  /** A name that nobody else has. */
  name(what?: string): string;
  create(host: Partial<HostConfig>, script?: string, more?: object): Promise<string>;
  /** A container that runs a script to its end: what it printed, and its exit code. */
  run(host: Partial<HostConfig>, script: string, more?: object): Promise<{ readonly code: number; readonly out: string; readonly id: string }>;
  /** Removes containers and volumes. */
  clear(): Promise<void>;
}

export async function volumeGround(engine: Engine): Promise<VolumeGround> {
  const layers = [await busyboxLayer(), layerTar(CONTENT)];
  const archive = imageArchive({ names: ['vol:1'], layers, config: { Volumes: { '/data': {}, '/home': {} } } }, { names: ['vol:plain'], layers });
  await engine.images.load(chunks(archive.bytes));
  const create: VolumeGround['create'] = async (host, script = 'true', more = {}) =>
    (await engine.containers.create({ Image: 'vol:plain', Cmd: ['sh', '-c', `exec 2>&1; ${script}`], ...more, HostConfig: { NetworkMode: 'none', ...host } }))
      .Id;
  return {
    engine,
    image: 'vol:1',
    plain: 'vol:plain',
    name: (what = 'v') => `${what}-${randomBytes(4).toString('hex')}`,
    create,
    async run(host, script, more) {
      const id = await create(host, script, more);
      await engine.containers.start(id);
      const { StatusCode: code } = await engine.containers.wait(id);
      const lines: string[] = [];
      for await (const { log } of engine.containers.logs(id, { stdout: true, stderr: true })) lines.push(log);
      return { code, out: lines.join('').trimEnd(), id };
    },
    async clear() {
      for (const { Id } of await engine.containers.list({ all: true })) await engine.containers.remove(Id, { force: true, volumes: true });
      for (const { Name } of (await engine.volumes.list()).Volumes) await engine.volumes.remove(Name);
    },
  };
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** A volume, mounted. */
export function volumeMount(Source: string, Target: string, more: Partial<Mount> = {}): Mount {
  return { Type: 'volume', Source, Target, ...more };
}
