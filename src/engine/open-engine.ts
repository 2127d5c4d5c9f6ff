/** Puts the engine together on this machine. */
import { existsSync, realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { EngineError, invalid } from '../base/errors.ts';
import { placesOf } from '../base/places.ts';
import type { FileLock } from '../kernel/contract.ts';
import { linuxFileLocks } from '../kernel/linux/file-lock.ts';
import { linuxHostNetworks } from '../kernel/linux/host-networks.ts';
import { LinuxPlanRunner } from '../kernel/linux/helper.ts';
import { machineFacts } from '../kernel/linux/machine.ts';
import { pump } from './attach.ts';
import type { BuildParts } from './build-parts.ts';
import { buildsOf } from './builds.ts';
import { openCgroups } from './cgroups.ts';
import { execInContainer } from './container-exec.ts';
import { planRun, runContainer } from './container-run.ts';
import type { ContainerRecord } from './container-record.ts';
import { ContainerStore } from './container-store.ts';
import { waitExec, waitExit } from './container-wait.ts';
import { containersOf } from './containers.ts';
import type { EngineOptions, LocalEngine } from './contract.ts';
import { engineId } from './engine-id.ts';
import { EventBus } from './events.ts';
import { ExecTable } from './execs.ts';
import { healthStops } from './health.ts';
import { leasedKinds } from './lease-objects.ts';
import { LeaseStore } from './lease-store.ts';
import { LeaseTable } from './leases.ts';
import { openVolumeStore } from '../volume/store.ts';
import { owner, ownerLives } from './process-id.ts';
import { LiveContainers } from './live.ts';
import { checkNetworkSettings } from '../network/default-bridge.ts';
import { explainPlan, planJson } from '../runtime/explain.ts';
import { currentInfo, sweep } from './lost.ts';
import { buildFolder, openBuilds } from './open-builds.ts';
import { openImages, type OpenImages } from './open-images.ts';
import type { EngineParts } from './parts.ts';
import { readLog } from './logs.ts';
import { HeldPorts } from './held-ports.ts';
import { readOr } from './sandbox-files.ts';
import { MachineSandboxes } from './sandboxes.ts';
import { defaultBridgeName, openNetworking, type Networking } from './networking.ts';
import { restoreNetworks } from './restore-networks.ts';
import { openNetworks, type NetworkParts } from './network-parts.ts';
import { networksOf } from './networks.ts';
import { attachTo, processHandle } from './start-process.ts';
import { containerEnded, restore } from './supervise.ts';
import { systemOf } from './system.ts';
import { sweepVolumes } from './volume-remove.ts';
import { remapOf, type SubordinateFiles } from './userns-remap.ts';
import { warmUp } from './warm-up.ts';
import { volumesOf } from './volumes.ts';

/** Seconds that leases of an earlier engine wait for their owners. */
const LEASE_GRACE = 10;

/** Opens the engine. Reads facts about the machine; starts nothing unless it owns its data root (`owner`). */
export function openEngine(options: EngineOptions = {}): LocalEngine {
  const helper = options.helper ?? findHelper();
  const cgroups = openCgroups();
  const { stateDir, dataRoot, containerRoot: root } = placesOf(options, process.env);
  const owned = options.owner ?? false;
  checkNetworkSettings(options.networks ?? {});
  const remap = typeof options.usernsRemap === 'object' ? options.usernsRemap : remapOf(options.usernsRemap ?? '', subordinateFiles());
  const locks = owned ? own([...new Set([root, stateDir])]) : [];
  const store = new ContainerStore(stateDir, { root, owned });
  const events = new EventBus();
  const live = new LiveContainers();
  // as in Docker: one that waits to be started again counts as running
  const counts = (record: ContainerRecord) => record.process !== undefined && (record.restarting === true || !store.ended(record));
  let opened: OpenImages | undefined;
  const images = () =>
    (opened ??= openImages({
      dataRoot,
      stateDir,
      storageDriver: options.storageDriver ?? storageDriver(process.env['KOBAKO_STORAGE_DRIVER']),
      registries: options.registries,
      cached: () =>
        parts
          .builds()
          .cache.list()
          .map(({ layer }) => layer),
      onEvent: (action, id, attributes) => events.emit('image', action, id, attributes),
      containers: () => store.all().flatMap((record) => usedImages(record).map((image) => ({ id: record.id, image, running: counts(record) }))),
    }));
  let openedBuilds: BuildParts | undefined;
  let openedNetworking: Networking | undefined;
  const networking = () => (openedNetworking ??= openNetworking({ engineId: engineId(root), owned, runner }));
  let openedNetworks: NetworkParts | undefined;
  const networks = () =>
    (openedNetworks ??= openNetworks({
      root,
      engineId: engineId(root),
      owned,
      locks: linuxFileLocks,
      host: linuxHostNetworks,
      drivers: {
        get bridge() {
          return networking().drivers.bridge;
        },
        get macvlan() {
          return networking().drivers.macvlan;
        },
        get ipvlan() {
          return networking().drivers.ipvlan;
        },
      },
      settings: { bridgeName: defaultBridgeName(root, engineId(root)), ...options.networks },
    }));
  const runner = new LinuxPlanRunner(helper, { serveIn: `${stateDir}/helpers` });
  if (owned) runner.warm();
  const leases = new LeaseTable({
    store: owned ? new LeaseStore(`${root}/leases`) : undefined,
    kinds: () => leasedKinds({ containers, networks: objects.networks, volumes: objects.volumes }),
    restartGrace: options.leaseGrace ?? LEASE_GRACE,
  });
  const parts: EngineParts = {
    machine: machineFacts(),
    runner,
    store,
    cgroups,
    helper,
    events,
    live,
    ended: (id, exit) => containerEnded(parts, id, exit),
    dataRoot,
    containerRoot: root,
    remap,
    owned,
    leases,
    volumes: { store: openVolumeStore(`${dataRoot}/volumes`, { self: owner, lives: ownerLives }), locks: linuxFileLocks },
    images: () => images().parts,
    builds: () => (openedBuilds ??= openBuilds(parts, { gc: options.buildCacheGc ?? {}, forbidden: options.forbiddenEntitlements ?? [] })),
    networks,
    ports: new HeldPorts(() => networking().kernel.host()),
    sandboxes: new MachineSandboxes(() => parts, networking),
  };
  const execs = new ExecTable(parts);
  const containers = containersOf(parts, execs);
  const objects = { networks: networksOf(parts), volumes: volumesOf(parts) };
  sweep(parts);
  sweepVolumes(parts);
  if (owned) {
    networks().store.tidy();
    networking().table.together(() => {
      restore(parts);
      restoreNetworks(parts, networking);
    });
  }
  leases.restore();
  if (owned && existsSync(buildFolder(dataRoot))) parts.builds();
  const warming = owned ? warmUp(parts, `${stateDir}/rehearsal`) : undefined;
  const info = (record: ContainerRecord) => currentInfo(parts, record);
  const close = async () => {
    warming?.[Symbol.dispose]();
    await warming?.done;
    await leases.close();
    await openedBuilds?.collector.close();
    openedBuilds?.cache.flush();
    live.close();
    healthStops(parts);
    events.close();
    await live.left();
    parts.runner.close();
    parts.cgroups?.driver.release(parts.cgroups.files, '/kobako/any');
    await opened?.close();
    if (openedNetworking !== undefined) {
      await parts.sandboxes.close();
      openedNetworking[Symbol.dispose]();
    }
    await parts.volumes.store.settled();
    for (const lock of locks) lock[Symbol.dispose]();
  };

  return {
    containers,
    execs,
    volumes: objects.volumes,
    get images() {
      return images().images;
    },
    builds: buildsOf(() => parts.builds()),
    networks: objects.networks,
    system: systemOf(parts, {
      labels: options.labels ?? [],
      addressPools: options.networks?.pools ?? [],
      insecureRegistries: options.registries?.insecure ?? [],
      registryMirrors: options.registries?.mirrors ?? [],
    }),
    leases,
    lease: (lease) => leases.acquire(lease),
    suspendLeases: () => leases.suspend(),
    reloaded: (settings) => events.emit('daemon', 'reload', engineId(dataRoot), { name: hostname(), ...settings }),
    plan: async (run) => {
      const { plan, spec, warnings } = await planRun(parts, run);
      return { plan, spec, warnings, text: () => explainPlan(plan), json: () => planJson(plan) };
    },
    run: (run, streams) => runContainer(parts, run, streams),
    exec: async (container, exec, streams = {}) => execInContainer(parts, store.find(container), exec, streams),
    attach: async (container, streams) => {
      const record = store.find(container);
      if (info(record).state !== 'running') throw new EngineError('conflict', 'You cannot attach to a stopped container, start it first');
      const { socket: path } = store.paths(record.id);
      const socket = await attachTo(path, streams);
      const exited = () => waitExit(parts, record);
      const attached = pump(socket, streams, record.config.Tty).then(async (how) =>
        how === 'detached' ? { kind: how } : { kind: how, record: await exited() },
      );
      attached.catch(() => {}); // whoever asks is told; nobody has to ask
      return processHandle({ containerId: record.id, pid: record.process!.pid, socket: path, warnings: [], exited, attached });
    },
    list: async () => {
      sweep(parts);
      return store
        .all()
        .map(info)
        .sort((a, b) => b.createdAt - a.createdAt);
    },
    find: async (container) => info(store.find(container)),
    kill: (container, signal) => containers.kill(container, String(signal)),
    stop: async (container, timeout) => void (await containers.stop(container, { timeout })),
    wait: async (container, exec) => (exec === undefined ? waitExit(parts, store.find(container)) : waitExec(parts, store.find(container), exec)),
    logs: (container, logs = {}) => {
      const record = store.find(container);
      return readLog(store.paths(record.id).log, logs, () => {
        const now = store.load(record.id);
        return now !== undefined && !store.ended(now) && !store.lost(now);
      });
    },
    remove: (container, options = {}) => containers.remove(container, options),
    export: (container) => containers.export(container),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function subordinateFiles(): SubordinateFiles {
  const [passwd, group, subuid, subgid] = ['passwd', 'group', 'subuid', 'subgid'].map((name) => readOr(`/etc/${name}`)) as [string, string, string, string];
  return { passwd, group, subuid, subgid };
}

/** What a container is made of, and the images that are mounted in it. */
function usedImages({ image, mounts = [] }: ContainerRecord): readonly ContainerRecord['image'][] {
  return [image, ...mounts.flatMap((mount) => mount.image ?? [])];
}

/** Throws `conflict` while another engine owns one of the folders. */
function own(folders: readonly string[]): FileLock[] {
  const locks: FileLock[] = [];
  for (const folder of folders) {
    const lock = linuxFileLocks.tryLock(`${folder}/owner.lock`, 'exclusive');
    if (lock !== undefined) {
      locks.push(lock);
      continue;
    }
    for (const held of locks) held[Symbol.dispose]();
    const what = folder === folders[0] ? 'data root' : 'state folder';
    throw new EngineError('conflict', `another engine owns the ${what} ${folder}`, { hint: 'use the daemon that is there, or give other folders' });
  }
  return locks;
}

function storageDriver(name: string | undefined): EngineOptions['storageDriver'] {
  if (name === undefined || name === '' || name === 'overlay' || name === 'erofs') return name || undefined;
  throw invalid(`unknown storage driver ${JSON.stringify(name)} in KOBAKO_STORAGE_DRIVER: overlay and erofs are there`);
}

/** The helper beside a bundle, or in dist/ beside the sources. */
export function findHelper(): string {
  // a bundled CJS file has __dirname and no import.meta; the sources have it the other way round
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  const found = [`${here}/kobako-helper`, `${here}/../../dist/kobako-helper`].find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  throw new EngineError('unavailable', 'the native helper is missing', { hint: 'run npm ci: it builds dist/kobako-helper with cc' });
}
