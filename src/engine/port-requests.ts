/** Which ports of the host a container asks for. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { PortRequest } from '../network/ports/reserve.ts';
import type { ContainerConfig, HostConfig, PortBinding } from './types/container.ts';

/** Its bindings, and with PublishAllPorts every port that it exposes and does not bind. Throws `invalid` in Docker's words. */
export function portRequests(
  { ExposedPorts }: Pick<ContainerConfig, 'ExposedPorts'>,
  { PortBindings, PublishAllPorts }: Pick<HostConfig, 'PortBindings' | 'PublishAllPorts'>,
): PortRequest[] {
  const bindings = Object.entries(PortBindings ?? {}).flatMap(([text, bound]) => {
    const port = containerPort(text);
    // bound to nothing in particular: one that is free
    return (bound?.length ? bound : [{ HostIp: '', HostPort: '' }]).map((binding) => ({ ...port, ...hostSide(binding) }));
  });
  if (!PublishAllPorts) return bindings;
  const bound = new Set(bindings.map(({ protocol, containerPort: port }) => `${port}/${protocol}`));
  const others = Object.keys(ExposedPorts ?? {})
    .map(containerPort)
    .filter(({ protocol, containerPort: port }) => !bound.has(`${port}/${protocol}`));
  return [...bindings, ...others.map((port) => ({ ...port, ...hostSide({ HostIp: '', HostPort: '' }) }))];
}

/** `80/tcp`; TCP where nothing is said. */
function containerPort(text: string): Pick<PortRequest, 'containerPort' | 'protocol'> {
  const [number = '', protocol = 'tcp', ...rest] = text.split('/');
  const port = portNumber(number);
  if (port === undefined || port === 0 || rest.length > 0) throw invalid(`invalid port specification: "${text}"`);
  const lower = protocol.toLowerCase();
  if (lower !== 'tcp' && lower !== 'udp' && lower !== 'sctp') throw invalid(`invalid port specification: "${text}"`);
  return { containerPort: port, protocol: lower };
}

function hostSide({ HostIp, HostPort }: PortBinding): Pick<PortRequest, 'hostIp' | 'hostPort' | 'hostPortEnd'> {
  const hostIp = (HostIp ?? '').replace(/^\[(.*)\]$/, '$1');
  if (hostIp !== '' && isIP(hostIp) === 0) throw invalid(`invalid IP address: ${HostIp}`);
  if (!HostPort) return { hostIp, hostPort: 0, hostPortEnd: 0 };
  const [first = '', last = first, ...rest] = HostPort.split('-');
  const [from, to] = [portNumber(first), portNumber(last)];
  if (from === undefined || to === undefined || to < from || rest.length > 0) throw invalid(`invalid port specification: "${HostPort}"`);
  return { hostIp, hostPort: from, hostPortEnd: to };
}

function portNumber(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) < 65_536 ? Number(text) : undefined;
}
