/** The images that the corpus builds upon, made of Debian's packages; none of them comes from a registry. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { appArchive } from '../support/apps/images.ts';
import { debs } from '../support/debs.ts';
import { type ArchivedImage, busyboxLayer, imageArchive } from '../support/image-archive.ts';
import { dir, file, layerTar } from '../support/layers.ts';
import { withLock } from '../support/lock.ts';
import { cacheDir } from '../support/paths.ts';
import { runOk } from '../support/run.ts';
import { withTemp } from '../support/temp.ts';
import { readImage } from './canonical.ts';

/** By their names in a Dockerfile's FROM. */
export const BASES = {
  busybox: 'base/busybox:1',
  /** busybox with two ONBUILD triggers. */
  onbuild: 'base/onbuild:1',
  /** busybox with every field of a config that a child can inherit. */
  rich: 'base/rich:1',
  gcc: 'base/gcc:1',
  python: 'base/python:1',
  npm: 'base/npm:1',
  nginx: 'base/nginx:1',
  node: 'base/node:1',
} as const;

export type Base = keyof typeof BASES;

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const CREATED = '2026-01-01T00:00:00Z';

const oneLayer = (name: string, layer: Buffer, config: object): ArchivedImage => ({
  names: [name],
  layers: [layer],
  config: { Env: [PATH], ...config },
  more: { created: CREATED, history: [{ created: CREATED, created_by: 'base' }] },
});

const RICH = {
  Env: [PATH, 'FROM_BASE=1'],
  User: '1000:1000',
  WorkingDir: '/home/guest',
  Entrypoint: ['/bin/echo', 'entry'],
  Cmd: ['from', 'base'],
  ExposedPorts: { '80/tcp': {} },
  Volumes: { '/base-volume': {} },
  Labels: { base: 'yes', both: 'base' },
  StopSignal: 'SIGINT',
  Shell: ['/bin/ash', '-ec'],
  Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000 },
};

/** An archive that `docker load` takes. */
export async function baseArchive(base: Base): Promise<Buffer> {
  switch (base) {
    case 'busybox':
      return imageArchive(oneLayer(BASES.busybox, await busyboxLayer(), { Cmd: ['sh'] })).bytes;
    case 'onbuild':
      return imageArchive(
        oneLayer(BASES.onbuild, await busyboxLayer(), { Cmd: ['sh'], OnBuild: ['COPY . /app', 'RUN echo "built on $(ls /app)" >/from-onbuild'] }),
      ).bytes;
    case 'rich':
      return imageArchive(oneLayer(BASES.rich, await busyboxLayer(), RICH)).bytes;
    case 'nginx':
    case 'node': {
      const { config, layers } = readImage(readFileSync(await appArchive(base)));
      return imageArchive({ names: [BASES[base]], layers, config: config.config ?? {}, more: { created: CREATED } }).bytes;
    }
    case 'gcc':
      return kept('gcc', ['base-files', 'bash', 'coreutils', 'gcc', 'libc6-dev', 'make'], [file('etc/passwd', PASSWD), file('etc/group', GROUP)]);
    case 'python':
      return kept(
        'python',
        ['base-files', 'bash', 'coreutils', 'python3-minimal', 'libpython3-stdlib'],
        [file('etc/passwd', PASSWD), file('etc/group', GROUP)],
      );
    case 'npm':
      return npmArchive();
  }
}

const PASSWD = 'root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000::/home/app:/bin/sh\n';
const GROUP = 'root:x:0:\napp:x:1000:\n';

const imagesDir = `${cacheDir}/images`;

/** Whole packages, whose scripts have not run, and `sh`. */
function kept(name: keyof typeof BASES, packages: readonly string[], more: Parameters<typeof layerTar>[0]): Promise<Buffer> {
  return once(`build-${name}`, async (folder) => {
    const tree = await debs(packages, { dependencies: true });
    await runOk('cp', ['-a', `${tree}/.`, `${folder}/root`]);
    for (const left of ['.packages', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info'])
      rmSync(`${folder}/root/${left}`, { recursive: true, force: true });
    for (const place of ['dev', 'proc', 'sys', 'tmp', 'etc', 'root']) mkdirSync(`${folder}/root/${place}`, { recursive: true });
    if (!existsSync(`${folder}/root/bin/sh`)) await runOk('ln', ['-s', 'bash', `${folder}/root/bin/sh`]);
    await pack(folder);
    return imageArchive({
      names: [BASES[name]],
      layers: [readFileSync(`${folder}/layer.tar`), layerTar([dir('etc'), ...more])],
      config: { Env: [PATH], Cmd: ['bash'] },
      more: { created: CREATED, history: ['packages', 'users'].map((by) => ({ created: CREATED, created_by: by })) },
    }).bytes;
  });
}

/** Why there is no npm to make an image of; undefined when there is. */
export async function noNpm(): Promise<string | undefined> {
  return (await npmFolder()) === undefined ? 'npm is not at hand here' : undefined;
}

async function npmFolder(): Promise<string | undefined> {
  const root = await runOk('npm', ['root', '-g']).then(
    ({ stdout }) => `${stdout.trim()}/npm`,
    () => '',
  );
  return existsSync(`${root}/bin/npm-cli.js`) ? root : undefined;
}

/** The Node image, and this machine's npm upon it. */
function npmArchive(): Promise<Buffer> {
  return once('build-npm', async (folder) => {
    mkdirSync(`${folder}/root/usr/local/lib/node_modules`, { recursive: true });
    cpSync((await npmFolder())!, `${folder}/root/usr/local/lib/node_modules/npm`, { recursive: true, verbatimSymlinks: true });
    mkdirSync(`${folder}/root/usr/local/bin`);
    await runOk('ln', ['-s', '../lib/node_modules/npm/bin/npm-cli.js', `${folder}/root/usr/local/bin/npm`]);
    mkdirSync(`${folder}/root/usr/bin`);
    await runOk('ln', ['-s', '/bin/busybox', `${folder}/root/usr/bin/env`]);
    await pack(folder);
    const { layers } = readImage(readFileSync(await appArchive('node')));
    return imageArchive({
      names: [BASES.npm],
      layers: [...layers, readFileSync(`${folder}/layer.tar`)],
      config: { Env: [PATH], Cmd: ['node'] },
      more: { created: CREATED },
    }).bytes;
  });
}

async function pack(folder: string): Promise<void> {
  await runOk(
    'tar',
    [
      '--create',
      '--numeric-owner',
      '--owner=0',
      '--group=0',
      '--sort=name',
      '--mtime=@0',
      '--file',
      `${folder}/layer.tar`,
      '--directory',
      `${folder}/root`,
      '.',
    ],
    {
      timeoutMs: 300_000,
    },
  );
}

/** Made the first time, and kept beside the images of `apps`. */
async function once(name: string, make: (folder: string) => Promise<Buffer>): Promise<Buffer> {
  const path = `${imagesDir}/${name}.tar`;
  if (existsSync(path)) return readFileSync(path);
  return withLock(`${imagesDir}/.lock-${name}`, async () => {
    if (existsSync(path)) return readFileSync(path);
    const bytes = await withTemp(make);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, bytes);
    renameSync(`${path}.new`, path);
    return bytes;
  });
}
