/** From parsed flags to the engine's options. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import {
  DEFAULT_RUN,
  parseSecurityOptions,
  sharedMemoryOf,
  type DeviceRate,
  type IdRange,
  type Limits,
  type NamespaceChoice,
  type RunOptions,
} from '../engine/contract.ts';
import type { CliContext } from './context.ts';
import type { Flags } from './flags.ts';
import { device, mount, tmpfs, volume } from './mount-flags.ts';
import { bytes, integer, nanoCpus, signalNumber } from './units.ts';
import { variables } from './variables.ts';

/** Throws `invalid` in docker's words for a value that cannot be read. */
export function runOptions(flags: Flags, context: Pick<CliContext, 'cwd' | 'env' | 'readFile'>): RunOptions {
  const numberOf = (name: string, min?: number) => flags.read(name, (text) => integer(text, name, min));
  const entrypoint = flags.value('entrypoint');
  const security = parseSecurityOptions(flags.list('security-opt'), (path) => profile(path, context.readFile));
  const logs = logOptions(flags);
  const umask = flags.value('umask');
  if (umask !== undefined && !/^[0-7]{1,4}$/.test(umask)) throw invalid(`invalid argument "${umask}" for "--umask" flag: not an octal number`);
  flags.read('kernel-memory', bytes);
  const isolation = flags.value('isolation');
  if (isolation !== undefined && !/^(default)?$/i.test(isolation))
    throw invalid(`invalid isolation '${isolation}' for this platform, must be 'default' or unset`);
  if (flags.on('rm') && flags.has('restart')) throw invalid('conflicting options: cannot specify both --restart and --rm');
  const [clockMonotonic, clockBoottime] = [numberOf('clock-monotonic', Number.MIN_SAFE_INTEGER), numberOf('clock-boottime', Number.MIN_SAFE_INTEGER)];
  const clocks = clockMonotonic !== undefined || clockBoottime !== undefined;
  return {
    ...DEFAULT_RUN,
    ...root(flags),
    ...(entrypoint === undefined ? {} : { entrypoint: entrypoint === '' ? [] : [entrypoint] }),
    name: flags.value('name'),
    hostname: flags.value('hostname'),
    domainname: flags.value('domainname'),
    tty: flags.on('tty'),
    stdin: flags.on('interactive'),
    detach: flags.on('detach'),
    autoRemove: flags.on('rm'),
    env: variables(flags, context),
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
    shmSize: flags.read('shm-size', bytes) ?? DEFAULT_RUN.shmSize,
    sharedMemory: sharedMemoryOf(flags.value('ipc')),
    mounts: [
      ...flags.list('volume').map((text) => volume(text, context.cwd)),
      ...flags.readAll('mount', (text) => mount(text, context.cwd)),
      ...flags.list('tmpfs').map(tmpfs),
    ],
    devices: flags.list('device').map(device),
    deviceCgroupRules: flags.readAll('device-cgroup-rule', cgroupRule),
    ulimits: flags.readAll('ulimit', ulimit),
    sysctls: Object.fromEntries(flags.readAll('sysctl', sysctl)),
    oomScoreAdj: numberOf('oom-score-adj', -1000),
    limits: limits(flags),
    cgroupParent: flags.value('cgroup-parent'),
    annotations: Object.fromEntries(flags.list('annotation').map((text) => pair(text, 'annotation'))),
    stopSignal: flags.value('stop-signal') ? signalNumber(flags.value('stop-signal')!) : undefined,
    stopTimeout: numberOf('stop-timeout', -1),
    init: flags.on('init'),
    addHosts: flags.readAll('add-host', addHost),
    dns: flags.readAll('dns', ipAddress),
    dnsSearch: flags.list('dns-search'),
    dnsOptions: [...flags.list('dns-option'), ...flags.list('dns-opt')],
    ...logs,
  };
}

/** Podman's convention: `DIR`, or `DIR:O` for an overlay. */
/** The image and its command; with --rootfs all that is left is the command. */
function root(flags: Flags): Pick<RunOptions, 'rootfs' | 'image' | 'args'> {
  const text = flags.value('rootfs');
  if (text === undefined) {
    const [image, ...args] = flags.rest;
    if (image === undefined) throw invalid('"kobako run" requires at least 1 argument', 'give an image, or a folder with --rootfs DIR');
    return { image, args };
  }
  const overlay = text.endsWith(':O');
  if (text === '' || text === ':O') throw invalid('--rootfs wants a folder');
  return { rootfs: { path: overlay ? text.slice(0, -2) : text, overlay }, args: flags.rest };
}

function pair(text: string, flag: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(`invalid argument "${text}" for "--${flag}" flag: ${text} is not like key=value`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function namespace(flags: Flags, name: string, otherwise: 'new' | 'host'): NamespaceChoice {
  const text = flags.value(name);
  if (text === undefined || text === '') return { kind: otherwise };
  if (text === 'host') return { kind: 'host' };
  if (text === 'private' || (name === 'ipc' && sharedMemoryOf(text) !== 'private')) return { kind: 'new' };
  if (text.startsWith('container:') && text.length > 10) return { kind: 'container', container: text.slice(10) };
  if (name === 'ipc') throw invalid(`IPC mode: ${text}: it is none, private, shareable, host or container:NAME`);
  throw invalid(`--${name}: invalid ${MODES[name] ?? name} mode`);
}

/** As docker's messages have them. */
const MODES: Readonly<Record<string, string>> = { pid: 'PID', uts: 'UTS', userns: 'USER', cgroupns: 'CGROUP' };

/** Of one that shares nobody's network, whatever networks it then is in. */
function network(flags: Flags): NamespaceChoice {
  const text = flags.list('network').at(-1);
  if (text === 'host') return { kind: 'host' };
  if (text?.startsWith('container:') && text.length > 10) return { kind: 'container', container: text.slice(10) };
  return { kind: 'new' };
}

function idRange(text: string): IdRange {
  const match = /^(\d+):(\d+):(\d+)$/.exec(text);
  if (match === null) throw invalid(`invalid id mapping ${JSON.stringify(text)}: it is CONTAINER:HOST:SIZE`);
  return { container: Number(match[1]), host: Number(match[2]), size: Number(match[3]) };
}

/** As getrlimit(2) has them, without RLIMIT_. */
const ULIMITS = new Set([
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
  'as',
]);

function sysctl(text: string): [string, string] {
  if (text.indexOf('=') <= 0) throw invalid(`sysctl '${text}' is not allowed`);
  return pair(text, 'sysctl');
}

function cgroupRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) throw invalid(`invalid device cgroup format '${text}'`);
  return text;
}

function addHost(text: string): string {
  const at = text.search(/[:=]/);
  if (at <= 0 || at === text.length - 1) throw invalid(`bad format for add-host: "${text}"`);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) === 0) throw invalid(`invalid IP address in add-host: "${text.slice(at + 1)}"`);
  return `${text.slice(0, at)}:${address}`;
}

function ipAddress(text: string): string {
  if (isIP(text.trim()) === 0) throw invalid(`IP address is not correctly formatted: ${text.trim()}`);
  return text.trim();
}

/** `nofile=1024:2048`, `core=-1`. */
export function ulimit(text: string): RunOptions['ulimits'][number] {
  const equals = text.indexOf('=');
  if (equals < 0) throw invalid(`invalid ulimit argument: ${text}`);
  const [name, value] = [text.slice(0, equals), text.slice(equals + 1)];
  if (!ULIMITS.has(name)) throw invalid(`invalid ulimit type: ${name}`);
  const [softText = '', hardText = softText, ...more] = value.split(':');
  const number = (part: string) => {
    if (!/^-?\d+$/.test(part)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`);
    return Number(part);
  };
  const [soft, hard] = [number(softText), number(hardText)];
  if (more.length > 0) throw invalid(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  if (hard !== -1 && (soft === -1 || soft > hard)) throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

function profile(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw invalid(`opening seccomp profile (${path}) failed: ${(error as Error).message}`);
  }
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

function uint16(text: string): number {
  const value = Number(text);
  if (!/^\+?\d+$/.test(text)) throw invalid(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (value > 65535) throw invalid(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}

function limits(flags: Flags): Limits {
  const size = (name: string) => flags.read(name, (text) => (text === '-1' ? -1 : bytes(text)));
  const number = (name: string, min = 0) => flags.read(name, (text) => integer(text, name, min));
  const rates = (name: string, read: (text: string) => number, refused: (text: string) => string): DeviceRate[] =>
    flags.readAll(name, (text) => {
      const colon = text.lastIndexOf(':');
      if (colon <= 0) throw invalid(`bad format: ${text}`);
      if (!text.startsWith('/dev/')) throw invalid(`bad format for device path: ${text}`);
      try {
        return { path: text.slice(0, colon), rate: read(text.slice(colon + 1)) };
      } catch {
        throw invalid(refused(text));
      }
    });
  const count = (text: string) => integer(text, 'rate');
  const weight = (text: string) => {
    const value = count(text);
    if (value !== 0 && (value < 10 || value > 1000)) throw invalid('out of range');
    return value;
  };
  const form = (text: string, unit: string) => `invalid rate for device: ${text}. The correct format is <device-path>:<number>${unit}`;
  const ofBytes = (text: string) => form(text, '[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb');
  const ofCounts = (text: string) => form(text, '. Number must be a positive integer');
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
    nanoCpus: flags.read('cpus', nanoCpus),
    cpuRtRuntime: number('cpu-rt-runtime'),
    cpuRtPeriod: number('cpu-rt-period'),
    cpusetCpus: flags.value('cpuset-cpus'),
    cpusetMems: flags.value('cpuset-mems'),
    pids: number('pids-limit', -1),
    blkioWeight: flags.read('blkio-weight', (text) => uint16(text)),
    blkioWeightDevice: rates('blkio-weight-device', weight, (text) => `invalid weight for device: ${text}`),
    readBps: rates('device-read-bps', bytes, ofBytes),
    writeBps: rates('device-write-bps', bytes, ofBytes),
    readIops: rates('device-read-iops', count, ofCounts),
    writeIops: rates('device-write-iops', count, ofCounts),
    hugepages: flags.list('hugetlb-limit').map((text) => {
      const [pageSize = '', limit = ''] = text.split(/[:=]/);
      return { pageSize, limit: bytes(limit) };
    }),
    unified: Object.fromEntries([...flags.list('cgroup-conf'), ...flags.list('unified')].map((text) => pair(text, 'cgroup-conf'))),
  };
}
