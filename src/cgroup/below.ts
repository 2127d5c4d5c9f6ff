/** Cgroups below a container's own: where its first process went, and where a user wants an exec to go. */
import { invalid } from '../base/errors.ts';
import { checkCgroupPath, partsOf, type Hierarchy } from './contract.ts';

/** A folder below a container's, empty for its own, per hierarchy. */
export type Below = (hierarchy: Hierarchy) => string;

/** As `exec --cgroup` names them: one for all, or by controller (then `''` is for all others). Throws `invalid` for a way out. */
export function namedBelow(sub: string | Readonly<Record<string, string>>): Below {
  const names = typeof sub === 'string' ? { '': sub } : sub;
  for (const name of Object.values(names)) {
    if (partsOf(name).length > 0 && !checkCgroupPath(name)) throw invalid(`bad sub cgroup path: ${name}`);
  }
  return ({ controllers }) => names[controllers.find((controller) => names[controller] !== undefined) ?? ''] ?? '';
}

/**
 * Where a process is in the v2 tree, from the text of its /proc/PID/cgroup. A container that has handed controllers down
 * takes no processes in its own cgroup any more. What is not below `path`, or was removed meanwhile, is not followed.
 */
export function placeBelow(path: string, procCgroup: string): Below {
  const own = `/${partsOf(path).join('/')}/`;
  const at = /^0::(.*)$/m.exec(procCgroup)?.[1] ?? '';
  const below = at.startsWith(own) ? at.slice(own.length) : '';
  const place = checkCgroupPath(below) && !below.endsWith(' (deleted)') ? below : '';
  return ({ version }) => (version === 2 ? place : '');
}
