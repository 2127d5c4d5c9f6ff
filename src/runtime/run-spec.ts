/** The flags of a run as an OCI spec, with Docker's defaults where nothing is said. */
import { CAPABILITIES } from '../kernel/constants.ts';
import { invalid } from '../base/errors.ts';
import { allCapabilities, capabilitiesOf, DEFAULT_CAPABILITIES } from './capabilities.ts';
import type { MachineFacts, ResolvedUser } from './contract.ts';
import { defaultSpec } from './default-spec.ts';
import { devicesOf } from './run-devices.ts';
import { mountsOf, type EtcFiles } from './run-mounts.ts';
import { inUserNamespace, type IdRange, type NamespaceChoice, type RunOptions } from './run-options.ts';
import { resourcesOf } from './run-resources.ts';
import { defaultProfile } from './seccomp/default-profile.ts';
import { parseJson } from './validate.ts';
import { resolveDockerProfile, type DockerProfile } from './seccomp/docker-profile.ts';
import type { IdMapping, Linux, NamespaceType, Seccomp, Spec } from './spec.ts';

/** What the flags alone do not say. */
export interface RunContext {
  readonly id: string;
  readonly machine: MachineFacts;
  readonly user: ResolvedUser;
  readonly files: EtcFiles;
  readonly cgroupsPath: string;
  /** The first process of another container, by what the user called it, and for which of its namespaces. */
  joined(container: string, type: NamespaceType): number;
  /** The host name of the host, or of the container whose network is joined. */
  readonly sharedName?: string;
  /** The network namespace that a container of its own network joins; absent: it makes one. */
  readonly networkPath?: string;
  /** Paths of the host's device nodes, for a privileged container, or of those in a folder of /dev. */
  hostDevices(folder?: string): readonly string[];
}

/** Throws `invalid` in Docker's words for options that make no sense. */
export function specFromOptions(options: RunOptions, context: RunContext): Spec {
  const { machine, user } = context;
  if (options.args.length === 0) throw invalid('no command specified');
  const spec = defaultSpec();
  const bounding = boundingSet(options, machine);
  const { devices, rules } = devicesOf(options, machine, (folder) => context.hostDevices(folder));
  checkNetworkOptions(options);
  const shown = options.hostname ?? (sharesName(options) ? context.sharedName : undefined) ?? context.id.slice(0, 12);
  const hostname = options.hostname ?? (options.namespaces.uts.kind === 'new' ? shown : '');
  spec.process = {
    ...spec.process!,
    terminal: options.tty,
    args: options.init ? ['/sbin/docker-init', '--', ...options.args] : [...options.args],
    env: environment(options, shown, user.home),
    cwd: workdir(options.workdir),
    user: { uid: user.uid, gid: user.gid, additionalGids: withPrimary(user), ...(options.umask === undefined ? {} : { umask: options.umask }) },
    capabilities: capabilitiesOf(bounding, user.uid),
    rlimits: options.ulimits.map((limit) => ({ ...limit })),
    noNewPrivileges: options.noNewPrivileges,
    oomScoreAdj: options.oomScoreAdj ?? 0,
    ...(options.apparmor === undefined ? {} : { apparmorProfile: options.apparmor }),
    ...(options.selinux === undefined ? {} : { selinuxLabel: options.selinux }),
  };
  spec.root = { path: 'rootfs', readonly: options.readonlyRootfs };
  spec.mounts = mountsOf(options, context.files, (container, type) => context.joined(container, type));
  if (hostname !== '') spec.hostname = hostname;
  if (options.domainname) spec.domainname = options.domainname;
  spec.annotations = { ...options.annotations };
  const open = options.privileged || options.systemPathsUnconfined;
  const seccomp = seccompOf(options, machine, bounding);
  spec.linux = {
    ...spec.linux,
    ...idMappings(options),
    ...timeOffsets(options),
    namespaces: namespacesOf(options, context),
    sysctl: { ...defaultSysctls(options), ...options.sysctls },
    devices: [...devices],
    cgroupsPath: context.cgroupsPath,
    resources: resourcesOf(options, machine, rules),
    maskedPaths: open ? [] : [...(options.maskedPaths ?? [...spec.linux!.maskedPaths!, ...thermalPaths(machine)])],
    readonlyPaths: open ? [] : [...(options.readonlyPaths ?? spec.linux!.readonlyPaths!)],
    ...(seccomp === undefined ? {} : { seccomp }),
  };
  return spec;
}

/** sethostname(2), setdomainname(2). */
const MAX_HOST_NAME = 64;

/** What of the options is wrong on any machine, before there is anything to start. Throws `invalid` in Docker's words. */
export function checkRunOptions(options: RunOptions, machine: MachineFacts): void {
  checkNetworkOptions(options);
  for (const name of ['hostname', 'domainname'] as const) {
    if (Buffer.byteLength(options[name] ?? '') > MAX_HOST_NAME) throw invalid(`invalid ${name}: it is longer than ${MAX_HOST_NAME} bytes`);
  }
  boundingSet(options, machine);
  seccompOf(options, machine, []);
  workdir(options.workdir);
}

/** The primary group also is a supplementary one: else a program that drops it could lose what a group is denied (CVE-2022-36109). */
export function withPrimary({ gid, groups }: Pick<ResolvedUser, 'gid' | 'groups'>): number[] {
  return [...new Set([gid, ...groups])];
}

/** With the network, or the uts namespace, goes the name. */
function sharesName({ namespaces: { network, uts } }: RunOptions): boolean {
  return network.kind !== 'new' || uts.kind === 'host';
}

function checkNetworkOptions({ namespaces: { network, uts }, hostname, addHosts, dns, dnsSearch, dnsOptions }: RunOptions): void {
  if (hostname !== undefined && uts.kind === 'host') throw invalid('conflicting options: hostname and the UTS mode');
  if (network.kind !== 'container') return;
  if (hostname !== undefined) throw invalid('conflicting options: hostname and the network mode');
  if (addHosts.length > 0) throw invalid('conflicting options: custom host-to-IP mapping and the network mode');
  if (dns.length + dnsSearch.length + dnsOptions.length > 0) throw invalid('conflicting options: dns and the network mode');
}

/** Interrupt counts of a processor tell what other programs do. */
function thermalPaths(machine: MachineFacts): string[] {
  const out: string[] = [];
  for (let cpu = 0; ; cpu++) {
    const path = `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`;
    if (cpu > 8191 || machine.kind(path) !== 'dir') return out;
    out.push(path);
  }
}

/** Docker's order: PATH, HOSTNAME, TERM; then the user's, which replace; then HOME when nobody gave one. */
function environment(options: RunOptions, hostname: string, home: string): string[] {
  const env = new Map<string, string>();
  env.set('PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
  env.set('HOSTNAME', hostname);
  if (options.tty) env.set('TERM', 'xterm');
  for (const entry of options.env) {
    const equals = entry.indexOf('=');
    if (equals === 0) throw invalid(`invalid environment variable: ${entry}`);
    if (equals < 0) env.delete(entry);
    else env.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (!env.has('HOME')) env.set('HOME', home === '' ? '/' : home);
  return [...env].map(([key, value]) => `${key}=${value}`);
}

function workdir(path: string | undefined): string {
  if (path === undefined) return '/';
  if (!path.startsWith('/')) throw invalid(`the working directory '${path}' is invalid, it needs to be an absolute path`);
  return path;
}

function boundingSet(options: RunOptions, machine: MachineFacts): string[] {
  const all = allCapabilities(machine);
  if (options.privileged) return [...all];
  const add = options.capAdd.map(capabilityName);
  const drop = options.capDrop.map(capabilityName);
  let set: Set<string>;
  if (add.includes('ALL')) set = new Set(all);
  else if (drop.includes('ALL')) set = new Set();
  else set = new Set(DEFAULT_CAPABILITIES);
  for (const name of drop) if (!add.includes('ALL') || name !== 'ALL') set.delete(name);
  for (const name of add) if (name !== 'ALL') set.add(name);
  return [...set];
}

function capabilityName(text: string): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL') return upper;
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!CAPABILITIES.includes(name as (typeof CAPABILITIES)[number])) throw invalid(`invalid capability: "${text}"`);
  return name;
}

function seccompOf(options: RunOptions, machine: MachineFacts, capabilities: readonly string[]): Seccomp | undefined {
  const host = { arch: machine.arch, capabilities, kernel: machine.kernel };
  if (options.seccomp === undefined || options.seccomp === 'builtin') return options.privileged ? undefined : defaultProfile(host);
  if (options.seccomp === 'unconfined') return undefined;
  const profile = parseJson(options.seccomp, 'Decoding seccomp profile failed');
  if (typeof profile !== 'object' || profile === null || Array.isArray(profile)) throw invalid('Decoding seccomp profile failed: not an object');
  return resolveDockerProfile(profile as DockerProfile, host);
}

/** Ports below 1024 and ping need no capability in a network of its own: Docker's defaults. */
function defaultSysctls(options: RunOptions): Record<string, string> {
  if (options.namespaces.network.kind !== 'new') return {};
  const ports = { 'net.ipv4.ip_unprivileged_port_start': '0' };
  // not in a user namespace: its groups are not that many
  return inUserNamespace(options) ? ports : { ...ports, 'net.ipv4.ping_group_range': '0 2147483647' };
}

const NAMESPACES: readonly (readonly [choice: Exclude<keyof RunOptions['namespaces'], never>, type: NamespaceType, file: string])[] = [
  ['network', 'network', 'net'],
  ['uts', 'uts', 'uts'],
  ['pid', 'pid', 'pid'],
  ['ipc', 'ipc', 'ipc'],
  ['cgroup', 'cgroup', 'cgroup'],
  ['time', 'time', 'time'],
];

function namespacesOf(options: RunOptions, context: RunContext): NonNullable<Linux['namespaces']> {
  const out: NonNullable<Linux['namespaces']> = [{ type: 'mount' }];
  const add = (choice: NamespaceChoice, type: NamespaceType, file: string) => {
    if (choice.kind === 'new') out.push({ type, ...(type === 'network' && context.networkPath !== undefined ? { path: context.networkPath } : {}) });
    if (choice.kind === 'container') out.push({ type, path: `/proc/${context.joined(choice.container, type)}/ns/${file}` });
  };
  for (const [choice, type, file] of NAMESPACES) add(options.namespaces[choice], type, file);
  const mapped = options.uidMap.length > 0 || options.gidMap.length > 0;
  const { user } = options.namespaces;
  if (user.kind === 'new' && !mapped) throw invalid('a new user namespace needs --uidmap and --gidmap');
  if (user.kind === 'container') add(user, 'user', 'user');
  else if (mapped) out.push({ type: 'user' });
  return out;
}

function idMappings({ uidMap, gidMap }: RunOptions): Pick<Linux, 'uidMappings' | 'gidMappings'> {
  const [uids, gids] = [uidMap.length > 0 ? uidMap : gidMap, gidMap.length > 0 ? gidMap : uidMap];
  if (uids.length === 0) return {};
  const mapping = ({ container, host, size }: IdRange): IdMapping => ({ containerID: container, hostID: host, size });
  return { uidMappings: uids.map(mapping), gidMappings: gids.map(mapping) };
}

function timeOffsets({ timeOffsets: { monotonic, boottime }, namespaces }: RunOptions): Pick<Linux, 'timeOffsets'> {
  if (monotonic === undefined && boottime === undefined) return {};
  if (namespaces.time.kind !== 'new') throw invalid('clock offsets need a new time namespace');
  const of = (secs: number | undefined) => (secs === undefined ? {} : { secs });
  return { timeOffsets: { ...(monotonic === undefined ? {} : { monotonic: of(monotonic) }), ...(boottime === undefined ? {} : { boottime: of(boottime) }) } };
}
