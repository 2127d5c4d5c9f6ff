/**
 * Images of real servers, made of Debian's packages: PostgreSQL, Redis, nginx, Node and a web server in it. They look
 * like the official ones to who uses them: names of variables, folders, users, ports. Kept in .cache/images.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { buildSync } from 'esbuild';
import { type ArchivedImage, imageArchive } from '../image-archive.ts';
import { withLock } from '../lock.ts';
import { cacheDir, projectDir } from '../paths.ts';
import { busyboxRootfs, copyRootfs } from '../rootfs.ts';
import { withTemp } from '../temp.ts';
import { appPackages, LayerMaker } from './layer-maker.ts';

const imagesDir = `${cacheDir}/images`;
const here = import.meta.dirname;

/** What an archive holds, and the names in it. */
export const APP_IMAGES = {
  postgres: 'kobako-test/postgres:debian',
  redis: 'kobako-test/redis:debian',
  nginx: 'kobako-test/nginx:debian',
  /** With bash and a user `node`, 1000. The archive has `web`, too, which is this and the web server. */
  node: 'kobako-test/node:debian',
} as const;
export const WEB_IMAGE = 'kobako-test/web:debian';

export type AppImage = keyof typeof APP_IMAGES;

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Recipe {
  readonly config: object;
  fill(layer: LayerMaker): Promise<void> | void;
}

function addUser(layer: LayerMaker, name: string, uid: number, gid: number, home: string): void {
  layer.write('etc/passwd', `root:x:0:0:root:/root:/bin/bash\n${name}:x:${uid}:${gid}:${name}:${home}:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n`);
  layer.write('etc/group', `root:x:0:\n${name}:x:${gid}:\nnogroup:x:65534:\n`);
}

const own = (path: string) => readFileSync(`${here}/${path}`);

const RECIPES: Readonly<Record<AppImage, Recipe>> = {
  postgres: {
    config: {
      Env: [PATH, 'LANG=C.UTF-8', 'PGDATA=/var/lib/postgresql/data'],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['postgres'],
      ExposedPorts: { '5432/tcp': {} },
      Volumes: { '/var/lib/postgresql/data': {} },
      StopSignal: 'SIGINT',
    },
    async fill(layer) {
      const tree = await appPackages();
      const [version] = readdirSync(`${tree}/usr/lib/postgresql`);
      layer.take(`usr/lib/postgresql/${version}/bin`);
      layer.take(`usr/lib/postgresql/${version}/lib`);
      layer.take(`usr/share/postgresql/${version}`);
      layer.take('usr/share/zoneinfo');
      for (const double of ['posix', 'right']) layer.remove(`usr/share/zoneinfo/${double}`);
      // just-in-time compilation would bring LLVM, which is larger than all the rest; the server does without it
      for (const jit of ['bitcode', 'llvmjit.so']) rmSync(`${layer.root}/usr/lib/postgresql/${version}/lib/${jit}`, { recursive: true, force: true });
      addUser(layer, 'postgres', 999, 999, '/var/lib/postgresql');
      await layer.own('var/lib/postgresql', 999, 999);
      await layer.own('var/lib/postgresql/data', 999, 999, 0o1777);
      await layer.own('run/postgresql', 999, 999, 0o3777);
      await layer.own('docker-entrypoint-initdb.d', 0, 0);
      layer.write('usr/local/bin/docker-entrypoint.sh', own('postgres.sh'), 0o755);
      const sample = `usr/share/postgresql/${version}/postgresql.conf.sample`;
      layer.write(sample, `${readFileSync(`${layer.root}/${sample}`, 'utf8')}listen_addresses = '*'\nunix_socket_directories = '/run/postgresql'\n`);
      for (const program of readdirSync(`${layer.root}/usr/lib/postgresql/${version}/bin`))
        layer.link(`usr/bin/${program}`, `/usr/lib/postgresql/${version}/bin/${program}`);
    },
  },
  redis: {
    config: {
      Env: [PATH],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['redis-server'],
      ExposedPorts: { '6379/tcp': {} },
      Volumes: { '/data': {} },
      WorkingDir: '/data',
    },
    async fill(layer) {
      for (const program of ['redis-cli', 'redis-server']) layer.take(`usr/bin/${program}`);
      addUser(layer, 'redis', 999, 1000, '/data');
      await layer.own('data', 999, 1000);
      layer.write('usr/local/bin/docker-entrypoint.sh', own('redis.sh'), 0o755);
    },
  },
  nginx: {
    config: {
      Env: [PATH],
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '80/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
    async fill(layer) {
      layer.take('usr/sbin/nginx');
      layer.take('etc/nginx/mime.types');
      layer.write('usr/share/nginx/html/index.html', '<h1>Welcome to nginx!</h1>\n');
      addUser(layer, 'nginx', 101, 101, '/nonexistent');
      for (const folder of ['var/lib/nginx', 'var/log/nginx']) await layer.own(folder, 101, 101);
      layer.write('etc/nginx/nginx.conf', own('nginx.conf'));
      layer.write('etc/nginx/conf.d/default.conf', own('nginx-default.conf'));
    },
  },
  node: {
    config: { Env: [PATH], Cmd: ['node'] },
    async fill(layer) {
      layer.write('usr/local/bin/node', readFileSync(process.execPath), 0o755);
      addUser(layer, 'node', 1000, 1000, '/home/node');
      await layer.own('home/node/.cache', 1000, 1000);
      await layer.own('home/node', 1000, 1000);
    },
  },
};

async function fillBase(layer: LayerMaker): Promise<ReadonlySet<string>> {
  for (const program of ['bin/bash', 'usr/bin/getent', 'usr/bin/setpriv']) layer.take(program);
  layer.take('usr/lib/locale/C.utf8');
  layer.takeLoader();
  layer.write('etc/os-release', readFileSync(`${await appPackages()}/etc/os-release`));
  layer.write('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  layer.link('var/run', '/run');
  for (const soname of ['libgcc_s.so.1', 'libnss_files.so.2']) layer.takeLoaded(soname);
  return layer.takeLibraries();
}

/** compose does not take an image without a date. */
const more = { created: '2026-01-01T00:00:00Z' };

/** The bundle of web/server.ts. */
function webServer(): Uint8Array {
  const { outputFiles } = buildSync({
    entryPoints: [`${here}/web/server.ts`],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    external: ['pg-native'],
    banner: { js: REQUIRE },
  });
  return outputFiles[0]!.contents;
}
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

async function makeArchive(name: AppImage, file: string): Promise<void> {
  await withTemp(async (folder) => {
    const tree = await appPackages();
    await copyRootfs(await busyboxRootfs(), `${folder}/base`);
    const base = new LayerMaker(`${folder}/base`, tree);
    const libraries = await fillBase(base);
    const { config, fill } = RECIPES[name];
    mkdirSync(`${folder}/app`);
    const app = new LayerMaker(`${folder}/app`, tree, libraries);
    await fill(app);
    await app.takeLibraries();
    const layers: Buffer[] = [];
    for (const layer of [base, app]) {
      await layer.pack(`${folder}/layer.tar`);
      layers.push(readFileSync(`${folder}/layer.tar`));
    }
    const images: ArchivedImage[] = [{ names: [APP_IMAGES[name]], layers, config, more }];
    if (name === 'node') images.push(await webImage(folder, tree, layers));
    writeFileSync(`${imagesDir}/.new`, imageArchive(...images).bytes);
    renameSync(`${imagesDir}/.new`, file);
  });
}

async function webImage(folder: string, tree: string, below: readonly Buffer[]): Promise<ArchivedImage> {
  mkdirSync(`${folder}/web`);
  const web = new LayerMaker(`${folder}/web`, tree);
  web.write('app/server.mjs', Buffer.from(webServer()));
  web.write('app/message.txt', own('web/message.txt'));
  await web.own('app', 1000, 1000);
  await web.pack(`${folder}/web.tar`);
  const config = { Env: [PATH, 'NODE_ENV=production'], Cmd: ['node', 'server.mjs'], WorkingDir: '/app', User: 'node', ExposedPorts: { '3000/tcp': {} } };
  return { names: [WEB_IMAGE], layers: [...below, readFileSync(`${folder}/web.tar`)], config, more };
}

/** What an archive depends on of this project: another text, another archive. */
function recipeHash(name: AppImage): string {
  const hash = createHash('sha256').update(process.arch);
  for (const file of readdirSync(here, { recursive: true, encoding: 'utf8' }).toSorted()) if (/\.\w+$/.test(file)) hash.update(readFileSync(`${here}/${file}`));
  if (name === 'node') hash.update(readFileSync(`${projectDir}/package-lock.json`)).update(process.version);
  return hash.digest('hex').slice(0, 12);
}

/** The path of an archive that `docker load` takes: made the first time, which takes seconds. 20 to 150 MB. */
export async function appArchive(name: AppImage): Promise<string> {
  const file = `${imagesDir}/${name}-${recipeHash(name)}.tar`;
  if (existsSync(file)) return file;
  return withLock(`${imagesDir}/.lock`, async () => {
    if (existsSync(file)) return file;
    for (const old of readdirSync(imagesDir)) if (old.startsWith(`${name}-`)) rmSync(`${imagesDir}/${old}`);
    await makeArchive(name, file);
    return file;
  });
}
