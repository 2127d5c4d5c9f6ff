/** EXPOSE's words: `80`, `53/udp`, `8000-8010/tcp`, and what should not be there: `[ip:]host:container`. */
import { isIP } from 'node:net';
import { wrong } from './failure.ts';
import { goQuote } from '../../base/go-quote.ts';
import { cut } from './text.ts';

const MAX_PORT = 65_535;

export interface ExposedPorts {
  /** `80/tcp` …, ascending. */
  readonly ports: readonly string[];
  /** As it is written, before it is made lower case; empty where there is none. */
  readonly protocol: string;
  /** An address or a port of the host is named, too. */
  readonly mapped: boolean;
}

/** Throws `invalid` in Docker's words. */
export function parseExposed(text: string): ExposedPorts {
  const parts = text.split(':');
  const [container = '', host = '', address = ''] = [parts.at(-1), parts.at(-2), parts.slice(0, -2).join(':')];
  const [range, protocol] = cut(container, '/') ?? [container, ''];
  if (range === '') throw wrong(`invalid port: ${goQuote(text)}: no port specified`);
  const lower = protocol.toLowerCase();
  if (!['', 'tcp', 'udp', 'sctp'].includes(lower)) throw wrong(`invalid port: ${goQuote(text)}: invalid proto: ${lower}`);
  const ip = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (ip !== '' && isIP(ip) === 0) throw wrong(`invalid IP address: ${ip}`);
  const wanted = portRange(range);
  if (wanted === undefined) throw wrong(`invalid containerPort: ${range}`);
  if (host !== '') {
    const given = portRange(host);
    if (given === undefined) throw wrong(`invalid hostPort: ${host}`);
    const [length, other] = [wanted.end - wanted.start, given.end - given.start];
    if (length !== other && length !== 0) throw wrong(`invalid ranges specified for container and host Ports: ${range} and ${host}`);
  }
  const ports = Array.from({ length: wanted.end - wanted.start + 1 }, (_, index) => `${wanted.start + index}/${lower === '' ? 'tcp' : lower}`);
  return { ports, protocol, mapped: parts.length > 1 };
}

function portRange(text: string): { readonly start: number; readonly end: number } | undefined {
  const [from, to] = cut(text, '-') ?? [text, text];
  const [start, end] = [from, to].map((part) => (/^[0-9]{1,20}$/.test(part) ? Number(part) : MAX_PORT + 1));
  return start! <= MAX_PORT && end! <= MAX_PORT && start! <= end! ? { start: start!, end: end! } : undefined;
}
