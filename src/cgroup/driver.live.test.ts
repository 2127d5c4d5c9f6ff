/** The contract on this machine's own hierarchies, and on its v1 ones alone: the driver of a machine without a v2 tree. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';
import { linuxCgroupFiles } from '../kernel/linux/cgroup-files.ts';
import { detectCgroups } from './detect.ts';
import { driverSuite } from './driver.suite.ts';

const root = process.getuid?.() === 0;
const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
const children: ReturnType<typeof spawn>[] = [];
after(() => children.forEach((child) => child.kill('SIGKILL')));

let count = 0;
for (const [name, text] of [
  ['this machine', mountinfo],
  [
    "this machine's v1 hierarchies alone",
    mountinfo
      .split('\n')
      .filter((line) => !line.includes(' - cgroup2 '))
      .join('\n'),
  ],
] as const) {
  const layout = detectCgroups(text, (mountPoint) => linuxCgroupFiles.read(`${mountPoint}/cgroup.controllers`) ?? '');
  const skip = !root ? 'cgroups can be made by root only' : layout === undefined ? 'the machine has no such hierarchies' : false;
  driverSuite(
    `${name} (${layout?.kind})`,
    () => ({
      layout: layout!,
      files: linuxCgroupFiles,
      path: `/kobako-test-${process.pid}/${count++}`,
      async enter(driver, path) {
        const child = spawn('sleep', ['60']);
        children.push(child);
        for (const hierarchy of driver.hierarchies) linuxCgroupFiles.write(`${driver.folder(hierarchy, path)}/cgroup.procs`, String(child.pid));
        return child.pid!;
      },
    }),
    { skip },
  );
  if (layout !== undefined && root)
    after(() => layout.hierarchies.forEach(({ mountPoint }) => linuxCgroupFiles.rmdir(`${mountPoint}/kobako-test-${process.pid}`)));
}
