import { existsSync, lstatSync, mkdirSync, cpSync, renameSync, rmSync, symlinkSync, writeFileSync, chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { EngineError } from '../../src/base/errors.ts';
import { deb, debianCodename, debianMirror, debs } from './debs.ts';
import { withLock } from './lock.ts';
import { cacheDir } from './paths.ts';
import { runOk } from './run.ts';

const rootfsDir = `${cacheDir}/rootfs`;

const FILES: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nguest:x:1000:1000:Guest:/home/guest:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  'etc/group': 'root:x:0:\ndaemon:x:1:\nadm:x:4:guest\naudio:x:29:daemon,guest\nguest:x:1000:\nnogroup:x:65534:\n',
  'etc/hostname': 'rootfs\n',
  'etc/hosts': '127.0.0.1 localhost\n',
  'etc/resolv.conf': '',
  'etc/os-release': 'ID=kobako-test\nNAME="kobako test"\n',
};
const FOLDERS = ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'run', 'sbin', 'sys', 'tmp', 'usr/bin', 'usr/sbin', 'var/tmp'];

/** The path of a static busybox. */
export async function busybox(): Promise<string> {
  const tree = await deb('busybox-static');
  return [`${tree}/bin/busybox`, `${tree}/usr/bin/busybox`].find((path) => existsSync(path))!;
}

/**
 * A small root file system of busybox and its links: about 2 MB, users root and guest (1000, also in the groups adm
 * and audio). Shared by all tests: use it as a lower layer or copy it (`copyRootfs`), never write into it.
 */
export async function busyboxRootfs(): Promise<string> {
  return once('busybox', async (root) => {
    for (const folder of FOLDERS) mkdirSync(`${root}/${folder}`, { recursive: true });
    mkdirSync(`${root}/home/guest`);
    for (const sticky of ['tmp', 'var/tmp']) chmodSync(`${root}/${sticky}`, 0o1777);
    for (const [path, text] of Object.entries(FILES)) writeFileSync(`${root}/${path}`, text);
    cpSync(await busybox(), `${root}/bin/busybox`);
    chmodSync(`${root}/bin/busybox`, 0o755);
    await runOk('chown', ['-R', '0:0', root]);
    await runOk('chown', ['1000:1000', `${root}/home/guest`]);
    const { stdout } = await runOk(`${root}/bin/busybox`, ['--list-full']);
    for (const applet of stdout.split('\n').filter(Boolean)) {
      mkdirSync(dirname(`${root}/${applet}`), { recursive: true });
      if (lstatSync(`${root}/${applet}`, { throwIfNoEntry: false }) === undefined) symlinkSync('/bin/busybox', `${root}/${applet}`);
    }
  });
}

/**
 * A root file system of real Debian packages (`bash`, `coreutils` … with all that they depend on): dynamic linking,
 * bash, a file system of many files. The packages' scripts have not run: no /etc/passwd but the one above.
 */
export async function debianRootfs(): Promise<string> {
  return once('debian', async (root) => {
    mkdirSync(root, { recursive: true });
    const tree = await debs(['base-files', 'bash', 'coreutils', 'grep'], { dependencies: true });
    await runOk('cp', ['-a', `${tree}/.`, root]);
    rmSync(`${root}/.packages`);
    for (const folder of FOLDERS) mkdirSync(`${root}/${folder}`, { recursive: true });
    for (const [path, text] of Object.entries(FILES)) if (path !== 'etc/os-release') writeFileSync(`${root}/${path}`, text);
    if (!existsSync(`${root}/bin/sh`)) symlinkSync('bash', `${root}/bin/sh`);
  });
}

/**
 * A whole distribution, by debootstrap: this machine's Debian release with bash, coreutils and the package `hello`, its
 * maintainer scripts run. About 200 MB and 7,000 files; takes a minute the first time.
 */
export async function debootstrapRootfs(): Promise<string> {
  return once('debootstrap', async (root) => {
    const tree = await debs(['debootstrap', 'wget'], { dependencies: true });
    const codename = debianCodename();
    const mirror = await debianMirror(codename);
    if (mirror === undefined) throw new EngineError('unavailable', `apt's sources have no ${codename} main to debootstrap from`);
    // its wget runs with its own libraries: nothing is installed here
    const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    const loader = arch === 'x86_64' ? 'lib64/ld-linux-x86-64.so.2' : 'lib/ld-linux-aarch64.so.1';
    const libraries = `${tree}/lib/${arch}-linux-gnu:${tree}/usr/lib/${arch}-linux-gnu`;
    const tools = `${cacheDir}/rootfs/.tools`;
    mkdirSync(tools, { recursive: true });
    writeFileSync(`${tools}/wget`, `#!/bin/sh\nexec ${tree}/${loader} --library-path ${libraries} ${tree}/usr/bin/wget "$@"\n`, { mode: 0o755 });
    const env = { ...process.env, DEBOOTSTRAP_DIR: `${tree}/usr/share/debootstrap`, PATH: `${tools}:/usr/sbin:/usr/bin:/sbin:/bin`, LC_ALL: 'C' };
    await runOk('sh', [`${tree}/usr/sbin/debootstrap`, '--variant=minbase', '--include=hello', codename, root, mirror], { env, timeoutMs: 600_000 });
    rmSync(`${root}/var/cache/apt/archives`, { recursive: true, force: true });
    rmSync(`${root}/var/lib/apt/lists`, { recursive: true, force: true });
  });
}

/** A copy of a root file system that a test may change. `target` must not exist. */
export async function copyRootfs(source: string, target: string): Promise<void> {
  await runOk('cp', ['-a', '--reflink=auto', source, target]);
}

/** Makes `.cache/rootfs/NAME` once; it has its name only when it is whole. */
async function once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = `${rootfsDir}/${name}`;
  if (existsSync(folder)) return folder;
  return withLock(`${rootfsDir}/.lock`, async () => {
    if (existsSync(folder)) return folder;
    const work = `${rootfsDir}/.work`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    try {
      await make(work);
      renameSync(work, folder);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    return folder;
  });
}
