/** The folders above a container's cgroup: shared, so made outside of a plan, and only where they are missing. */
import { dirname } from 'node:path/posix';
import type { Resources } from '../runtime/spec.ts';
import type { CgroupFiles, HasFile, Hierarchy } from './contract.ts';

/** `/a/b/c` gives `['/a', '/a/b']`: what must be there before `/a/b/c` can be made. */
export function ancestors(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.slice(0, -1).map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
}

/** Makes the folders above `path` in every hierarchy, ready for a child. */
export function prepareParents(files: CgroupFiles, hierarchies: readonly Hierarchy[], path: string, resources: Resources): HasFile {
  const parents = ancestors(path);
  for (const hierarchy of hierarchies) {
    const ready = `${hierarchy.mountPoint}${parents.at(-1) ?? ''}`;
    const before = files.exists(ready);
    if (hierarchy.version === 2 && !(before && handsDownAll(files, hierarchy, ready))) handDown(files, hierarchy, parents);
    if (hierarchy.version === 1 && !before) makeV1(files, hierarchy, parents);
    if (hierarchy.version === 1 && hierarchy.controllers.includes('cpuset'))
      inheritSets(files, hierarchy.mountPoint, ready, `${hierarchy.mountPoint}/${path.split('/').filter(Boolean).join('/')}`);
    if (hierarchy.controllers.includes('cpu') && resources.cpu?.realtimeRuntime) grantRealtime(files, hierarchy, parents, resources.cpu);
  }
  return (hierarchy, controller, file) => {
    if (!hierarchy.controllers.includes(controller)) return false;
    const parent = `${hierarchy.mountPoint}${parents.at(-1) ?? ''}`;
    if (hierarchy.version === 2 && !words(files.read(`${parent}/cgroup.subtree_control`)).includes(controller)) return false;
    // a root has not all the files that its children have
    return parents.length === 0 || files.exists(`${parent}/${file}`);
  };
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}

function tryWrite(files: CgroupFiles, path: string, text: string): void {
  try {
    files.write(path, text);
  } catch {
    // what was not granted shows in what the children have
  }
}

function handsDownAll(files: CgroupFiles, hierarchy: Hierarchy, folder: string): boolean {
  const enabled = new Set(words(files.read(`${folder}/cgroup.subtree_control`)));
  return hierarchy.controllers.every((controller) => enabled.has(controller));
}

/** v2: a controller reaches a cgroup only if each cgroup above hands it down. One refused must not keep the others. */
function handDown(files: CgroupFiles, hierarchy: Hierarchy, parents: readonly string[]): void {
  for (const parent of ['', ...parents]) {
    const folder = `${hierarchy.mountPoint}${parent}`;
    files.mkdir(folder);
    for (const controller of hierarchy.controllers) tryWrite(files, `${folder}/cgroup.subtree_control`, `+${controller}`);
  }
}

function makeV1(files: CgroupFiles, hierarchy: Hierarchy, parents: readonly string[]): void {
  for (const parent of parents) {
    const folder = `${hierarchy.mountPoint}${parent}`;
    if (files.exists(folder)) continue;
    files.mkdir(folder);
    if (hierarchy.controllers.includes('memory')) tryWrite(files, `${folder}/memory.use_hierarchy`, '1');
    if (hierarchy.controllers.includes('cpuset')) copySets(files, folder);
  }
}

/** A new v1 cpuset is empty, and no process can enter it. */
function copySets(files: CgroupFiles, folder: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (words(files.read(`${folder}/${file}`)).length === 0) tryWrite(files, `${folder}/${file}`, (files.read(`${dirname(folder)}/${file}`) ?? '').trim());
  }
}

/** Lets children begin with their parent's processors and memory nodes. Not at a root, which is the machine's: there the child is made at once. */
function inheritSets(files: CgroupFiles, mountPoint: string, folder: string, child: string): void {
  if (folder === mountPoint) {
    files.mkdir(child);
    return copySets(files, child);
  }
  copySets(files, folder);
  if (files.read(`${folder}/cgroup.clone_children`)?.trim() !== '1') tryWrite(files, `${folder}/cgroup.clone_children`, '1');
}

/** Realtime runtime is handed down from level to level; what was not given to a parent cannot be given to a child. */
function grantRealtime(files: CgroupFiles, hierarchy: Hierarchy, parents: readonly string[], cpu: NonNullable<Resources['cpu']>): void {
  for (const parent of parents) {
    const folder = `${hierarchy.mountPoint}${parent}`;
    if (cpu.realtimePeriod) tryWrite(files, `${folder}/cpu.rt_period_us`, String(cpu.realtimePeriod));
    const had = Number(files.read(`${folder}/cpu.rt_runtime_us`) ?? 0);
    if (had < cpu.realtimeRuntime!) tryWrite(files, `${folder}/cpu.rt_runtime_us`, String(cpu.realtimeRuntime));
  }
}
