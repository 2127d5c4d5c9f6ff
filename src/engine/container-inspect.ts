/** Use case: everything that is known of a container, as Docker's `inspect` has it. */
import { commandOf } from './container-document.ts';
import { stateOf } from './container-state.ts';
import type { ContainerRecord } from './container-store.ts';
import type { ExecTable } from './execs.ts';
import { mountPoints } from './mount-options-of.ts';
import type { EngineParts } from './parts.ts';
import type { ContainerInspect, NetworkSettings } from './types/container-answers.ts';

export async function inspectContainer(
  parts: EngineParts,
  execs: ExecTable,
  record: ContainerRecord,
  _options: { readonly size?: boolean | undefined },
): Promise<ContainerInspect> {
  const { store } = parts;
  const { id, config, hostConfig, image } = record;
  const { dir, log } = store.paths(id);
  const command = commandOf(config);
  const started = record.startedAt !== undefined;
  const execIds = execs.of(id);
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
    LogPath: hostConfig.LogConfig.Type === 'none' ? '' : log,
    Name: `/${record.name}`,
    RestartCount: record.restartCount ?? 0,
    Driver: image === undefined ? 'folder' : parts.images().driver.name,
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length === 0 ? null : execIds,
    HostConfig: hostConfig,
    GraphDriver: { Name: image === undefined ? 'folder' : parts.images().driver.name, Data: null },
    Mounts: mountPoints(hostConfig),
    Config: config,
    NetworkSettings: networkSettings(record),
  };
}

/** Networks come with a later version: a container has a loopback only, or another's network. */
export function networkSettings({ hostConfig: { NetworkMode } }: Pick<ContainerRecord, 'hostConfig'>): NetworkSettings {
  const named = NetworkMode === 'none' || NetworkMode === 'host' || NetworkMode === 'bridge';
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    Ports: {},
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: '',
    Gateway: '',
    GlobalIPv6Address: '',
    GlobalIPv6PrefixLen: 0,
    IPAddress: '',
    IPPrefixLen: 0,
    IPv6Gateway: '',
    MacAddress: '',
    Networks: named
      ? {
          [NetworkMode]: {
            IPAMConfig: null,
            Links: null,
            Aliases: null,
            MacAddress: '',
            DriverOpts: null,
            GwPriority: 0,
            NetworkID: '',
            EndpointID: '',
            Gateway: '',
            IPAddress: '',
            IPPrefixLen: 0,
            IPv6Gateway: '',
            GlobalIPv6Address: '',
            GlobalIPv6PrefixLen: 0,
            DNSNames: null,
          },
        }
      : {},
  };
}
