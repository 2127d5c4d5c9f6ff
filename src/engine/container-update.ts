/** Use case: other limits, or another restart policy, for a container. */
import { EngineError } from '../base/errors.ts';
import { DEFAULT_RUN } from '../runtime/run-options.ts';
import { resourcesOf } from '../runtime/run-resources.ts';
import type { Resources as SpecResources } from '../runtime/spec.ts';
import { DEFAULT_HOST_CONFIG } from './container-document.ts';
import { possibleLimits } from './create-warnings.ts';
import { emitContainer } from './container-events.ts';
import { controlGroups, isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { EngineParts } from './parts.ts';
import { checkRestartPolicy, limitsOf } from './run-options-of.ts';
import type { ContainerUpdate, HostConfig, Resources, RestartPolicy } from './types/container.ts';

/** What Docker changes; 0 and '' leave a limit as it is. It ignores the rest. */
const CHANGEABLE = [
  'BlkioWeight',
  'CpuShares',
  'CpuPeriod',
  'CpuQuota',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'CpusetCpus',
  'CpusetMems',
  'KernelMemoryTCP',
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
] as const satisfies readonly (keyof Resources)[];

/** The container's record changes only when the kernel has taken all limits. */
export async function updateContainer(parts: EngineParts, record: ContainerRecord, update: ContainerUpdate): Promise<{ Warnings: readonly string[] }> {
  const policy = policyOf(update.RestartPolicy);
  const { change, warnings } = possibleChange(parts, resourceChange(update));
  const resources = checkedResources(parts, change);
  const conflict = conflictOf(record.hostConfig, change, policy);
  if (conflict !== undefined) throw refusal(record, 'conflict', conflict);
  const late = isRunning(parts, record) ? limitNow(parts, record, resources) : [];
  const hostConfig: HostConfig = { ...record.hostConfig, ...change, ...(policy === undefined ? {} : { RestartPolicy: policy }) };
  const now = parts.store.change(record.id, { hostConfig });
  if (now === undefined) throw new EngineError('not-found', `No such container: ${record.id}`);
  emitContainer(parts, now, 'update');
  return { Warnings: [...warnings, ...late] };
}

/** Undefined: it stays as it is. */
function policyOf(given: ContainerUpdate['RestartPolicy']): RestartPolicy | undefined {
  if (given?.Name === undefined || given.Name === '') return undefined;
  const policy = { Name: given.Name, MaximumRetryCount: given.MaximumRetryCount ?? 0 };
  checkRestartPolicy({ RestartPolicy: policy });
  return policy;
}

function resourceChange(update: ContainerUpdate): Partial<Resources> {
  const change: Partial<Record<keyof Resources, unknown>> = {};
  for (const key of CHANGEABLE) if (update[key]) change[key] = update[key];
  if (update.PidsLimit !== undefined && update.PidsLimit !== null) change.PidsLimit = update.PidsLimit;
  return change as Partial<Resources>;
}

/** Without what this machine cannot limit. Throws `invalid` for processors that are not there. */
function possibleChange({ cgroups }: EngineParts, asked: Partial<Resources>): { readonly change: Partial<Resources>; readonly warnings: readonly string[] } {
  if (cgroups === undefined) return { change: asked, warnings: [] };
  const { limits, warnings } = possibleLimits({ ...DEFAULT_HOST_CONFIG, ...asked }, cgroups.abilities);
  const kept = Object.entries(asked).filter(([key, value]) => limits[key as keyof Resources] === value);
  return { change: Object.fromEntries(kept), warnings };
}

/** Throws `invalid` in Docker's words for values that make no sense, whatever the container has. */
function checkedResources({ machine }: EngineParts, change: Partial<Resources>): SpecResources {
  const { MemorySwap = 0, PidsLimit, Memory = 0 } = change;
  // alone it is added to a memory limit that is there
  const alone = MemorySwap > 0 && Memory === 0;
  const limits = limitsOf({ ...DEFAULT_HOST_CONFIG, ...change, ...(alone ? { MemorySwap: 0 } : {}) });
  const resources = resourcesOf({ ...DEFAULT_RUN, limits }, machine, []);
  const { memory } = resources;
  if (alone) resources.memory = { ...memory, swap: MemorySwap };
  // what `create` would choose
  else if (MemorySwap === 0 && memory !== undefined) delete memory.swap;
  if (PidsLimit !== undefined && PidsLimit !== null) resources.pids = { limit: PidsLimit > 0 ? PidsLimit : -1 };
  return resources;
}

/** Why this cannot be changed in a container that is as it is; undefined: it can. */
function conflictOf(has: HostConfig, change: Partial<Resources>, policy: RestartPolicy | undefined): string | undefined {
  if (policy !== undefined && policy.Name !== 'no' && has.AutoRemove) return 'Restart policy cannot be updated because AutoRemove is enabled for the container';
  const cannot = (what: string, why: string) => `Conflicting options: ${what} cannot be updated as ${why} has already been set`;
  if (change.NanoCpus && has.CpuPeriod > 0) return cannot('Nano CPUs', 'CPU Period');
  if (change.NanoCpus && has.CpuQuota > 0) return cannot('Nano CPUs', 'CPU Quota');
  if (change.CpuPeriod && has.NanoCpus > 0) return cannot('CPU Period', 'NanoCPUs');
  if (change.CpuQuota && has.NanoCpus > 0) return cannot('CPU Quota', 'NanoCPUs');
  if (change.Memory && !change.MemorySwap && change.Memory > has.MemorySwap)
    return 'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time';
  return undefined;
}

function limitNow(parts: EngineParts, record: ContainerRecord, resources: SpecResources): readonly string[] {
  const { driver, files } = controlGroups(parts);
  try {
    return driver.update(files, record.cgroupsPath, resources);
  } catch (error) {
    // it has ended just now: the limits are for its next start
    if (error instanceof EngineError && error.kind === 'not-found') return [];
    if (error instanceof EngineError) throw refusal(record, error.kind, error.message, error);
    throw error;
  }
}

function refusal({ id }: ContainerRecord, kind: EngineError['kind'], why: string, cause?: EngineError): EngineError {
  return new EngineError(kind, `Cannot update container ${id}: ${why}`, { cause, ...(cause?.hint === undefined ? {} : { hint: cause.hint }) });
}
