/** Use case: everything that is known of a container, as Docker's `inspect` has it. */
import { commandOf } from './container-document.ts';
import { networkSettings } from './container-networks.ts';
import { containerSizes } from './container-sizes.ts';
import { stateOf } from './container-state.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ExecTable } from './execs.ts';
import { shownLinks } from './links.ts';
import { mountPoints } from './mount-points.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerInspect } from './types/container-answers.ts';
import type { HostConfig } from './types/container.ts';

export async function inspectContainer(
  parts: EngineParts,
  execs: ExecTable,
  record: ContainerRecord,
  { size = false }: { readonly size?: boolean | undefined },
): Promise<ContainerInspect> {
  const { store } = parts;
  const { id, config, hostConfig, image } = record;
  const { dir, log } = store.paths(id);
  const command = commandOf(config);
  const started = record.startedAt !== undefined;
  const execIds = execs.of(id);
  const driver = image === undefined ? 'folder' : parts.images().driver.name;
  const sizes = size ? await containerSizes(parts, record) : undefined;
  return {
    Id: id,
    Created: new Date(record.createdAt).toISOString(),
    Path: command[0] ?? '',
    Args: command.slice(1),
    State: stateOf(parts, record),
    Image: image?.id ?? '',
    ResolvConfPath: started ? `${dir}/resolv.conf` : '',
    HostnamePath: started ? `${dir}/hostname` : '',
    HostsPath: started ? `${dir}/hosts` : '',
    // of the local driver it is nobody's business, as in Docker
    LogPath: started && hostConfig.LogConfig.Type === 'json-file' ? log : '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount ?? 0,
    Driver: driver,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: apparmorProfile(hostConfig),
    ExecIDs: execIds.length === 0 ? null : execIds,
    HostConfig: hostConfig.Links === null ? hostConfig : { ...hostConfig, Links: shownLinks(parts, record) },
    GraphDriver: { Name: driver, Data: null },
    ...(sizes === undefined ? {} : { SizeRw: sizes.rw, SizeRootFs: sizes.rootFs }),
    Mounts: mountPoints(parts, record),
    Config: config,
    NetworkSettings: networkSettings(parts, record),
  };
}

function apparmorProfile({ SecurityOpt }: HostConfig): string {
  const option = SecurityOpt?.findLast((each) => /^apparmor[=:]/.test(each));
  return option === undefined ? '' : option.slice('apparmor='.length);
}
