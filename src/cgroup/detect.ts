/** Which cgroup hierarchies a machine has, from the text of /proc/self/mountinfo. */
import type { CgroupLayout, Hierarchy } from './contract.ts';

const V1_FLAGS = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children', 'cpuset_v2_mode', 'favordynmods', 'none']);

/**
 * `controllersOf` gives the text of a v2 mount's cgroup.controllers. Undefined where no hierarchy is mounted.
 */
export function detectCgroups(mountinfo: string, controllersOf: (mountPoint: string) => string): CgroupLayout | undefined {
  const hierarchies: Hierarchy[] = [];
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4]?.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const [type, , options] = after?.split(' ') ?? [];
    if (mountPoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    if (hierarchies.some((known) => known.mountPoint === mountPoint)) continue;
    if (type === 'cgroup2') {
      // there is one v2 tree, however often it is mounted
      if (hierarchies.some((known) => known.version === 2)) continue;
      hierarchies.push({ version: 2, controllers: controllersOf(mountPoint).trim().split(/\s+/).filter(Boolean), mountPoint });
    } else {
      const controllers = (options ?? '').split(',').filter((name) => !V1_FLAGS.has(name) && !name.startsWith('release_agent='));
      // one that is mounted twice counts once
      if (!hierarchies.some((known) => known.version === 1 && known.controllers.join() === controllers.join())) {
        hierarchies.push({ version: 1, controllers, mountPoint });
      }
    }
  }
  const v1 = hierarchies.some((hierarchy) => hierarchy.version === 1);
  const v2 = hierarchies.some((hierarchy) => hierarchy.version === 2);
  if (!v1 && !v2) return undefined;
  return { kind: v1 && v2 ? 'hybrid' : v1 ? 'v1' : 'v2', hierarchies };
}
