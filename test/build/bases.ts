/** The images that the corpus builds upon, made of Debian's packages; none of them comes from a registry. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { appArchive } from '../support/apps/images.ts';
import { debs } from '../support/debs.ts';
import { busyboxLayer, imageArchive } from '../support/image-archive.ts';
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

/** The `config` of their image configs. */
export const BASE_CONFIGS = {
  busybox: { Env: [PATH], Cmd: ['sh'] },
  onbuild: { Env: [PATH], Cmd: ['sh'], OnBuild: ['COPY . /app', 'RUN echo "built on $(ls /app)" >/from-onbuild'] },
  rich: RICH,
  gcc: { Env: [PATH], Cmd: ['bash'] },
  python: { Env: [PATH], Cmd: ['bash'] },
  npm: { Env: [PATH], Cmd: ['node'] },
  nginx: { Env: [PATH], Cmd: ['nginx', '-g', 'daemon off;'], ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGQUIT' },
  node: { Env: [PATH], Cmd: ['node'] },
} satisfies Record<Base, object>;

/** An archive that `docker load` takes. */
export async function baseArchive(base: Base): Promise<Buffer> {
  switch (base) {
    case 'busybox':
    case 'onbuild':
    case 'rich':
      return archive(base, [await busyboxLayer()]);
    case 'nginx':
    case 'node':
      return archive(base, await appLayers(base));
    case 'gcc':
      return once(base, ['base-files', 'bash', 'coreutils', 'gcc', 'libc6-dev', 'make']);
    case 'python':
      return once(base, ['base-files', 'bash', 'coreutils', 'python3-minimal', 'libpython3-stdlib']);
    case 'npm':
      return archive(base, [...(await appLayers('node')), await npmLayer()]);
  }
}

const appLayers = async (name: 'nginx' | 'node') => readImage(readFileSync(await appArchive(name))).layers;

/** With a line of history for each layer, as builders expect it. */
function archive(base: Base, layers: readonly Buffer[]): Buffer {
  const history = layers.map(() => ({ created: CREATED, created_by: 'base' }));
  return imageArchive({ names: [BASES[base]], layers, config: BASE_CONFIGS[base], more: { created: CREATED, history } }).bytes;
}

const PASSWD = 'root:x:0:0:root:/root:/bin/bash\napp:x:1000:1000::/home/app:/bin/sh\n';
const GROUP = 'root:x:0:\napp:x:1000:\n';

const imagesDir = `${cacheDir}/images`;

/** Whole packages, whose scripts have not run, `sh` and two users; made the first time, and kept beside the images of `apps`. */
async function once(base: Base, packages: readonly string[]): Promise<Buffer> {
  const path = `${imagesDir}/build-${base}-${createHash('sha256')
    .update(readFileSync(import.meta.filename))
    .digest('hex')
    .slice(0, 12)}.tar`;
  if (existsSync(path)) return readFileSync(path);
  return withLock(`${imagesDir}/.lock-build`, async () => {
    if (existsSync(path)) return readFileSync(path);
    const bytes = await withTemp((folder) => packagesArchive(folder, base, packages));
    for (const old of readdirSync(imagesDir)) if (old.startsWith(`build-${base}-`)) rmSync(`${imagesDir}/${old}`);
    writeFileSync(`${path}.new`, bytes);
    renameSync(`${path}.new`, path);
    return bytes;
  });
}

async function packagesArchive(folder: string, base: Base, packages: readonly string[]): Promise<Buffer> {
  const root = `${folder}/root`;
  await runOk('cp', ['-a', `${await debs(packages, { dependencies: true })}/.`, root]);
  for (const left of ['.packages', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info'])
    rmSync(`${root}/${left}`, { recursive: true, force: true });
  for (const place of ['dev', 'proc', 'sys', 'tmp', 'etc', 'root']) mkdirSync(`${root}/${place}`, { recursive: true });
  if (!existsSync(`${root}/bin/sh`)) symlinkSync('bash', `${root}/bin/sh`);
  return archive(base, [await pack(folder), layerTar([dir('etc'), file('etc/passwd', PASSWD), file('etc/group', GROUP)])]);
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

/** This machine's npm. */
function npmLayer(): Promise<Buffer> {
  return withTemp(async (folder) => {
    const root = `${folder}/root`;
    for (const place of ['usr/local/lib/node_modules', 'usr/local/bin', 'usr/bin']) mkdirSync(`${root}/${place}`, { recursive: true });
    cpSync((await npmFolder())!, `${root}/usr/local/lib/node_modules/npm`, { recursive: true, verbatimSymlinks: true });
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', `${root}/usr/local/bin/npm`);
    symlinkSync('/bin/busybox', `${root}/usr/bin/env`);
    return pack(folder);
  });
}

/** A tar of `root` in the folder; the same files make the same bytes. */
async function pack(folder: string): Promise<Buffer> {
  const args = [
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
  ];
  await runOk('tar', args, { timeoutMs: 300_000 });
  return readFileSync(`${folder}/layer.tar`);
}
