/** From parsed flags to the engine's options. */
import { invalid } from '../base/errors.ts';
import { DEFAULT_RUN, type DeviceRate, type IdRange, type Limits, type NamespaceChoice, type RunOptions } from '../engine/contract.ts';
import type { CliContext } from './context.ts';
import type { Flags } from './flags.ts';
import { device, mount, tmpfs, volume } from './mount-flags.ts';
import { bytes, integer, nanoCpus, signalNumber } from './units.ts';

/** Throws `invalid` in docker's words for a value that cannot be read. */
export function runOptions(flags: Flags, context: Pick<CliContext, 'cwd' | 'env' | 'readFile'>): RunOptions {
  const numberOf = (name: string, min?: number) => (flags.has(name) ? integer(flags.value(name)!, name, min) : undefined);
  const entrypoint = flags.value('entrypoint');
  const security = securityOptions(flags.list('security-opt'), context);
  const logs = logOptions(flags);
  const umask = flags.value('umask');
  if (umask !== undefined && !/^[0-7]{1,4}$/.test(umask)) throw invalid(`invalid argument "${umask}" for "--umask" flag: not an octal number`);
  if (flags.on('rm') && flags.has('restart')) throw invalid('conflicting options: cannot specify both --restart and --rm');
  const [clockMonotonic, clockBoottime] = [numberOf('clock-monotonic', Number.MIN_SAFE_INTEGER), numberOf('clock-boottime', Number.MIN_SAFE_INTEGER)];
  const clocks = clockMonotonic !== undefined || clockBoottime !== undefined;
  return {
    ...DEFAULT_RUN,
    ...rootfs(flags.value('rootfs')),
    args: entrypoint ? [entrypoint, ...flags.rest] : flags.rest,
    name: flags.value('name'),
    hostname: flags.value('hostname'),
    domainname: flags.value('domainname'),
    tty: flags.on('tty'),
    stdin: flags.on('interactive'),
    detach: flags.on('detach'),
    autoRemove: flags.on('rm'),
    env: environment(flags, context),
    workdir: flags.value('workdir'),
    user: flags.value('user'),
    groupAdd: flags.list('group-add'),
    umask: umask === undefined ? undefined : Number.parseInt(umask, 8),
    namespaces: {
      pid: namespace(flags, 'pid', 'new'),
      ipc: namespace(flags, 'ipc', 'new'),
      uts: namespace(flags, 'uts', 'new'),
      network: network(flags),
      cgroup: namespace(flags, 'cgroupns', flags.on('privileged') ? 'host' : 'new'),
      user: namespace(flags, 'userns', 'host'),
      time: namespace(flags, 'time', clocks ? 'new' : 'host'),
    },
    uidMap: flags.list('uidmap').map(idRange),
    gidMap: flags.list('gidmap').map(idRange),
    timeOffsets: { monotonic: clockMonotonic, boottime: clockBoottime },
    privileged: flags.on('privileged'),
    capAdd: flags.list('cap-add').flatMap((text) => text.split(',')),
    capDrop: flags.list('cap-drop').flatMap((text) => text.split(',')),
    ...security,
    readonlyRootfs: flags.on('read-only'),
    shmSize: flags.has('shm-size') ? bytes(flags.value('shm-size')!) : DEFAULT_RUN.shmSize,
    mounts: [
      ...flags.list('volume').map((text) => volume(text, context.cwd)),
      ...flags.list('mount').map((text) => mount(text, context.cwd)),
      ...flags.list('tmpfs').map(tmpfs),
    ],
    devices: flags.list('device').map(device),
    deviceCgroupRules: flags.list('device-cgroup-rule'),
    ulimits: flags.list('ulimit').map(ulimit),
    sysctls: Object.fromEntries(flags.list('sysctl').map((text) => pair(text, 'sysctl'))),
    oomScoreAdj: numberOf('oom-score-adj', -1000),
    limits: limits(flags),
    cgroupParent: flags.value('cgroup-parent'),
    annotations: Object.fromEntries(flags.list('annotation').map((text) => pair(text, 'annotation'))),
    stopSignal: flags.has('stop-signal') ? signalNumber(flags.value('stop-signal')!) : undefined,
    stopTimeout: numberOf('stop-timeout', -1),
    init: flags.on('init'),
    addHosts: flags.list('add-host'),
    dns: flags.list('dns'),
    dnsSearch: flags.list('dns-search'),
    dnsOptions: flags.list('dns-option'),
    ...logs,
  };
}

/** Podman's convention: `DIR`, or `DIR:O` for an overlay. */
function rootfs(text: string | undefined): Pick<RunOptions, 'rootfs'> {
  if (text === undefined) return {};
  const overlay = text.endsWith(':O');
  return { rootfs: { path: overlay ? text.slice(0, -2) : text, overlay } };
}

function pair(text: string, flag: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(`invalid argument "${text}" for "--${flag}" flag: ${text} is not like key=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function environment(flags: Flags, { env, readFile }: Pick<CliContext, 'env' | 'readFile'>): string[] {
  // a name alone takes its value from here, and is nothing where it has none
  const own = (text: string) => (text.includes('=') ? [text] : env[text] === undefined ? [] : [`${text}=${env[text]}`]);
  const fromFiles = flags.list('env-file').flatMap((path) =>
    readFile(path)
      .split(/\r?\n/)
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !line.startsWith('#'))
      .flatMap((line) => {
        const name = line.split('=')[0]!;
        if (name === '') throw invalid(`poorly formatted environment: no variable name on line '${line}'`);
        if (/\s/.test(name)) throw invalid(`poorly formatted environment: variable '${name}' contains whitespaces`);
        return own(line);
      }),
  );
  const given = flags.list('env').flatMap((text) => (text.includes('=') || env[text] !== undefined ? own(text) : [text]));
  return [...fromFiles, ...given];
}

function namespace(flags: Flags, name: string, otherwise: 'new' | 'host'): NamespaceChoice {
  const text = flags.value(name);
  if (text === undefined || text === '') return { kind: otherwise };
  if (text === 'host') return { kind: 'host' };
  if (text === 'private' || (name === 'ipc' && text === 'shareable')) return { kind: 'new' };
  if (text.startsWith('container:') && text.length > 10) return { kind: 'container', container: text.slice(10) };
  throw invalid(`--${name}: invalid ${name} mode: ${text}`);
}

function network(flags: Flags): NamespaceChoice {
  const text = flags.list('network').at(-1);
  if (text === undefined || text === 'none' || text === 'private') return { kind: 'new' };
  if (text === 'host') return { kind: 'host' };
  if (text.startsWith('container:') && text.length > 10) return { kind: 'container', container: text.slice(10) };
  throw invalid(`network ${text} not found: networks come with a later version; none, host and container:NAME are there`);
}

function idRange(text: string): IdRange {
  const match = /^(\d+):(\d+):(\d+)$/.exec(text);
  if (match === null) throw invalid(`invalid id mapping ${JSON.stringify(text)}: it is CONTAINER:HOST:SIZE`);
  return { container: Number(match[1]), host: Number(match[2]), size: Number(match[3]) };
}

/** `nofile=1024:2048`, `core=-1`. */
function ulimit(text: string): RunOptions['ulimits'][number] {
  const [name, value] = pair(text, 'ulimit');
  const [softText = '', hardText = softText, ...more] = value.split(':');
  const number = (part: string) => {
    if (!/^-?\d+$/.test(part) || Number(part) < -1) throw invalid(`invalid argument "${text}" for "--ulimit" flag: ${JSON.stringify(part)} is no limit`);
    return Number(part);
  };
  const [soft, hard] = [number(softText), number(hardText)];
  if (more.length > 0) throw invalid(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  if (hard !== -1 && (soft === -1 || soft > hard)) throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

function securityOptions(options: readonly string[], { readFile }: Pick<CliContext, 'readFile'>) {
  const out: { -readonly [K in keyof RunOptions]?: RunOptions[K] } = {};
  const labels: string[] = [];
  for (const option of options) {
    const [, key = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
    if (key === 'no-new-privileges') out.noNewPrivileges = value === undefined || value === 'true';
    else if (key === 'seccomp' && value) out.seccomp = /^(unconfined|builtin)$/.test(value) ? value : readFile(value);
    else if (key === 'apparmor' && value) out.apparmor = value;
    else if (key === 'systempaths' && value === 'unconfined') out.systemPathsUnconfined = true;
    else if (key === 'label' && value) labels.push(value);
    else throw invalid(`invalid --security-opt: ${JSON.stringify(option)}`);
  }
  if (labels.length > 0 && !labels.includes('disable')) out.selinux = selinuxLabel(labels);
  return out;
}

/** `user:U`, `role:R`, `type:T`, `level:L` put together, with the usual values for what is not given. */
function selinuxLabel(labels: readonly string[]): string {
  const parts: Record<string, string> = { user: 'system_u', role: 'system_r', type: 'container_t', level: 's0' };
  for (const label of labels) {
    const colon = label.indexOf(':');
    const key = label.slice(0, colon);
    if (!Object.hasOwn(parts, key)) throw invalid(`invalid --security-opt: "label=${label}"`);
    parts[key] = label.slice(colon + 1);
  }
  return `${parts['user']}:${parts['role']}:${parts['type']}:${parts['level']}`;
}

function logOptions(flags: Flags): Pick<RunOptions, 'logDriver' | 'logMaxSize' | 'logMaxFile'> {
  const driver = flags.value('log-driver') ?? 'json-file';
  if (driver !== 'json-file' && driver !== 'none') throw invalid(`logger: no log driver named '${driver}' is registered`);
  const given = new Map(flags.list('log-opt').map((text) => pair(text, 'log-opt')));
  for (const key of given.keys()) if (key !== 'max-size' && key !== 'max-file') throw invalid(`unknown log opt '${key}' for ${driver} log driver`);
  const maxFile = given.get('max-file');
  if (maxFile !== undefined && !(Number(maxFile) >= 1 && Number.isInteger(Number(maxFile)))) throw invalid('max-file cannot be less than 1');
  if (maxFile !== undefined && Number(maxFile) > 1 && !given.has('max-size')) throw invalid('max-file cannot be used without max-size');
  return {
    logDriver: driver,
    logMaxSize: given.has('max-size') ? bytes(given.get('max-size')!) : undefined,
    logMaxFile: maxFile === undefined ? undefined : Number(maxFile),
  };
}

function limits(flags: Flags): Limits {
  const size = (name: string) => (flags.has(name) ? (flags.value(name) === '-1' ? -1 : bytes(flags.value(name)!)) : undefined);
  const number = (name: string, min = 0) => (flags.has(name) ? integer(flags.value(name)!, name, min) : undefined);
  const rates = (name: string, read: (text: string) => number): DeviceRate[] =>
    flags.list(name).map((text) => {
      const colon = text.lastIndexOf(':');
      if (colon <= 0 || !text.startsWith('/')) throw invalid(`bad format for --${name}: ${text}`);
      return { path: text.slice(0, colon), rate: read(text.slice(colon + 1)) };
    });
  const count = (text: string) => integer(text, 'rate');
  return {
    memory: size('memory'),
    memorySwap: size('memory-swap'),
    memoryReservation: size('memory-reservation'),
    memorySwappiness: number('memory-swappiness', -1),
    kernelMemoryTcp: size('kernel-memory-tcp'),
    oomKillDisable: flags.on('oom-kill-disable'),
    cpuShares: number('cpu-shares'),
    cpuQuota: number('cpu-quota', -1),
    cpuPeriod: number('cpu-period'),
    nanoCpus: flags.has('cpus') ? nanoCpus(flags.value('cpus')!) : undefined,
    cpuRtRuntime: number('cpu-rt-runtime'),
    cpuRtPeriod: number('cpu-rt-period'),
    cpusetCpus: flags.value('cpuset-cpus'),
    cpusetMems: flags.value('cpuset-mems'),
    pids: number('pids-limit', -1),
    blkioWeight: number('blkio-weight'),
    blkioWeightDevice: rates('blkio-weight-device', count),
    readBps: rates('device-read-bps', bytes),
    writeBps: rates('device-write-bps', bytes),
    readIops: rates('device-read-iops', count),
    writeIops: rates('device-write-iops', count),
    hugepages: flags.list('hugetlb-limit').map((text) => {
      const [pageSize = '', limit = ''] = text.split(/[:=]/);
      return { pageSize, limit: bytes(limit) };
    }),
    unified: Object.fromEntries([...flags.list('cgroup-conf'), ...flags.list('unified')].map((text) => pair(text, 'cgroup-conf'))),
  };
}
