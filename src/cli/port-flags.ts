/** `-p` and `--expose`: docker's little language of ports. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { ContainerConfig, PortBinding } from '../engine/types/container.ts';
import { csvFields } from './mount-flags.ts';

export type ExposedPorts = NonNullable<ContainerConfig['ExposedPorts']>;

export interface PublishedPorts {
  readonly exposed: ExposedPorts;
  readonly bindings: Readonly<Record<string, readonly PortBinding[]>>;
}

const PROTOCOLS = /^(tcp|udp|sctp)$/i;

/** `[[IP:][HOST]:]PORT[-PORT][/PROTOCOL]`, or `published=…,target=…,protocol=…`. Throws `invalid` in docker's words. */
export function publishedPorts(texts: readonly string[]): PublishedPorts {
  const exposed: Record<string, Record<string, never>> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const text of texts) {
    for (const [port, binding] of parsePort(text.includes('=') ? shortForm(text) : text)) {
      exposed[port] = {};
      (bindings[port] ??= []).push(binding);
    }
  }
  return { exposed, bindings };
}

/** `PORT[-PORT][/PROTOCOL]` */
export function exposedPorts(texts: readonly string[]): ExposedPorts {
  const out: Record<string, Record<string, never>> = {};
  for (const text of texts) {
    if (text.includes(':')) throw invalid(`invalid port format for --expose: ${text}`);
    const [ports = '', protocol = 'tcp'] = text.split('/');
    const refuse = (why: string) => invalid(`invalid range format for --expose: ${text}, error: ${why}`);
    for (const port of range(ports, refuse)) out[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return out;
}

function parsePort(text: string): [port: string, binding: PortBinding][] {
  const { ip, host, container } = split(text);
  const [ports = '', protocol = 'tcp', ...more] = container.split('/');
  if (ports === '') throw invalid(`no port specified: ${text}<empty>`);
  if (more.length > 0 || !PROTOCOLS.test(protocol)) throw invalid(`invalid proto: ${[protocol, ...more].join('/')}`);
  if (ip !== '' && isIP(ip) === 0) throw invalid(`invalid IP address: ${ip}`);
  const inside = range(ports, () => invalid(`invalid containerPort: ${ports}`));
  const outside = host === '' ? [] : range(host, () => invalid(`invalid hostPort: ${host}`));
  // a range for one port: the engine takes a free one of it
  const spread = outside.length > 0 && outside.length !== inside.length;
  if (spread && inside.length !== 1) throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${host}`);
  return inside.map((port, index) => {
    const hostPort = host === '' ? '' : spread ? host : String(outside[index]);
    return [`${port}/${protocol.toLowerCase()}`, { HostIp: ip, HostPort: hostPort }];
  });
}

function split(text: string): { ip: string; host: string; container: string } {
  const six = /^\[([^\]]*)\]:([^:]*):([^:]*)$/.exec(text);
  if (six !== null) return { ip: six[1]!, host: six[2]!, container: six[3]! };
  const parts = text.split(':');
  const container = parts.pop()!;
  const host = parts.pop() ?? '';
  return { ip: parts.join(':'), host, container };
}

function range(text: string, refuse: (why: string) => Error): number[] {
  const [from = '', to = from, ...more] = text.split('-');
  const number = (part: string) => {
    if (!/^\d+$/.test(part) || Number(part) > 65535) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(part)}: invalid syntax`);
    return Number(part);
  };
  const [first, last] = [number(from), number(to)];
  if (more.length > 0 || last < first) throw refuse(`invalid range specified for port: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function shortForm(text: string): string {
  let [published, target, protocol] = ['', '', 'tcp'];
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    if (equals < 0) throw invalid(`invalid field: ${field}`);
    const [key, value] = [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
    if (key === 'published') published = value;
    else if (key === 'target') target = value;
    else if (key === 'protocol') {
      if (!PROTOCOLS.test(value)) throw invalid(`invalid protocol value '${value}'`);
      protocol = value;
    } else if (key !== 'mode') throw invalid(`invalid field key: ${key}`);
  }
  if (target === '') throw invalid(`missing mandatory field 'target' in ${text}`);
  return `${published}:${target}/${protocol}`;
}
