/** What of a container's documents makes no sense, found out before there is a container. In Docker's words. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import { checkPorts } from './port-checks.ts';
import { CAPABILITIES } from '../kernel/constants.ts';
import type { ContainerConfig, ContainerCreate, HostConfig } from './types/container.ts';

/** `given` is what the user asked for, `config` and `host` what became of it. Throws `invalid`. */
export function checkDocuments(given: ContainerCreate, config: ContainerConfig, host: HostConfig): void {
  for (const entry of config.Env ?? []) if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`);
  checkModes(host);
  checkNetwork(given, config, host);
  checkPorts(config, host);
  checkHosts(host.ExtraHosts ?? []);
  checkCapabilities('CapAdd', host.CapAdd ?? []);
  checkCapabilities('CapDrop', host.CapDrop ?? []);
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  if (host.ShmSize < 0) throw invalid('SHM size can not be less than 0');
  if (Object.hasOwn(host.Annotations ?? {}, '')) throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  if (host.IOMaximumIOps !== 0) throw invalid('invalid option: QoS maximum IOPs configuration is not supported on linux');
  if (host.IOMaximumBandwidth !== 0) throw invalid('invalid option: QoS maximum bandwidth configuration is not supported on linux');
  if (host.Isolation !== '' && !/^default$/i.test(host.Isolation)) throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  if (Object.keys(host.StorageOpt ?? {}).length > 0) throw invalid("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
}

function checkModes({ PidMode, IpcMode, UTSMode, CgroupnsMode }: HostConfig): void {
  const joins = (mode: string) => /^container:./.test(mode);
  if (PidMode !== '' && PidMode !== 'host' && !joins(PidMode)) throw invalid(`invalid PID mode: ${PidMode}`);
  if (!['', 'none', 'private', 'shareable', 'host'].includes(IpcMode) && !joins(IpcMode)) throw invalid(`invalid IPC mode: ${IpcMode}`);
  // names and cgroups of another container: more than Docker has
  if (UTSMode !== '' && UTSMode !== 'host' && !joins(UTSMode)) throw invalid(`invalid UTS mode: ${UTSMode}`);
  if (!['', 'private', 'host'].includes(CgroupnsMode) && !joins(CgroupnsMode)) throw invalid(`invalid cgroup namespace mode: ${CgroupnsMode}`);
}

function checkNetwork(given: ContainerCreate, config: ContainerConfig, host: HostConfig): void {
  const { NetworkMode: network } = host;
  if (given.Hostname && host.UTSMode === 'host') throw invalid('conflicting options: hostname and the UTS mode');
  const links = (host.Links?.length ?? 0) > 0;
  if (network === 'host' && links) throw invalid("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
  if (!network.startsWith('container:')) return;
  if (given.Hostname) throw invalid('conflicting options: hostname and the network mode');
  if (links) throw invalid("conflicting options: container type network can't be used with links. This would result in undefined behavior");
  if (host.Dns?.length || host.DnsSearch?.length || host.DnsOptions?.length) throw invalid('conflicting options: dns and the network mode');
  if (host.ExtraHosts?.length) throw invalid('conflicting options: custom host-to-IP mapping and the network mode');
  if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts)
    throw invalid('conflicting options: port publishing and the container type network mode');
  if (Object.keys(config.ExposedPorts ?? {}).length > 0) throw invalid('conflicting options: port exposing and the container type network mode');
}

/** `name:address`; docker's command line makes that of `name=address`. */
function checkHosts(hosts: readonly string[]): void {
  for (const text of hosts) {
    const [, name, address] = /^([^:]+):(.*)$/s.exec(text) ?? [];
    if (name === undefined || address === undefined) throw invalid(`bad format for add-host: ${JSON.stringify(text)}`);
    if (address !== 'host-gateway' && isIP(address) === 0) throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
}

function checkCapabilities(field: string, names: readonly string[]): void {
  for (const given of names) {
    const upper = given.toUpperCase();
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (upper === 'ALL' || CAPABILITIES.includes(name as (typeof CAPABILITIES)[number])) continue;
    throw invalid(`invalid ${field}: unknown capability: "${name}"`);
  }
}
