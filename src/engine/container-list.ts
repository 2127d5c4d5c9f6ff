/** Use cases: the containers that there are, and the removal of those that have ended. */
import { invalid } from '../base/errors.ts';
import { commandOf } from './container-document.ts';
import { containerFilter, imageId } from './container-filters.ts';
import { listedNetworks, listedPorts } from './container-networks.ts';
import { removeNow } from './container-remove.ts';
import { containerSizes } from './container-sizes.ts';
import { stateOf } from './container-state.ts';
import { listStatus } from './container-status.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerListOptions } from './containers-contract.ts';
import { checkFilters, hasLabel, pointInTime } from './filters.ts';
import { givenBack, sweep } from './lost.ts';
import { mountPoints } from './mount-points.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerState, ContainerSummary } from './types/container-answers.ts';
import type { Filters } from './types/system.ts';

export async function listContainers(
  parts: EngineParts,
  { all = false, limit = 0, size = false, filters = {} }: ContainerListOptions,
): Promise<readonly ContainerSummary[]> {
  const filter = containerFilter(parts, filters);
  if (!parts.owned) sweep(parts);
  const anyState = all || limit > 0 || filter.anyState;
  const shown: { readonly record: ContainerRecord; readonly state: ContainerState }[] = [];
  for (const record of newestFirst(parts)) {
    if (!filter.record(record)) continue;
    const state = stateOf(parts, record);
    if ((!anyState && !state.Running) || !filter.state(state)) continue;
    if (filter.ports !== undefined && !filter.ports(listedPorts(parts, record))) continue;
    shown.push({ record, state });
    if (shown.length === limit) break;
  }
  const imageName = imageNames(parts);
  return Promise.all(
    shown.map(async ({ record, state }) => {
      const about = summary(parts, record, state, imageName(record));
      if (!size) return about;
      const { rw, rootFs } = await containerSizes(parts, record);
      // as Docker: nothing is not shown
      return { ...about, ...(rw === 0 ? {} : { SizeRw: rw }), ...(rootFs === 0 ? {} : { SizeRootFs: rootFs }) };
    }),
  );
}

function newestFirst({ store }: EngineParts): ContainerRecord[] {
  return store.all().sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
}

/** As Docker: by the name that was asked for as long as that is the same image, then by its id. */
function imageNames(parts: EngineParts): (record: ContainerRecord) => string {
  const known = new Map<string, string | undefined>();
  const idOf = (name: string) => {
    if (!known.has(name)) known.set(name, imageId(parts, name));
    return known.get(name);
  };
  return ({ config, image, rootfs }) => (image === undefined || idOf(config.Image) === image.id ? config.Image || rootfs : image.id);
}

function summary(parts: EngineParts, record: ContainerRecord, state: ContainerState, imageName: string): ContainerSummary {
  const { config, hostConfig, image } = record;
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageName,
    ImageID: image?.id ?? '',
    Command: commandLine(commandOf(config)),
    Created: Math.floor(record.createdAt / 1000),
    Ports: state.Running ? listedPorts(parts, record) : [],
    Labels: config.Labels,
    State: state.Status,
    Status: listStatus(state),
    HostConfig: { NetworkMode: hostConfig.NetworkMode, ...(hostConfig.Annotations === undefined ? {} : { Annotations: hostConfig.Annotations }) },
    NetworkSettings: { Networks: listedNetworks(parts, record) },
    Mounts: mountPoints(parts, record),
  };
}

/** As Docker: arguments with a space in quotes, whatever else is in them. */
function commandLine([path = '', ...args]: readonly string[]): string {
  return [path, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}

/** Filters: `label`, `label!`, `until` (what was made before then). */
export async function pruneContainers(
  parts: EngineParts,
  filters: Filters,
): Promise<{ readonly ContainersDeleted: readonly string[] | null; readonly SpaceReclaimed: number }> {
  checkFilters(filters, ['label', 'label!', 'until']);
  const { label = [], 'label!': without = [], until = [] } = filters;
  if (until.length > 1) throw invalid('more than one until filter specified');
  const limit = until[0] === undefined ? Infinity : pointInTime(until[0]) * 1000;
  const ContainersDeleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const { id } of newestFirst(parts)) {
    // one after another, each as it is by then: a client may have started or removed it
    const bytes = await parts.live.inTurn(id, async () => {
      const record = parts.store.load(id);
      if (record === undefined || record.createdAt > limit || stateOf(parts, record).Running) return undefined;
      const has = (wanted: string) => hasLabel(record.config.Labels, wanted);
      if (!label.every(has) || without.some(has)) return undefined;
      const { rw } = await containerSizes(parts, record).catch(() => ({ rw: 0 }));
      await givenBack(parts, id);
      await removeNow(parts, record);
      return rw;
    });
    if (bytes === undefined) continue;
    ContainersDeleted.push(id);
    SpaceReclaimed += bytes;
  }
  parts.events.emit('container', 'prune', '', { reclaimed: String(SpaceReclaimed) });
  return { ContainersDeleted: ContainersDeleted.length === 0 ? null : ContainersDeleted, SpaceReclaimed };
}
