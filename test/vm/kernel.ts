import { existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { EngineError } from '../../src/base/errors.ts';
import { deb, debDependencies } from '../support/debs.ts';
import { withLock } from '../support/lock.ts';
import { cacheDir } from '../support/paths.ts';
import { runOk } from '../support/run.ts';

export interface GuestKernel {
  /** The compressed kernel, as boot loaders take it. */
  readonly image: string;
  /** Its release, as uname -r prints it. */
  readonly release: string;
  /** The folder that belongs at /lib/modules/RELEASE, with the indexes that modprobe needs. */
  readonly modules: string;
}

/** The distribution's current kernel, unpacked. `busybox` is a static busybox: its depmod makes the modules' indexes. */
export async function guestKernel(busybox: string): Promise<GuestKernel> {
  const meta = 'linux-image-amd64';
  const known = `${cacheDir}/vm/kernel-package`; // resolving the meta package takes apt 0.4 s: remember it
  const name = existsSync(known) ? readFileSync(known, 'utf8') : (await debDependencies(meta))[0];
  if (name === undefined) throw new EngineError('unavailable', `Debian package "${meta}" names no kernel`);
  const tree = await deb(name);
  const base = ['lib/modules', 'usr/lib/modules'].find((path) => existsSync(`${tree}/${path}`));
  const release = base && readdirSync(`${tree}/${base}`)[0];
  if (!release) throw new EngineError('unavailable', `Debian package "${name}" holds no kernel modules`);
  const modules = `${tree}/${base}/${release}`;
  await withLock(`${cacheDir}/vm/.lock`, async () => {
    if (existsSync(`${modules}/.indexed`)) return;
    await runOk(busybox, ['depmod', '-b', base === 'lib/modules' ? tree : `${tree}/usr`, release]);
    writeFileSync(`${modules}/.indexed`, '');
    writeFileSync(`${known}.tmp`, name);
    renameSync(`${known}.tmp`, known);
  });
  return { image: `${tree}/boot/vmlinuz-${release}`, release, modules };
}

/** The files of these modules and of all they need, each after what it needs; relative to the modules' folder. */
export function moduleFiles(modulesDep: string, names: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  const byName = new Map<string, string>();
  for (const line of modulesDep.split('\n')) {
    const [file, list] = line.split(':');
    if (!file || list === undefined) continue;
    needs.set(file, list.split(' ').filter(Boolean));
    byName.set(moduleName(file), file);
  }
  const order = new Set<string>();
  const visit = (file: string) => {
    if (order.has(file)) return;
    for (const needed of needs.get(file) ?? []) visit(needed);
    order.add(file);
  };
  for (const name of names) {
    const file = byName.get(name);
    if (file === undefined) throw new EngineError('unavailable', `the guest's kernel has no module "${name}"`);
    visit(file);
  }
  return [...order];
}

function moduleName(file: string): string {
  return file
    .replace(/^.*\//, '')
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');
}
