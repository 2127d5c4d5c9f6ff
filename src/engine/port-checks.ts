/** Ports in a container's documents. In Docker's words. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { PublishedPort } from '../network/contract.ts';
import type { ContainerConfig, HostConfig } from './types/container.ts';

const MAX_PORT = 65_535;

/** `80/tcp` as its parts; Docker's key of it is in lower case and has its protocol. None for what is no port. */
export function readExposed(text: string): { readonly key: string; readonly port: number; readonly protocol: PublishedPort['protocol'] }[] {
  const [number = '', given = 'tcp'] = text.split('/');
  const protocol = given.toLowerCase();
  if (!isPort(number) || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return [];
  return [{ key: `${Number(number)}/${protocol}`, port: Number(number), protocol }];
}

/** `80`, `8000-8010`. Undefined for what is no range. */
export function readRange(text: string): readonly [from: number, to: number] | undefined {
  const [from = '', to = from, ...more] = text.split('-');
  if (!isPort(from) || !isPort(to) || more.length > 0 || Number(from) > Number(to)) return undefined;
  return [Number(from), Number(to)];
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= MAX_PORT;
}

/** Throws `invalid`. */
export function checkPorts({ ExposedPorts }: Pick<ContainerConfig, 'ExposedPorts'>, { PortBindings }: Pick<HostConfig, 'PortBindings'>): void {
  for (const key of Object.keys(ExposedPorts ?? {})) checkPort(key);
  for (const [key, bindings] of Object.entries(PortBindings ?? {})) {
    checkPort(key);
    for (const { HostIp, HostPort } of bindings ?? []) {
      if (HostPort !== '' && readRange(HostPort) === undefined) throw invalid(`invalid port specification: ${JSON.stringify(HostPort)}`);
      if (HostIp !== '' && isIP(HostIp) === 0) throw invalid(`invalid IP address: ${HostIp}`);
    }
  }
}

function checkPort(key: string): void {
  const [port = '', protocol = 'tcp', ...more] = key.split('/');
  if (!isPort(port) || Number(port) === 0) throw invalid(`invalid port specification: ${JSON.stringify(port)}`);
  if (more.length > 0 || !/^(tcp|udp|sctp)$/i.test(protocol)) throw invalid(`invalid proto: ${[protocol, ...more].join('/')}`);
}
