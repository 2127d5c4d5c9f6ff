/** Checks a config.json or a part of one that came from outside, and names the field that is wrong. */
import { invalid } from '../base/errors.ts';
import type { Process, Resources, Spec } from './spec.ts';

type Check = (value: unknown, where: string) => void;

const fail = (where: string, what: string): never => {
  throw invalid(`${where}: ${what}`);
};

const string: Check = (value, where) => {
  if (typeof value !== 'string') fail(where, 'must be a string');
  if ((value as string).includes('\0')) fail(where, 'must not contain a NUL byte');
};
const path: Check = (value, where) => {
  string(value, where);
  if ((value as string).length >= 4096) fail(where, 'is longer than a path can be');
};
const bool: Check = (value, where) => {
  if (typeof value !== 'boolean') fail(where, 'must be true or false');
};
const integer: Check = (value, where) => {
  if (typeof value === 'bigint') return;
  if (typeof value !== 'number' || !Number.isInteger(value)) fail(where, 'must be a whole number');
};
const range =
  (min: number, max: number): Check =>
  (value, where) => {
    integer(value, where);
    if (Number(value) < min || Number(value) > max) fail(where, `must be from ${min} to ${max}`);
  };
const id = range(0, 0xffff_ffff);
const list =
  (of: Check): Check =>
  (value, where) => {
    if (!Array.isArray(value)) return fail(where, 'must be a list');
    if (value.length > 100_000) fail(where, 'has too many entries');
    value.forEach((item, index) => of(item, `${where}[${index}]`));
  };
const map =
  (of: Check): Check =>
  (value, where) => {
    for (const [key, item] of Object.entries(plain(value, where))) {
      string(key, where);
      of(item, `${where}.${key}`);
    }
  };
/** Fields that no check names are left alone: the specification lets a runtime ignore what it does not know. */
const object =
  (fields: Readonly<Record<string, Check>>, required: readonly string[] = []): Check =>
  (value, where) => {
    const object = plain(value, where);
    for (const name of required) if (object[name] === undefined) fail(`${where}.${name}`, 'is missing');
    for (const [name, check] of Object.entries(fields)) {
      // Go writes null for what is not there
      if (object[name] !== undefined && object[name] !== null) check(object[name], `${where}.${name}`);
    }
  };

function plain(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(where, 'must be an object');
  return value as Record<string, unknown>;
}

const strings = list(string);
const user = object({ uid: id, gid: id, umask: range(0, 0o7777), additionalGids: list(id), username: string });
const capabilities = object({ bounding: strings, effective: strings, inheritable: strings, permitted: strings, ambient: strings });
const process = object(
  {
    terminal: bool,
    consoleSize: object({ height: range(0, 65535), width: range(0, 65535) }),
    user,
    args: strings,
    env: strings,
    cwd: path,
    capabilities,
    rlimits: list(object({ type: string, soft: integer, hard: integer }, ['type', 'soft', 'hard'])),
    noNewPrivileges: bool,
    apparmorProfile: string,
    selinuxLabel: string,
    oomScoreAdj: range(-1000, 1000),
    scheduler: object({ policy: string, nice: integer, priority: integer, flags: strings, runtime: integer, deadline: integer, period: integer }, ['policy']),
    ioPriority: object({ class: string, priority: range(0, 7) }, ['class']),
    execCPUAffinity: object({ initial: string, final: string }),
  },
  ['cwd'],
);
const mapping = object({ containerID: id, hostID: id, size: id }, ['containerID', 'hostID', 'size']);
const hooks = list(object({ path, args: strings, env: strings, timeout: range(0, 2 ** 31) }, ['path']));
const device = object({ type: string, path, major: integer, minor: integer, fileMode: range(0, 0o177777), uid: id, gid: id }, ['type', 'path']);
const throttle = list(object({ major: integer, minor: integer, rate: integer }, ['major', 'minor', 'rate']));
const weight = list(object({ major: integer, minor: integer, weight: integer, leafWeight: integer }, ['major', 'minor']));
const resources = object({
  devices: list(object({ allow: bool, type: string, major: integer, minor: integer, access: string })),
  memory: object({
    limit: integer,
    reservation: integer,
    swap: integer,
    kernel: integer,
    kernelTCP: integer,
    swappiness: range(0, 2 ** 53),
    disableOOMKiller: bool,
    useHierarchy: bool,
    checkBeforeUpdate: bool,
  }),
  cpu: object({
    shares: integer,
    quota: integer,
    burst: integer,
    period: integer,
    realtimeRuntime: integer,
    realtimePeriod: integer,
    cpus: string,
    mems: string,
    idle: integer,
  }),
  pids: object({ limit: integer }),
  blockIO: object({
    weight: range(0, 1000),
    leafWeight: range(0, 1000),
    weightDevice: weight,
    throttleReadBpsDevice: throttle,
    throttleWriteBpsDevice: throttle,
    throttleReadIOPSDevice: throttle,
    throttleWriteIOPSDevice: throttle,
  }),
  hugepageLimits: list(object({ pageSize: string, limit: integer }, ['pageSize', 'limit'])),
  network: object({ classID: integer, priorities: list(object({ name: string, priority: integer }, ['name', 'priority'])) }),
  rdma: map(object({ hcaHandles: integer, hcaObjects: integer })),
  unified: map(string),
});
const seccomp = object(
  {
    defaultAction: string,
    defaultErrnoRet: integer,
    architectures: strings,
    flags: strings,
    listenerPath: path,
    listenerMetadata: string,
    syscalls: list(
      object(
        {
          names: strings,
          action: string,
          errnoRet: integer,
          args: list(object({ index: range(0, 5), value: integer, valueTwo: integer, op: string }, ['index', 'value', 'op'])),
        },
        ['names', 'action'],
      ),
    ),
  },
  ['defaultAction'],
);
const offset = object({ secs: integer, nanosecs: range(0, 999_999_999) });
const spec = object(
  {
    ociVersion: string,
    process,
    root: object({ path, readonly: bool }, ['path']),
    hostname: string,
    domainname: string,
    mounts: list(
      object({ destination: path, type: string, source: path, options: strings, uidMappings: list(mapping), gidMappings: list(mapping) }, ['destination']),
    ),
    hooks: object({ prestart: hooks, createRuntime: hooks, createContainer: hooks, startContainer: hooks, poststart: hooks, poststop: hooks }),
    annotations: map(string),
    linux: object({
      uidMappings: list(mapping),
      gidMappings: list(mapping),
      timeOffsets: object({ monotonic: offset, boottime: offset }),
      sysctl: map(string),
      resources,
      cgroupsPath: path,
      namespaces: list(object({ type: string, path }, ['type'])),
      devices: list(device),
      seccomp,
      rootfsPropagation: string,
      maskedPaths: list(path),
      readonlyPaths: list(path),
      mountLabel: string,
      personality: object({ domain: string, flags: strings }, ['domain']),
    }),
  },
  ['ociVersion'],
);

/**
 * JSON from outside: numbers above 2^53 as bigint (seccomp values, unlimited rlimits), Go's null as nothing unless it is
 * to be kept.
 */
export function parseJson(text: string, where: string, { nulls = false } = {}): unknown {
  try {
    const reviver = (_key: string, value: unknown, context?: { source?: string }) => {
      if (value === null && !nulls) return undefined;
      if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? ''))
        return BigInt(context!.source!);
      return value;
    };
    return JSON.parse(text, reviver);
  } catch (error) {
    throw invalid(`${where}: ${(error as Error).message}`);
  }
}

/** What `parseJson` reads: a bigint is written as the number that it is. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  // with a bigint in it, which costs ten times as much: rawJSON is in every Node that runs this; TypeScript does not know it yet
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? rawJSON(String(item)) : item));
}

/** The text of a config.json. Throws `invalid` naming the field. */
export function parseSpec(text: string): Spec {
  const value = parseJson(text, 'config.json');
  spec(value, 'config.json');
  const { ociVersion, root } = value as Spec;
  if (!/^1\.\d+\.\d+/.test(ociVersion)) throw invalid(`config.json.ociVersion: ${JSON.stringify(ociVersion)} is not of version 1`);
  if (root === undefined) throw invalid('config.json.root: is missing');
  return value as Spec;
}

/** The text of a process document, as `exec --process` takes it. */
export function parseProcess(text: string): Process {
  const value = parseJson(text, 'process');
  process(value, 'process');
  return value as Process;
}

/** The text of a resources document, as `update --resources` takes it. */
export function parseResources(text: string): Resources {
  const value = parseJson(text, 'resources');
  resources(value, 'resources');
  return value as Resources;
}
