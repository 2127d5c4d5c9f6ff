/** What is done with a cgroup that lives: change it, freeze it, list and end its processes, remove it. */
import { EngineError } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import type { CgroupFiles, CgroupLayout, Hierarchy } from './contract.ts';
import { deviceLines, fullRules } from './devices.ts';
import { placed } from './placed.ts';

const POLL_MS = 2;
const FREEZE_MS = 2000;

/** Writes what `resources` asks for; what it does not name stays. */
export function updateGroup(files: CgroupFiles, layout: CgroupLayout, folder: (hierarchy: Hierarchy) => string, resources: Resources): readonly string[] {
  const has = (hierarchy: Hierarchy, controller: string, file: string) =>
    hierarchy.controllers.includes(controller) && files.exists(`${folder(hierarchy)}/${file}`);
  const memory = layout.hierarchies.find((hierarchy) => hierarchy.version === 1 && hierarchy.controllers.includes('memory'));
  const { settings, warnings } = placed(layout, resources, has, memory && currentMemory(files, folder(memory)));
  for (const { hierarchy, file, value, subject, ignore } of settings) write(`${folder(hierarchy)}/${file}`, value, subject, ignore);
  const devices = layout.hierarchies.find((hierarchy) => hierarchy.controllers.includes('devices'));
  if (resources.devices !== undefined && devices !== undefined) {
    for (const { file, line } of deviceLines(fullRules(resources.devices))) write(`${folder(devices)}/${file}`, line, `device rule ${line}`);
  }
  return warnings;

  function write(path: string, value: string, subject: string, ignore: readonly string[] = []): void {
    try {
      files.write(path, value);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (ignore.includes(code)) return;
      const hint = code === 'EBUSY' && file(path).startsWith('memory') ? 'the container uses more than that now' : undefined;
      throw new EngineError('invalid', `${subject}: ${path}: ${(error as Error).message}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
    }
  }
}

const file = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function currentMemory(files: CgroupFiles, folder: string): { memory?: bigint; memsw?: bigint } {
  const number = (name: string) => {
    const text = files.read(`${folder}/${name}`)?.trim();
    return text === undefined || !/^\d+$/.test(text) ? undefined : BigInt(text);
  };
  return { memory: number('memory.limit_in_bytes'), memsw: number('memory.memsw.limit_in_bytes') };
}

interface Freezer {
  readonly folder: string;
  readonly version: 1 | 2;
}

export async function freezeGroup(files: CgroupFiles, freezer: Freezer, frozen: boolean): Promise<void> {
  const [name, value] = freezer.version === 2 ? ['cgroup.freeze', frozen ? '1' : '0'] : ['freezer.state', frozen ? 'FROZEN' : 'THAWED'];
  const end = Date.now() + FREEZE_MS;
  // v1: a process that was forking meanwhile is caught by asking again
  for (let first = true; first || freezer.version === 1; first = false) {
    files.write(`${freezer.folder}/${name}`, value);
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
  if (frozen) files.write(`${freezer.folder}/${name}`, freezer.version === 2 ? '0' : 'THAWED');
  throw new EngineError('unavailable', `cgroup ${freezer.folder}: its processes could not be ${frozen ? 'stopped' : 'continued'} in ${FREEZE_MS} ms`);
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
  if (files.exists(`${folder}/cgroup.kill`)) return files.write(`${folder}/cgroup.kill`, '1');
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
