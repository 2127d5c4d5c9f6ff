/** Ports as `docker ps` and `docker port` show them. */
import { hostAndPort } from '../../base/host-and-port.ts';
import type { Port } from '../../engine/types/container-answers.ts';
import type { PortMap } from '../../engine/types/container.ts';
import { naturalCompare } from './text.ts';

interface Run {
  readonly key: string;
  readonly ip: string;
  readonly type: string;
  first: number;
  last: number;
}

function show({ ip, type, first, last }: Run): string {
  const range = first === last ? `${first}` : `${first}-${last}`;
  return `${ip === '' ? range : `${hostAndPort(ip, range)}->${range}`}/${type}`;
}

/**
 * Ports that follow each other are a range where they are not published, or published under the same number; what is
 * published under another number comes last, each for itself.
 */
export function displayPorts(ports: readonly Port[] | null): string {
  const order = (a: Port, b: Port) =>
    a.PrivatePort - b.PrivatePort || compare(a.IP ?? '', b.IP ?? '') || (a.PublicPort ?? 0) - (b.PublicPort ?? 0) || compare(a.Type, b.Type);
  const ended: string[] = [];
  const mapped: string[] = [];
  const open = new Map<string, Run>();
  for (const { IP: ip = '', PrivatePort: port, PublicPort, Type: type } of (ports ?? []).toSorted(order)) {
    if (ip !== '' && PublicPort !== port) {
      mapped.push(`${hostAndPort(ip, PublicPort ?? 0)}->${port}/${type}`);
      continue;
    }
    const key = ip === '' ? type : `${ip}/${type}`;
    const run = open.get(key);
    if (run !== undefined && port === run.last + 1) {
      run.last = port;
      continue;
    }
    if (run !== undefined) ended.push(show(run));
    open.set(key, { key, ip, type, first: port, last: port });
  }
  return [...ended, ...[...open.values()].map(show), ...mapped].join(', ');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `docker port`: all that is published, or where one port is (`80`, `80/tcp`); undefined when that is nowhere. */
export function publishedPorts(ports: PortMap, wanted?: string): readonly string[] | undefined {
  const bindings = (port: string) => (Object.hasOwn(ports, port) ? (ports[port] ?? []) : []).map(({ HostIp, HostPort }) => hostAndPort(HostIp, HostPort));
  if (wanted === undefined)
    return Object.keys(ports)
      .flatMap((port) => bindings(port).map((binding) => `${port} -> ${binding}`))
      .toSorted(naturalCompare);
  const found = bindings(wanted.includes('/') ? wanted : `${wanted}/tcp`);
  return found.length > 0 ? found : undefined;
}
