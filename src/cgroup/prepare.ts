/** The folders above a container's cgroup: shared, so made outside of a plan, and only where they are missing. */
import { dirname } from 'node:path/posix';
import { EngineError, invalid } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import { partsOf, type CgroupFiles, type HasFile, type Hierarchy, type PrepareHints } from './contract.ts';
import { allProcesses, isFrozen } from './living.ts';

/** `/a/b/c` gives `['/a', '/a/b']`: what must be there before `/a/b/c` can be made. */
export function ancestors(path: string): string[] {
  const parts = partsOf(path);
  return parts.slice(0, -1).map((_, i) => `/${parts.slice(0, i + 1).join('/')}`);
}

/** Makes the folders above `path` in every hierarchy, ready for a child. */
export function prepareParents(
  files: CgroupFiles,
  hierarchies: readonly Hierarchy[],
  path: string,
  resources: Resources,
  { fresh = false, ready: known }: PrepareHints = {},
): HasFile {
  const parents = ancestors(path);
  const own = `/${partsOf(path).join('/')}`;
  const above = parents.at(-1);
  if (!fresh) for (const hierarchy of hierarchies) refuseInhabited(files, hierarchy, own);
  const asBefore = above !== undefined && known?.has(above) && !resources.cpu?.realtimeRuntime;
  for (const hierarchy of asBefore ? [] : hierarchies) {
    const ready = `${hierarchy.mountPoint}${above ?? ''}`;
    const before = files.exists(ready);
    if (hierarchy.version === 2) {
      if (!(before && handsDownAll(files, hierarchy, ready))) handDown(files, hierarchy, parents);
      refuseThreaded(files, ready, parents.at(-1) ?? '/');
    }
    if (hierarchy.version === 1 && !before) makeV1(files, hierarchy, parents);
    if (hierarchy.version === 1 && hierarchy.controllers.includes('cpuset')) inheritSets(files, hierarchy.mountPoint, parents, own);
    if (hierarchy.version === 1 && hierarchy.controllers.includes('cpu') && resources.cpu?.realtimeRuntime)
      grantRealtime(files, hierarchy, parents, resources.cpu);
  }
  if (above !== undefined) known?.add(above);
  return (hierarchy, controller, file) => {
    const parent = `${hierarchy.mountPoint}${above ?? ''}`;
    if (!(hierarchy.version === 2 && controller === 'cgroup')) {
      if (!hierarchy.controllers.includes(controller)) return false;
      if (hierarchy.version === 2 && !words(files.read(`${parent}/cgroup.subtree_control`)).includes(controller)) {
        const busy = ['', ...parents].find((each) => inhabited(files, `${hierarchy.mountPoint}${each}`));
        const name = (busy ?? parents.at(-1)) || '/';
        return `cgroup ${name} does not hand down the ${controller} controller${busy === undefined ? '' : ', for it has processes of its own'}`;
      }
    }
    return files.exists(`${parent}/${file}`) || (parents.length === 0 && childrenHave(files, hierarchy, own, file));
  };
}

/** A root has not all the files that its children have: looks into the child, which the plan makes anyway. */
function childrenHave(files: CgroupFiles, hierarchy: Hierarchy, own: string, file: string): boolean {
  makeFolder(files, `${hierarchy.mountPoint}${own}`);
  return files.exists(`${hierarchy.mountPoint}${own}/${file}`);
}

/** A container's cgroup is its own: what else is in it would be limited, stopped and ended with it. */
function refuseInhabited(files: CgroupFiles, hierarchy: Hierarchy, own: string): void {
  const folder = `${hierarchy.mountPoint}${own}`;
  if (!files.exists(folder)) return;
  const inside = allProcesses(files, folder).length;
  if (inside > 0) throw new EngineError('conflict', `container's cgroup ${own} is not empty: ${inside} process(es) found`);
  const freezer = { folder, version: hierarchy.version };
  if ((hierarchy.version === 2 || hierarchy.controllers.includes('freezer')) && isFrozen(files, freezer))
    throw new EngineError('conflict', `container's cgroup ${own} is unexpectedly frozen`);
}

/** Below a threaded cgroup there is no place for a process with memory or io limits, or for CLONE_INTO_CGROUP. */
function refuseThreaded(files: CgroupFiles, folder: string, parent: string): void {
  const type = files.read(`${folder}/cgroup.type`)?.trim();
  if (type !== undefined && type !== 'domain') throw invalid(`cgroup parent ${parent} is "${type}": a container needs a parent of type "domain"`);
}

function makeFolder(files: CgroupFiles, folder: string): void {
  try {
    files.mkdir(folder);
  } catch (error) {
    const hint = (error as NodeJS.ErrnoException).code === 'EROFS' ? 'the cgroup file systems must be mounted writable' : undefined;
    throw new EngineError('unavailable', `cannot make the cgroup ${folder}: ${(error as Error).message}`, {
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    });
  }
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

/** Whether "no internal processes" keeps controllers from what is below. The machine's root, which is free of that, has no type. */
function inhabited(files: CgroupFiles, folder: string): boolean {
  return files.exists(`${folder}/cgroup.type`) && words(files.read(`${folder}/cgroup.procs`)).length > 0;
}

/** v2: a controller reaches a cgroup only if each cgroup above hands it down. One refused must not keep the others. */
function handDown(files: CgroupFiles, hierarchy: Hierarchy, parents: readonly string[]): void {
  for (const parent of ['', ...parents]) {
    const folder = `${hierarchy.mountPoint}${parent}`;
    makeFolder(files, folder);
    // with processes of its own it would refuse some, and become the root of threads by the others
    if (inhabited(files, folder)) continue;
    const enabled = new Set(words(files.read(`${folder}/cgroup.subtree_control`)));
    for (const controller of hierarchy.controllers) {
      if (!enabled.has(controller)) tryWrite(files, `${folder}/cgroup.subtree_control`, `+${controller}`);
    }
  }
}

function makeV1(files: CgroupFiles, hierarchy: Hierarchy, parents: readonly string[]): void {
  for (const parent of parents) {
    const folder = `${hierarchy.mountPoint}${parent}`;
    if (files.exists(folder)) continue;
    makeFolder(files, folder);
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
function inheritSets(files: CgroupFiles, mountPoint: string, parents: readonly string[], own: string): void {
  const last = parents.at(-1);
  if (last === undefined) {
    makeFolder(files, `${mountPoint}${own}`);
    return copySets(files, `${mountPoint}${own}`);
  }
  const folder = `${mountPoint}${last}`;
  // somebody else's empty folders are filled from the top
  if (words(files.read(`${folder}/cpuset.cpus`)).length === 0 || words(files.read(`${folder}/cpuset.mems`)).length === 0)
    for (const parent of parents) copySets(files, `${mountPoint}${parent}`);
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
