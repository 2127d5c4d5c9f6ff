import { SIGKILL } from '../base/signals.ts';
import { existsSync } from 'node:fs';
import { EngineError } from '../base/errors.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import type { OciRecord, OciState } from './oci-state.ts';
import type { Cgroups } from './parts.ts';

const WAIT_MS = 10_000;

/** Ends what lives and removes the cgroup. */
export async function destroy(record: OciRecord, state: OciState, cgroups: Cgroups | undefined): Promise<void> {
  if (cgroups?.driver.frozen(cgroups.files, record.cgroupsPath)) await cgroups.driver.freeze(cgroups.files, record.cgroupsPath, false);
  if (state.alive(record)) signalProcess(record.pid, record.pidStart, SIGKILL);
  for (const end = Date.now() + WAIT_MS; ;) {
    const left = cgroups?.driver.processes(cgroups.files, record.cgroupsPath) ?? [];
    if (left.length === 0 && !state.alive(record)) break;
    if (Date.now() > end) throw new EngineError('unavailable', `container ${record.id} cannot be killed`);
    if (left.length > 0) cgroups?.driver.kill(cgroups.files, record.cgroupsPath);
    await new Promise((done) => setTimeout(done, 2));
  }
  for (let tries = 0; cgroups !== undefined && tries < 500; tries++) {
    cgroups.driver.remove(cgroups.files, record.cgroupsPath);
    if (!cgroups.driver.hierarchies.some((hierarchy) => existsSync(cgroups.driver.folder(hierarchy, record.cgroupsPath)))) break;
    await new Promise((done) => setTimeout(done, 2));
  }
}
