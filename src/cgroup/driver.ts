/**
 * The driver: every hierarchy of the machine contributes its part. Only v1 hierarchies make the v1 driver, only the
 * unified tree the v2 driver, both together the hybrid one. See cgroups(7) and the kernel's cgroup-v1 and cgroup-v2
 * documentation.
 */
import { invalid } from '../base/errors.ts';
import { O, O_DIRECTORY } from '../kernel/constants.ts';
import type { Op } from '../plan/ops.ts';
import type { Resources } from '../runtime/spec.ts';
import { checkCgroupPath, partsOf, type CgroupDriver, type CgroupLayout, type Created, type HasFile, type Hierarchy } from './contract.ts';
import { deviceProgram } from './devices-bpf.ts';
import { ALWAYS_ALLOWED, deviceLines, fullRules } from './devices.ts';
import { allProcesses, freezeGroup, isFrozen, killGroup, removeGroup, updateGroup } from './living.ts';
import { placed } from './placed.ts';
import { ancestors, prepareParents } from './prepare.ts';
import { statsOf } from './stats.ts';

const CLONE_SLOT = 'cgroup';
const RMDIR_RETRY_MS = 2000;

/** The driver of a layout. It touches nothing by itself. */
export function cgroupDriver(layout: CgroupLayout): CgroupDriver {
  const { kind, hierarchies } = layout;
  const unified = hierarchies.find((hierarchy) => hierarchy.version === 2);
  const checked = (path: string) => {
    if (!checkCgroupPath(path)) throw invalid(`cgroup path ${JSON.stringify(path)} must name a folder below the cgroup root`);
  };
  const folder = (hierarchy: Hierarchy, path: string) => {
    checked(path);
    return `${hierarchy.mountPoint}/${partsOf(path).join('/')}`;
  };
  const of = (controller: string) => hierarchies.find((hierarchy) => hierarchy.controllers.includes(controller));
  const folderOf = (controller: string, path: string) => {
    const hierarchy = of(controller);
    return hierarchy && folder(hierarchy, path);
  };
  // any hierarchy lists the processes; pids is the one that is rarely shared with others
  const main = unified !== undefined && kind === 'v2' ? unified : (of('pids') ?? of('freezer') ?? hierarchies[0]!);
  return {
    kind,
    hierarchies,
    folder,
    cloneSlot: unified === undefined ? undefined : CLONE_SLOT,
    prepare(files, path, resources, hints) {
      checked(path);
      return prepareParents(files, hierarchies, path, resources, hints);
    },
    release(files, path) {
      const parent = ancestors(path).at(-1);
      if (parent !== undefined) for (const hierarchy of hierarchies) files.rmdir(folder(hierarchy, parent));
    },
    create: (path, resources, has = hasController) => createOps(layout, (hierarchy) => folder(hierarchy, path), resources, has, path),
    open: (path, below = () => '') => hierarchies.flatMap((hierarchy) => openOps(hierarchy, folder(hierarchy, `${path}/${below(hierarchy)}`))),
    join: () => hierarchies.flatMap(joinOps),
    cleanup: (path) => cleanupOps(hierarchies, main, (hierarchy) => folder(hierarchy, path), of('memory')),
    update: (files, path, resources) => updateGroup(files, layout, (hierarchy) => folder(hierarchy, path), resources),
    freeze: (files, path, frozen) => freezeGroup(files, freezerOf(path), frozen),
    frozen: (files, path) => isFrozen(files, freezerOf(path)),
    kill: (files, path) => killGroup(files, folder(main, path)),
    processes: (files, path) => allProcesses(files, folder(main, path)),
    remove: (files, path) => {
      for (const hierarchy of hierarchies) removeGroup(files, folder(hierarchy, path));
    },
    stats: (files, path) =>
      statsOf(files, (controller) => {
        const hierarchy = of(controller) ?? (kind === 'v2' ? unified : undefined);
        return hierarchy && { version: hierarchy.version, folder: folder(hierarchy, path) };
      }),
  };

  function freezerOf(path: string): { folder: string; version: 1 | 2 } {
    const v1 = folderOf('freezer', path);
    if (v1 !== undefined) return { folder: v1, version: 1 };
    if (unified !== undefined) return { folder: folder(unified, path), version: 2 };
    throw invalid('this machine has no freezer: no container can be paused');
  }
}

const hasController: HasFile = (hierarchy, controller) => hierarchy.controllers.includes(controller) || (hierarchy.version === 2 && controller === 'cgroup');

function createOps(layout: CgroupLayout, folder: (hierarchy: Hierarchy) => string, resources: Resources, has: HasFile, path: string): Created {
  const { settings, warnings: missing } = placed(layout, resources, has);
  const endless = resources.memory?.disableOOMKiller === true && !resources.memory.limit && !missing.some((text) => text.startsWith('oom kill'));
  const warnings = endless
    ? [...missing, 'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.']
    : missing;
  const rules = fullRules(resources.devices ?? []);
  const defaults = fullRules(ALWAYS_ALLOWED);
  const ops: Op[] = [];
  for (const hierarchy of layout.hierarchies) {
    const dir = folder(hierarchy);
    const subject = `cgroup ${path}`;
    const side = 'monitor' as const;
    ops.push({
      op: 'mkdir',
      side,
      path: dir,
      mode: 0o755,
      ignore: ['EEXIST'],
      subject,
      why: `counts and limits ${hierarchy.controllers.join(', ') || 'nothing by itself'}`,
    });
    for (const setting of settings.filter((each) => each.hierarchy === hierarchy)) {
      ops.push({
        op: 'write-file',
        side,
        path: `${dir}/${setting.file}`,
        data: Buffer.from(setting.value),
        resolve: 0,
        ignore: setting.ignore,
        subject: setting.subject,
      });
    }
    if (hierarchy.controllers.includes('devices')) {
      for (const { file, line } of deviceLines(rules, defaults)) {
        ops.push({ op: 'write-file', side, path: `${dir}/${file}`, data: Buffer.from(line), resolve: 0, subject: `device rule ${line}` });
      }
    }
    ops.push(...openOps(hierarchy, dir));
    if (hierarchy.version === 2 && !layout.hierarchies.some((each) => each.controllers.includes('devices'))) {
      ops.push({
        op: 'bpf-devices',
        side,
        cgroup: CLONE_SLOT,
        program: deviceProgram([...rules, ...defaults]),
        subject: 'device rules',
        why: 'v2 has no list of devices: a program decides',
      });
    }
  }
  return { ops, warnings };
}

function slotOf(hierarchy: Hierarchy): string {
  return hierarchy.version === 2 ? CLONE_SLOT : `cgroup.${hierarchy.controllers.join(',')}`;
}

function openOps(hierarchy: Hierarchy, dir: string): Op[] {
  const into = slotOf(hierarchy);
  return hierarchy.version === 2
    ? [{ op: 'open', side: 'monitor', into, path: dir, flags: O.RDONLY | O_DIRECTORY | O.CLOEXEC, mode: 0, resolve: 0, subject: `cgroup ${dir}` }]
    : [{ op: 'open', side: 'monitor', into, path: `${dir}/tasks`, flags: O.WRONLY | O.CLOEXEC, mode: 0, resolve: 0, subject: `cgroup ${dir}` }];
}

/** v1: a process that writes 0 puts itself in, without the lock that moving another one takes. */
function joinOps(hierarchy: Hierarchy): Op[] {
  const slot = slotOf(hierarchy);
  const done: Op[] = [
    { op: 'close', side: 'container', slot },
    { op: 'close', side: 'monitor', slot },
  ];
  if (hierarchy.version === 2) return done;
  return [
    { op: 'write', side: 'container', slot, data: Buffer.from('0'), subject: `cgroup ${hierarchy.controllers.join(',')}`, why: 'it counts from here on' },
    ...done,
  ];
}

function cleanupOps(hierarchies: readonly Hierarchy[], main: Hierarchy, folder: (hierarchy: Hierarchy) => string, memory: Hierarchy | undefined): Op[] {
  const ops: Op[] = [];
  const side = 'cleanup' as const;
  const ignore = ['ENOENT', 'EACCES'];
  if (memory !== undefined) {
    const path = `${folder(memory)}/${memory.version === 2 ? 'memory.events' : 'memory.oom_control'}`;
    ops.push({ op: 'report', side, name: 'oom', path, ignore, why: 'whether the OOM killer struck' });
  }
  for (const hierarchy of hierarchies) {
    const freezer = hierarchy.version === 2 ? ['cgroup.freeze', '0'] : hierarchy.controllers.includes('freezer') ? ['freezer.state', 'THAWED'] : undefined;
    if (freezer !== undefined && (hierarchy.version === 1 || hierarchies.length === 1)) {
      ops.push({
        op: 'write-file',
        side,
        path: `${folder(hierarchy)}/${freezer[0]!}`,
        data: Buffer.from(freezer[1]!),
        resolve: 0,
        ignore,
        why: 'what is frozen does not die',
      });
    }
  }
  for (const hierarchy of hierarchies.filter(({ version }) => version === 2)) {
    // Linux 5.14: those in cgroups below too
    const path = `${folder(hierarchy)}/cgroup.kill`;
    ops.push({ op: 'write-file', side, path, data: Buffer.from('1'), resolve: 0, ignore: ['ENOENT', 'EOPNOTSUPP'], why: 'nothing lives on below' });
  }
  ops.push({
    op: 'kill-cgroup',
    side,
    path: `${folder(main)}/cgroup.procs`,
    ignore,
    why: 'processes that left the pid namespace of the first one, or never had one',
  });
  for (const hierarchy of hierarchies) ops.push({ op: 'rmdir', side, path: folder(hierarchy), retryMs: RMDIR_RETRY_MS, ignore: ['ENOENT', 'ENOTEMPTY'] });
  return ops;
}
