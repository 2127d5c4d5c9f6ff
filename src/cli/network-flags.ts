/** `--network` and what belongs to it. */
import { isIP } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { EndpointSettings } from '../engine/types/network.ts';
import type { Flags } from './flags.ts';
import { csvFields, keyValue } from './mount-flags.ts';

export interface NetworkChoice {
  /** `HostConfig.NetworkMode`: that of the first. */
  readonly mode: string;
  /** `NetworkingConfig.EndpointsConfig`: only what asks for something, and all when there are several. */
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** `HostConfig.Links`: those of containers on the default network. */
  readonly links: readonly string[];
}

interface Attachment {
  target: string;
  aliases: string[];
  driverOpts: Record<string, string>;
  links: string[];
  ip?: string;
  ip6?: string;
  linkLocal: string[];
  mac?: string;
  priority?: number;
}

/** Throws `invalid` in docker's words. */
export function networkChoice(flags: Flags): NetworkChoice {
  const given = [...flags.readAll('network', attachment), ...flags.readAll('net', attachment)];
  const all = given.length === 0 ? [attachment('default')] : given;
  applyFlags(all[0]!, flags);
  const links = isNamed(all[0]!.target) ? [] : all[0]!.links.splice(0);
  const named = all.filter(({ target }) => isNamed(target));
  if (named.length > 0 && named.length < all.length) throw invalid('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  const endpoints: Record<string, EndpointSettings> = {};
  for (const one of all) {
    if (Object.hasOwn(endpoints, one.target)) throw invalid(`conflicting options: cannot attach to network ${one.target} multiple times`);
    const settings = endpoint(one);
    if (all.length > 1 || Object.keys(settings).length > 0) endpoints[one.target] = settings;
  }
  return { mode: all[0]!.target, endpoints, links };
}

function isNamed(mode: string): boolean {
  return !/^(default|bridge|host|none|private)$/.test(mode) && !mode.startsWith('container:');
}

/** `NAME`, or `name=NAME,alias=…,ip=…,driver-opt=k=v`. */
function attachment(text: string): Attachment {
  const out: Attachment = { target: '', aliases: [], driverOpts: {}, links: [], linkLocal: [] };
  if (!text.includes('=')) return { ...out, target: text };
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=');
    if (equals < 1) throw invalid(`invalid field ${field}`);
    const [key, value] = [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1).trim()];
    if (key === 'name') out.target = value;
    else if (key === 'alias') out.aliases.push(value);
    else if (key === 'ip') out.ip = value;
    else if (key === 'ip6') out.ip6 = value;
    else if (key === 'mac-address') out.mac = macAddress(value);
    else if (key === 'link-local-ip') out.linkLocal.push(value);
    else if (key === 'driver-opt') Object.assign(out.driverOpts, keyValue(value));
    else if (key === 'gw-priority') {
      if (!/^[+-]?\d+$/.test(value)) throw invalid(`invalid gw-priority (${value}): strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
      out.priority = Number(value);
    } else throw invalid(`invalid field key ${key}`);
  }
  if (out.target === '') throw invalid('network name/id is not specified');
  return out;
}

/** The flags that stand beside `--network` are the first network's. */
function applyFlags(first: Attachment, flags: Flags): void {
  const conflict = (flag: string, what: string) => invalid(`conflicting options: cannot specify both --${flag} and per-network ${what}`);
  const aliases = [...flags.list('network-alias'), ...flags.list('net-alias')];
  if (aliases.length > 0 && first.aliases.length > 0) throw conflict('network-alias', 'alias');
  first.aliases.push(...aliases);
  first.links.push(...flags.readAll('link', link));
  const [ip, ip6, mac] = [flags.read('ip', (text) => address(text, 4)), flags.read('ip6', (text) => address(text, 6)), flags.read('mac-address', macAddress)];
  if (ip !== undefined && first.ip !== undefined) throw conflict('ip', 'IPv4 address');
  if (ip6 !== undefined && first.ip6 !== undefined) throw conflict('ip6', 'IPv6 address');
  if (mac !== undefined && first.mac !== undefined) throw conflict('mac-address', 'MAC address');
  if (ip !== undefined) first.ip = ip;
  if (ip6 !== undefined) first.ip6 = ip6;
  if (mac !== undefined) first.mac = mac;
  first.linkLocal.push(...flags.readAll('link-local-ip', (text) => address(text)));
}

function endpoint({ aliases, driverOpts, links, ip, ip6, linkLocal, mac, priority }: Attachment): EndpointSettings {
  const ipam = ip !== undefined || ip6 !== undefined || linkLocal.length > 0;
  return {
    ...(aliases.length > 0 ? { Aliases: aliases } : {}),
    ...(links.length > 0 ? { Links: links } : {}),
    ...(Object.keys(driverOpts).length > 0 ? { DriverOpts: driverOpts } : {}),
    ...(mac === undefined ? {} : { MacAddress: mac }),
    ...(priority === undefined ? {} : { GwPriority: priority }),
    ...(ipam
      ? {
          IPAMConfig: {
            ...(ip === undefined ? {} : { IPv4Address: ip }),
            ...(ip6 === undefined ? {} : { IPv6Address: ip6 }),
            ...(linkLocal.length === 0 ? {} : { LinkLocalIPs: linkLocal }),
          },
        }
      : {}),
  };
}

/** `NAME[:ALIAS]` */
export function link(text: string): string {
  const [name = '', alias = name, ...more] = text.split(':');
  if (name === '' || more.length > 0) throw invalid(`bad format for links: ${text}`);
  return `${name}:${alias}`;
}

/** Throws `invalid` for what is none, or of the other family. */
export function address(text: string, family?: 4 | 6): string {
  const found = isIP(text);
  if (found === 0 || (family !== undefined && found !== family)) throw invalid(`invalid ${family === undefined ? '' : `IPv${family} `}address: ${text}`);
  return text;
}

function macAddress(text: string): string {
  if (!/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text)) throw invalid(`${text} is not a valid mac address`);
  return text;
}
