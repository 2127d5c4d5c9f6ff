/** From the flags of `run` and `create` to the document that a container is created from. */
import { isCdiName } from '../base/cdi-name.ts';
import { invalid } from '../base/errors.ts';
import { documentOf } from '../engine/document-of-options.ts';
import { LEASE_LABEL } from '../engine/leases-contract.ts';
import type { ContainerCreate, DeviceRequest, HostConfig, RestartPolicy } from '../engine/types/container.ts';
import type { CliContext } from './context.ts';
import type { Flags } from './flags.ts';
import { terminalSize } from './foreground.ts';
import { healthcheck } from './health-flags.ts';
import { bindText, csvFields, keyValue, mountDocument } from './mount-flags.ts';
import { networkChoice } from './network-flags.ts';
import { exposedPorts, publishedPorts } from './port-flags.ts';
import { runOptions } from './run-options.ts';

export interface CreateRequest {
  readonly body: ContainerCreate;
  readonly name: string | undefined;
  readonly platform: string | undefined;
}

/** Streams that the container's first attachment has. */
export interface StreamNames {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** What the documents say better than plain run options: left to the engine, which may know more of it. */
const DOCUMENTS_OWN = ['volume', 'mount', 'network', 'log-driver', 'log-opt', 'isolation', 'restart', 'ipc'];

/** Throws `invalid` in docker's words for a value that cannot be read. */
export function createRequest(flags: Flags, context: CliContext, attached: StreamNames): CreateRequest {
  const devices = flags.list('device');
  const cdi = devices.filter(isCdiName);
  const plain = documentOf(runOptions(withDevices(flags.without(DOCUMENTS_OWN), devices, cdi), context));
  const { HostConfig: host = {}, ...config } = plain;
  const ports = publishedPorts(flags.list('publish'));
  const exposed = { ...exposedPorts(flags.list('expose')), ...ports.exposed };
  const health = healthcheck(flags);
  const network = networkChoice(flags);
  const size = terminalSize(context);
  const { Kobako: kobako = {}, ...hostConfig } = host;
  const { SelinuxLabel: _, ...own } = kobako;
  const binds = flags.list('volume').map((text) => bindText(text, context.cwd));
  const volumes = Object.fromEntries(binds.filter((text) => !text.includes(':')).map((text) => [text, {}]));
  return {
    name: flags.value('name'),
    platform: flags.value('platform') || undefined,
    body: {
      ...config,
      AttachStdin: attached.stdin,
      AttachStdout: attached.stdout,
      AttachStderr: attached.stderr,
      StdinOnce: (config.OpenStdin ?? false) && attached.stdin,
      Labels: labels(flags, context),
      ...(Object.keys(exposed).length === 0 ? {} : { ExposedPorts: exposed }),
      ...(Object.keys(volumes).length === 0 ? {} : { Volumes: volumes }),
      ...(health === undefined ? {} : { Healthcheck: health }),
      HostConfig: {
        ...hostConfig,
        Binds: binds.filter((text) => text.includes(':')),
        Mounts: flags.readAll('mount', (text) => mountDocument(text, context.cwd)),
        NetworkMode: network.mode,
        CgroupnsMode: flags.value('cgroupns') ?? '',
        IpcMode: flags.value('ipc') ?? '',
        UsernsMode: flags.value('userns') ?? '',
        ShmSize: flags.has('shm-size') ? (hostConfig.ShmSize ?? 0) : 0,
        SecurityOpt: securityOptions(flags, hostConfig.SecurityOpt ?? []),
        LogConfig: { Type: flags.value('log-driver') ?? '', Config: options(flags, 'log-opt') },
        PortBindings: ports.bindings,
        PublishAllPorts: flags.on('publish-all'),
        RestartPolicy: restartPolicy(flags),
        VolumeDriver: flags.value('volume-driver') ?? '',
        VolumesFrom: flags.list('volumes-from'),
        Links: network.links,
        Runtime: flags.value('runtime') ?? '',
        Isolation: flags.value('isolation') ?? '',
        ...(flags.has('storage-opt') ? { StorageOpt: options(flags, 'storage-opt') } : {}),
        DeviceRequests: deviceRequests(flags, cdi),
        ContainerIDFile: flags.value('cidfile') ?? '',
        ...(config.Tty && size !== undefined ? { ConsoleSize: [size.rows, size.cols] } : {}),
        ...(Object.keys(own).length === 0 ? {} : { Kobako: own }),
      },
      ...(Object.keys(network.endpoints).length === 0 ? {} : { NetworkingConfig: { EndpointsConfig: network.endpoints } }),
    },
  };
}

function withDevices(flags: Flags, devices: readonly string[], cdi: readonly string[]): Flags {
  return flags.with(
    'device',
    devices.filter((text) => !cdi.includes(text)),
  );
}

/** `$KOBAKO_LEASE` is a label that need not be given. */
export function leaseLabel(env: CliContext['env']): Record<string, string> {
  const lease = env['KOBAKO_LEASE'];
  return lease ? { [LEASE_LABEL]: lease } : {};
}

function labels(flags: Flags, { readFile, env }: CliContext): Record<string, string> {
  const lines = flags.list('label-file').flatMap((path) =>
    readFile(path)
      .split(/\r?\n/)
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
  const out = leaseLabel(env);
  for (const text of [...lines, ...flags.list('label')]) {
    if (text.startsWith('=')) throw invalid(`invalid label '${text}': empty name`);
    Object.assign(out, keyValue(text));
  }
  return out;
}

/** `k=v` texts; a key alone is refused, as docker refuses it. */
function options(flags: Flags, name: string): Record<string, string> {
  const texts = flags.list(name);
  if (name === 'log-opt' && texts.length > 0 && flags.value('log-driver') === 'none') throw invalid('invalid logging opts for driver none');
  return Object.assign(
    {},
    ...texts.map((text) => {
      if (!text.includes('=')) throw invalid(name === 'storage-opt' ? 'invalid storage option' : `invalid argument "${text}" for "--${name}" flag`);
      return keyValue(text);
    }),
  ) as Record<string, string>;
}

/** A seccomp profile goes as its text; labels go as they are. */
function securityOptions(flags: Flags, read: readonly string[]): string[] {
  const profile = read.filter((text) => text.startsWith('seccomp='));
  return flags.list('security-opt').flatMap((text) => {
    if (/^systempaths[=:]/.test(text)) return [];
    return /^seccomp[=:]/.test(text) ? profile : [text.replace(/^(no-new-privileges|apparmor|label):/, '$1=')];
  });
}

/** `no`, `always`, `unless-stopped`, `on-failure[:MAX]`; what else there may be is the engine's to judge. */
export function readRestartPolicy(text: string): RestartPolicy {
  const [name = '', count, ...more] = text.split(':');
  if (count !== undefined && name === '') throw invalid('invalid restart policy format: no policy provided before colon');
  if (more.length > 0 || (count !== undefined && count !== '' && !/^[+-]?\d+$/.test(count)))
    throw invalid('invalid restart policy format: maximum retry count must be an integer');
  return { Name: name as RestartPolicy['Name'], MaximumRetryCount: Number(count ?? 0) };
}

function restartPolicy(flags: Flags): RestartPolicy {
  const policy = flags.value('restart') === undefined ? undefined : readRestartPolicy(flags.value('restart')!);
  if (policy === undefined || policy.Name === '') return { Name: 'no', MaximumRetryCount: 0 };
  if (flags.on('rm') && policy.Name !== 'no') throw invalid('conflicting options: cannot specify both --restart and --rm');
  return policy;
}

function deviceRequests(flags: Flags, cdi: readonly string[]): HostConfig['DeviceRequests'] {
  const gpus = flags.read('gpus', gpuRequest);
  const named: DeviceRequest[] = cdi.length === 0 ? [] : [{ Driver: 'cdi', Count: 0, DeviceIDs: cdi, Capabilities: null, Options: null }];
  const all = [...(gpus === undefined ? [] : [gpus]), ...named];
  return all.length === 0 ? null : all;
}

/** `all`, `2`, `"device=0,1",capabilities=compute`. */
function gpuRequest(text: string): DeviceRequest {
  const out = { Driver: '', Count: 0, DeviceIDs: null as string[] | null, Capabilities: [['gpu']], Options: {} as Record<string, string> };
  const seen = new Set<string>();
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    const [key, value] = equals < 0 ? ['count', field] : [field.slice(0, equals), field.slice(equals + 1)];
    if (seen.has(key)) throw invalid(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (key === 'count') out.Count = gpuCount(value);
    else if (key === 'driver') out.Driver = value;
    else if (key === 'device') out.DeviceIDs = value.split(',');
    else if (key === 'capabilities') out.Capabilities = [[...value.split(','), 'gpu']];
    else if (key === 'options') Object.assign(out.Options, ...csvFields(value).map(keyValue));
    else throw invalid(`unexpected key '${key}' in '${field}'`);
  }
  return { ...out, Count: !seen.has('count') && out.DeviceIDs === null ? 1 : out.Count };
}

function gpuCount(text: string): number {
  if (text === 'all') return -1;
  if (!/^[+-]?\d+$/.test(text))
    throw invalid(`invalid count (${text}): value must be either "all" or an integer: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
