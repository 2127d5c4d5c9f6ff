/** What is done with a cgroup that lives: change it, freeze it, list and end its processes, remove it. */
import { EngineError, invalid } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import type { CgroupFiles, CgroupLayout, Hierarchy } from './contract.ts';
import { ALWAYS_ALLOWED, deviceLines, fullRules } from './devices.ts';
import { placed } from './placed.ts';
import type { Current } from './settings-v1.ts';

const POLL_MS = 2;
const FREEZE_MS = 2000;

/** Writes what `resources` asks for; what it does not name stays. Throws `not-found` when the group goes meanwhile. */
export function updateGroup(files: CgroupFiles, layout: CgroupLayout, folder: (hierarchy: Hierarchy) => string, resources: Resources): readonly string[] {
  const has = (hierarchy: Hierarchy, controller: string, file: string) =>
    (hierarchy.controllers.includes(controller) || controller === 'cgroup') && files.exists(`${folder(hierarchy)}/${file}`);
  const current = currentOf(files, layout, folder);
  if (resources.memory?.checkBeforeUpdate) checkUsage(resources.memory, current.usage);
  const { settings, warnings } = placed(layout, resources, has, current);
  for (const { hierarchy, file, value, subject, ignore } of settings) write(`${folder(hierarchy)}/${file}`, value, subject, ignore);
  if (resources.devices === undefined || resources.devices.length === 0) return warnings;
  const devices = layout.hierarchies.find((hierarchy) => hierarchy.controllers.includes('devices'));
  if (devices === undefined) return [...warnings, 'device rules: on cgroup v2 they cannot be changed while the container runs; they stay as they are'];
  for (const { file, line } of deviceLines(fullRules(resources.devices), fullRules(ALWAYS_ALLOWED)))
    write(`${folder(devices)}/${file}`, line, `device rule ${line}`);
  return warnings;

  function write(path: string, value: string, subject: string, ignore: readonly string[] = []): void {
    try {
      files.write(path, value);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (ignore.includes(code)) return;
      if (hasGone(error) && !files.exists(path)) throw new EngineError('not-found', `cgroup ${path} is not there`, { cause: error });
      const hint = hintOf(path.slice(path.lastIndexOf('/') + 1), code);
      throw new EngineError('invalid', `${subject}: ${path}: ${(error as Error).message}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
    }
  }
}

function hintOf(file: string, code: string): string | undefined {
  if (code === 'EBUSY' && file.startsWith('memory')) return 'the container uses more than that now';
  if (code !== 'EINVAL') return undefined;
  if (file === 'memory.limit_in_bytes') return 'memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  if (file === 'memory.memsw.limit_in_bytes') return 'it may not be below the memory limit';
  return file === 'cpu.shares' || file === 'cpu.weight' ? 'a container whose cpu is idle has no weight: set cpu idle to 0 at the same time' : undefined;
}

function currentOf(files: CgroupFiles, layout: CgroupLayout, folder: (hierarchy: Hierarchy) => string): Current & { usage?: bigint | undefined } {
  const read = (version: 1 | 2, controller: string, name: string) => {
    const hierarchy = layout.hierarchies.find((each) => each.version === version && each.controllers.includes(controller));
    return hierarchy && files.read(`${folder(hierarchy)}/${name}`)?.trim();
  };
  const number = (text: string | undefined) => (text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined);
  return {
    living: true,
    memsw: number(read(1, 'memory', 'memory.memsw.limit_in_bytes')),
    memoryMax: number(read(2, 'memory', 'memory.max')),
    quota: read(2, 'cpu', 'cpu.max')?.split(' ')[0],
    usage: number(read(2, 'memory', 'memory.current') ?? read(1, 'memory', 'memory.usage_in_bytes')),
  };
}

/** On v2 a limit below what is used ends processes; who asks for this check would rather not. */
function checkUsage(memory: NonNullable<Resources['memory']>, usage: bigint | undefined): void {
  for (const [name, value] of [
    ['memory+swap', memory.swap],
    ['memory', memory.limit],
  ] as const) {
    if (value !== undefined && value > 0 && usage !== undefined && BigInt(value) <= usage) throw invalid(`rejecting ${name} limit ${value} <= usage ${usage}`);
  }
}

interface Freezer {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** Throws `not-found` when the group goes meanwhile. */
export async function freezeGroup(files: CgroupFiles, freezer: Freezer, frozen: boolean): Promise<void> {
  const [name, value] = freezer.version === 2 ? ['cgroup.freeze', frozen ? '1' : '0'] : ['freezer.state', frozen ? 'FROZEN' : 'THAWED'];
  const end = Date.now() + FREEZE_MS;
  // v1: a process that was forking meanwhile is caught by asking again
  for (let first = true; first || freezer.version === 1; first = false) {
    writeLiving(files, freezer.folder, name!, value!);
    for (let tries = 0; tries < 10; tries++) {
      if (isFrozen(files, freezer) === frozen) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    if (Date.now() > end) break;
  }
  while (freezer.version === 2 && Date.now() < end) {
    if (isFrozen(files, freezer) === frozen) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  if (frozen) writeLiving(files, freezer.folder, name!, freezer.version === 2 ? '0' : 'THAWED');
  throw new EngineError('unavailable', `cgroup ${freezer.folder}: its processes could not be ${frozen ? 'stopped' : 'continued'} in ${FREEZE_MS} ms`);
}

function writeLiving(files: CgroupFiles, folder: string, name: string, value: string): void {
  try {
    files.write(`${folder}/${name}`, value);
  } catch (error) {
    throw hasGone(error) ? new EngineError('not-found', `cgroup ${folder} is not there`, { cause: error }) : error;
  }
}

function hasGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

export function isFrozen(files: CgroupFiles, freezer: Freezer): boolean {
  if (freezer.version === 1) return files.read(`${freezer.folder}/freezer.state`)?.trim() === 'FROZEN';
  return /^frozen 1$/m.test(files.read(`${freezer.folder}/cgroup.events`) ?? '');
}

/** The folder and all below it, those below first. */
function subtree(files: CgroupFiles, folder: string): string[] {
  const below = files
    .list(folder)
    .filter((name) => name.endsWith('/'))
    .map((name) => name.slice(0, -1));
  return [...below.flatMap((name) => subtree(files, `${folder}/${name}`)), folder];
}

export function allProcesses(files: CgroupFiles, folder: string): number[] {
  const pids = subtree(files, folder).flatMap((each) => (files.read(`${each}/cgroup.procs`) ?? '').split('\n').filter(Boolean).map(Number));
  // 0: a process that this pid namespace cannot name
  return [...new Set(pids)].filter((pid) => pid > 0).sort((a, b) => a - b);
}

export function killGroup(files: CgroupFiles, folder: string): void {
  if (files.exists(`${folder}/cgroup.kill`)) {
    try {
      return files.write(`${folder}/cgroup.kill`, '1');
    } catch (error) {
      if (hasGone(error)) return;
      throw error;
    }
  }
  for (const pid of allProcesses(files, folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone meanwhile
    }
  }
}

export function removeGroup(files: CgroupFiles, folder: string): void {
  if (folder === '' || !files.exists(folder)) return;
  for (const each of subtree(files, folder)) files.rmdir(each);
}
