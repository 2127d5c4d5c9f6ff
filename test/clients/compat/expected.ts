/** Where this engine answers otherwise than dockerd, and why. Every other difference fails the test. */
import type { Difference } from './compare.ts';

export interface Expected {
  readonly endpoint?: RegExp;
  /** Of cases. */
  readonly name?: RegExp;
  readonly path?: RegExp;
  readonly reason: string;
}

const CREATE = /^POST \/containers\/create/;

export const EXPECTED: readonly Expected[] = [
  { path: /\/(Driver|GraphDriver\/.*)$/, endpoint: /containers/, reason: 'layers are kept by other drivers, overlay and erofs, which have no folders to show' },
  { path: /\/CgroupnsMode$/, reason: 'a cgroup namespace of its own on every machine; dockerd does so on cgroup v2 only' },
  {
    name: /^(create|refused): blkio/,
    reason: 'weights are set through blkio.bfq.weight, which dockerd does not know; so they are checked, and kept',
  },
  { path: /\/LogPath$/, reason: 'the log has the same name in every container’s folder; it ends on -json.log, too' },
  { name: /^refused: volume on \/$/, reason: 'found out at creation: dockerd makes a container that cannot start' },
  { name: /^create: volumes: of the configuration/, endpoint: /^GET \/containers\/json/, path: /\/Source$/, reason: 'dockerd forgets where these are' },
  { name: /^create: an image, mounted/, path: /\/Source$/, reason: 'an image is mounted in the container only: there is no folder to show' },
  { name: /^create: an image, mounted/, path: /\/Warnings/, reason: 'no experiment here' },
  { name: /^refused: volume: .*at a file$/, path: /\/message$/, reason: 'named as the container has it: there is no other folder' },
  { path: /\/SandboxKey$/, reason: 'no network namespace has a file of its own: the container’s process holds it' },
  { path: /\/Networks\/none\/DNSNames/, endpoint: /exited$/, reason: 'nobody asks for names on no network' },
  {
    path: /com\.docker\.network\.bridge\.name$/,
    name: /^GET \/networks/,
    reason: 'the default bridge has another name than dockerd’s, which may be on the same machine',
  },
  { name: /^GET \/networks/, path: /\/IPAM\/Config\/0\//, reason: 'where the host routes nothing yet differs between two machines' },
  { name: /^refused: an address on bridge/, path: /message$/, reason: 'where the host routes nothing yet differs between two machines' },
  { endpoint: /disconnect, again$/, path: /status/, reason: 'the container is in the way, not the daemon: 409, not 500' },
  { name: /^network: .*(macvlan|ipvlan|VLAN)/, path: /status/, reason: 'the fault is in the request: 400, not 500' },
  { endpoint: /unpause$/, path: /status/, reason: 'the container is in the way, not the daemon: 409, not 500' },
  { name: /^refused: no image$/, endpoint: CREATE, reason: 'dockerd makes a container without a root file system, which cannot start' },
  { name: /^refused: stop signal 65$/, endpoint: CREATE, reason: 'there is no such signal' },
  { name: /^refused: (port|protocol) /, endpoint: CREATE, reason: 'found out at creation: dockerd says it at the start, or takes port 0' },
  { name: /^refused: network of no container$/, endpoint: CREATE, reason: 'found out at creation: dockerd says it at the start' },
  {
    name: /^refused: (ulimit type|log (size|files)|device rule|blkio of|mount: |seccomp that is no JSON|userns mode|label option|(masked|read-only) path)/,
    endpoint: CREATE,
    reason: 'found out at creation: dockerd says it at the start, with status 500, or never',
  },
  {
    name: /^refused: (storage option|bind of|bind mode|bind to|security option|no new privileges, maybe)/,
    endpoint: CREATE,
    path: /^\/(status|body\/message)$/,
    reason: 'the fault is in the request: 400, not 500',
  },
  { name: /^refused: volume: /, endpoint: CREATE, path: /^\/status$/, reason: 'the fault is in the request: 400, not 500' },
  { endpoint: /^GET \/info/, path: /\/body\/(ID|Name|DockerRootDir|ServerVersion|OperatingSystem|OSVersion|SystemTime)$/, reason: 'another engine' },
  {
    endpoint: /^GET \/info/,
    path: /\/body\/(Driver|DriverStatus|Plugins|Runtimes|ContainerdCommit|RuncCommit|InitCommit|Containerd)\b/,
    reason: 'another engine',
  },
  { endpoint: /^GET \/info/, path: /\/body\/(LiveRestoreEnabled)$/, reason: 'containers outlive the daemon in any case' },
  {
    endpoint: /^GET \/info/,
    path: /\/body\/(SecurityOptions|FirewallBackend|CDISpecDirs)\b/,
    reason: 'a cgroup namespace of its own; no firewall rules and no CDI yet',
  },
  {
    endpoint: /^GET \/info/,
    path: /\/body\/(Containers|ContainersRunning|ContainersStopped|Images|IPv4Forwarding)$/,
    reason: 'another network namespace in this test, and what else it has',
  },
  { endpoint: /^GET \/info/, path: /\/body\/RegistryConfig\//, reason: 'registries that this test’s dockerd is told of' },
  { endpoint: /^GET \/version/, path: /\/body\/(Platform|Components|Version|GitCommit|GoVersion|BuildTime)\b/, reason: 'another engine' },
  { name: /limit=x|events\?since=nope|(publish|expose)%22/, path: /status/, reason: 'the fault is in the request: 400, not 500' },
  { name: /type%22%3A%5B%22nope/, path: /status/, reason: 'the fault is in the request: 400, not 500' },
];

export function reasonOf({ endpoint, name, path }: Difference): string | undefined {
  return EXPECTED.find((each) => (each.endpoint?.test(endpoint) ?? true) && (each.name?.test(name) ?? true) && (each.path?.test(path) ?? true))?.reason;
}
