/** This machine's control groups, as the use cases need them. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { cgroupAbilities, type CgroupAbilities } from '../cgroup/abilities.ts';
import { namedBelow, placeBelow } from '../cgroup/below.ts';
import { detectCgroups } from '../cgroup/detect.ts';
import { cgroupDriver } from '../cgroup/driver.ts';
import type { CgroupDriver, CgroupFiles } from '../cgroup/contract.ts';
import { linuxCgroupFiles } from '../kernel/linux/cgroup-files.ts';
import type { CgroupHierarchy } from '../runtime/contract.ts';
import type { Cgroups } from './parts.ts';

/** Undefined on a machine without any cgroup file system. */
export function openCgroups(files: CgroupFiles = linuxCgroupFiles, mountinfo = readFileSync('/proc/self/mountinfo', 'utf8')): Cgroups | undefined {
  const layout = detectCgroups(mountinfo, (mountPoint) => files.read(`${mountPoint}/cgroup.controllers`) ?? '');
  return layout && bindCgroups(cgroupDriver(layout), files);
}

function bindCgroups(driver: CgroupDriver, files: CgroupFiles): Cgroups {
  let abilities: CgroupAbilities | undefined;
  const ready = new Set<string>();
  return {
    driver,
    files,
    get abilities() {
      return (abilities ??= cgroupAbilities(files, driver.hierarchies));
    },
    containerParts(path, resources, prepare, hints) {
      if (hints?.anew) ready.clear();
      const { ops, warnings } = driver.create(
        path,
        resources,
        prepare ? driver.prepare(files, path, resources, hints && { fresh: hints.fresh, ready }) : undefined,
      );
      const parts = { create: ops, join: driver.join(path), cloneSlot: driver.cloneSlot, cleanup: driver.cleanup(path), hierarchies: views(driver, path) };
      return { parts, warnings };
    },
    execParts(path, sub, pid) {
      const first = pid === undefined ? undefined : files.read(`/proc/${pid}/cgroup`);
      const below = sub === undefined ? placeBelow(path, first ?? '') : namedBelow(sub);
      return { open: driver.open(path, below), join: driver.join(path), cloneSlot: driver.cloneSlot };
    },
  };
}

/** What the `cgroup` mount of a container shows. */
function views(driver: CgroupDriver, path: string): CgroupHierarchy[] {
  return driver.hierarchies.map((hierarchy) => {
    const hostPath = driver.folder(hierarchy, path);
    if (hierarchy.version === 2) return { name: driver.kind === 'v2' ? '' : basename(hierarchy.mountPoint), type: 'cgroup2', data: [], hostPath };
    return {
      name: basename(hierarchy.mountPoint),
      type: 'cgroup',
      data: hierarchy.controllers.map((controller): [string, string?] => (controller.startsWith('name=') ? ['name', controller.slice(5)] : [controller])),
      hostPath,
    };
  });
}
