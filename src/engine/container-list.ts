/** Use cases: the containers that there are, and the removal of those that have ended. */
import { commandOf } from './container-document.ts';
import { listStatus } from './container-status.ts';
import { networkSettings } from './container-inspect.ts';
import { removeNow } from './container-remove.ts';
import { stateOf } from './container-state.ts';
import type { ContainerRecord } from './container-store.ts';
import type { ContainerListOptions } from './containers-contract.ts';
import { mountPoints } from './mount-options-of.ts';
import type { EngineParts } from './parts.ts';
import { sweep } from './lost.ts';
import type { ContainerSummary } from './types/container-answers.ts';
import type { Filters } from './types/system.ts';

export async function listContainers(parts: EngineParts, { all = false, limit = 0 }: ContainerListOptions): Promise<readonly ContainerSummary[]> {
  if (!parts.owned) sweep(parts);
  const records = parts.store.all().sort((a, b) => b.createdAt - a.createdAt);
  const shown = records
    .map((record) => summary(parts, record))
    .filter(({ State }) => all || limit > 0 || State === 'running' || State === 'paused' || State === 'restarting');
  return limit > 0 ? shown.slice(0, limit) : shown;
}

function summary(parts: EngineParts, record: ContainerRecord): ContainerSummary {
  const { config, hostConfig, image } = record;
  const state = stateOf(parts, record);
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: config.Image || record.rootfs,
    ImageID: image?.id ?? '',
    Command: commandOf(config).join(' '),
    Created: Math.floor(record.createdAt / 1000),
    Ports: [],
    Labels: config.Labels,
    State: state.Status,
    Status: listStatus(state),
    HostConfig: { NetworkMode: hostConfig.NetworkMode },
    NetworkSettings: { Networks: networkSettings(record).Networks },
    Mounts: mountPoints(hostConfig),
  };
}

export async function pruneContainers(parts: EngineParts, _filters: Filters): Promise<{ ContainersDeleted: readonly string[]; SpaceReclaimed: number }> {
  const gone = parts.store.all().filter((record) => ['created', 'exited', 'dead'].includes(stateOf(parts, record).Status));
  for (const record of gone) await removeNow(parts, record);
  return { ContainersDeleted: gone.map(({ id }) => id), SpaceReclaimed: 0 };
}
