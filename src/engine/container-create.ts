/** Use case: a container that does not run yet. */
import { randomHex } from '../base/random-hex.ts';
import { CONTAINER_NAME } from './container-names.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { resourcesOf } from '../runtime/run-resources.ts';
import { checkRunOptions } from '../runtime/run-spec.ts';
import { completeConfig, completeHostConfig } from './container-document.ts';
import { checkDocuments } from './create-checks.ts';
import { otherWarnings, possibleLimits } from './create-warnings.ts';
import { emitContainer } from './container-events.ts';
import { wantedMounts } from './container-mounts.ts';
import { documentRoot, imageOf, type ContainerImage } from './container-root.ts';
import type { ContainerRecord } from './container-record.ts';
import { processId } from './process-id.ts';
import type { Created } from './containers-contract.ts';
import { askedNetworks } from './endpoint-settings.ts';
import { checkHealthConfig } from './health.ts';
import { linksById } from './links.ts';
import { randomName } from './names.ts';
import type { EngineParts } from './parts.ts';
import { runOptionsOf } from './run-options-of.ts';
import { remapped } from './userns-remap.ts';
import { takeMounts } from './volume-take.ts';
import type { ContainerConfig, ContainerCreate, HostConfig } from './types/container.ts';

const TRIES = 20;

export interface CreateOptions {
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
  /** It is started at once by who makes it, and is nothing without that. */
  readonly pending?: boolean | undefined;
}

/** Checks what can be checked without starting it. */
export async function createContainer(parts: EngineParts, body: ContainerCreate, options: CreateOptions = {}): Promise<Created> {
  const name = options.name?.replace(/^\//, '');
  if (name !== undefined && name !== '' && !CONTAINER_NAME.test(name))
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  parts.leases.check(body.Labels);
  const id = randomHex(32);
  const rootfs = body.HostConfig?.Kobako?.Rootfs;
  // until the container is on record nothing else keeps its image, those that it mounts, and its layer for writes
  const mountsImages = (body.HostConfig?.Mounts ?? []).some(({ Type }) => Type === 'image');
  using _hold = rootfs === undefined || mountsImages ? await parts.images().store.hold() : undefined;
  const image = rootfs === undefined ? imageOf(parts, body.Image ?? '', options.platform) : undefined;
  const completed = completeConfig(body, image?.config ?? {}, id);
  const asked = remapped(parts.remap, completeHostConfig(body.HostConfig));
  checkDocuments(body, completed, asked);
  const networks = askedNetworks(parts, body, asked);
  const config = withMac(completed, networks.mac);
  const { limits, warnings } = parts.cgroups === undefined ? { limits: asked, warnings: [] } : possibleLimits(asked, parts.cgroups.abilities);
  const hostConfig = joinedById(parts, { ...limits, NetworkMode: networks.mode });
  const wanted = wantedMounts(parts, config, hostConfig);
  const run = runOptionsOf({ config, hostConfig, mounts: wanted });
  checkRunOptions(run, parts.machine);
  resourcesOf(run, parts.machine, []);
  checkHealthConfig(config.Healthcheck);
  const kept: ContainerImage | undefined = image === undefined ? undefined : { id: image.id, name: image.name, layers: image.layers };
  if (name) parts.store.checkName(name);
  await using taken = await takeMounts(parts, id, wanted, () => documentRoot(parts, { config, hostConfig, image: kept, mounts: wanted }));
  const record: ContainerRecord = {
    id,
    name: name ?? '',
    createdAt: Date.now(),
    rootfs: rootfs?.Path ?? body.Image ?? '',
    image: kept,
    config,
    hostConfig,
    mounts: taken.mounts,
    endpoints: networks.endpoints,
    cgroupsPath: `${run.cgroupParent ?? '/kobako'}/${id}`,
    maker: processId(process.pid),
    ...(options.pending ? { pending: true } : {}),
  };
  parts.leases.check(body.Labels); // it may have ended meanwhile
  if (kept !== undefined) parts.images().driver.createWritable(id);
  try {
    keep(parts, record, name);
  } catch (error) {
    if (kept !== undefined) parts.images().driver.removeWritable(id);
    throw error;
  }
  taken.kept();
  emitContainer(parts, parts.store.load(id) ?? record, 'create');
  return { Id: id, Warnings: [...(image?.warnings ?? []), ...warnings, ...otherWarnings(body, hostConfig)] };
}

/** With its own name, or the first random one that is free. */
function keep(parts: EngineParts, record: ContainerRecord, name: string | undefined): void {
  if (name !== undefined && name !== '') return parts.store.create(record, name, () => {});
  for (let tries = 0; ; tries++) {
    const random = randomName(tries);
    try {
      return parts.store.create({ ...record, name: random }, random, () => {});
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'conflict' || tries === TRIES) throw error;
    }
  }
}

/** `container:web` is that container from now on, whatever it is called later. */
function joinedById(parts: EngineParts, host: HostConfig): HostConfig {
  const byId = (mode: string) => (mode.startsWith('container:') ? `container:${parts.store.find(mode.slice(10)).id}` : mode);
  const orInvalid = (mode: string) => {
    try {
      return byId(mode);
    } catch (error) {
      throw error instanceof EngineError && error.kind === 'not-found' ? invalid(error.message) : error;
    }
  };
  return {
    ...host,
    NetworkMode: byId(host.NetworkMode),
    IpcMode: orInvalid(host.IpcMode),
    PidMode: orInvalid(host.PidMode),
    UsernsMode: byId(host.UsernsMode),
    Links: linksById(parts, host),
  };
}

/** Shown there only, whoever said it. */
function withMac(config: ContainerConfig, mac: string | undefined): ContainerConfig {
  const { MacAddress: _, ...others } = config;
  return mac === undefined ? others : { ...others, MacAddress: mac };
}
