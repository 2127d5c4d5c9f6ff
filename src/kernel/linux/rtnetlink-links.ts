/** Interfaces in rtnetlink(7): requests that make and change them, and what the kernel says of them. */
import { invalid } from '../../base/errors.ts';
import { macBytes, macText } from './ip-bytes.ts';
import { attribute, decodeAttributes, nested, NLM, text, textOf, u16, u32, u8 } from './netlink-message.ts';
import type { NetlinkMessage, NetlinkRequest } from './netlink-message.ts';
import type { BridgeOptions, BridgePortOptions, Link, LinkSettings, NewLink, NewLinkOptions } from '../network-contract.ts';

/** RTM_*LINK. */
export const RTM_LINK = { NEW: 16, DELETE: 17, GET: 18, SET: 19 } as const;

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  IFALIAS: 20,
  AF_SPEC: 26,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
} as const;
const INFO = { KIND: 1, DATA: 2, SLAVE_DATA: 5 } as const;
const BRIDGE = { FORWARD_DELAY: 1, AGEING_TIME: 4, STP_STATE: 5, MCAST_SNOOPING: 23 } as const;
const BRIDGE_PORT = { hairpin: 4, learning: 8, flood: 9, isolated: 33 } as const;
const VETH_INFO_PEER = 1;
const VLAN_ID = 1;
const MACVLAN_MODE = 1;
const IPVLAN = { MODE: 1, FLAGS: 2 } as const;
const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;
const AF_INET6 = 10;
const INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODES = { eui64: 0, none: 1 } as const;
const IFF = { UP: 1, LOOPBACK: 8, LOWER_UP: 0x10000 } as const;
/** Counters are not wanted: they make most of an answer. */
const RTEXT_FILTER_SKIP_STATS = 8;
/** The kernel counts bridge times in hundredths of seconds. */
const USER_HZ = 100;
const IFINFO_SIZE = 16;
/** Bytes: IFNAMSIZ without its zero. */
const MAX_NAME = 15;

/** Turns a name into an index, if it is one. */
export type IndexOf = (link: string | number) => number;

function ifinfo(index: number, up?: boolean): Buffer {
  const bytes = Buffer.alloc(IFINFO_SIZE);
  bytes.writeInt32LE(index, 4);
  if (up !== undefined) {
    bytes.writeUInt32LE(up ? IFF.UP : 0, 8);
    bytes.writeUInt32LE(IFF.UP, 12);
  }
  return bytes;
}

/** How a link that has a name and perhaps no index yet is called in a request. */
function address(link: string | number, up?: boolean): Buffer {
  return typeof link === 'number' ? ifinfo(link, up) : Buffer.concat([ifinfo(0, up), attribute(IFLA.IFNAME, text(link))]);
}

/** Answered with one RTM_NEWLINK. */
export function getLink(link: string | number): NetlinkRequest {
  return { type: RTM_LINK.GET, flags: 0, body: Buffer.concat([address(link), attribute(IFLA.EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS))]) };
}

/** Answered with one RTM_NEWLINK for each; of those only that are ports of `master`, where it is given. */
export function dumpLinks(master?: number): NetlinkRequest {
  const wanted = [attribute(IFLA.EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)), ...(master === undefined ? [] : [attribute(IFLA.MASTER, u32(master))])];
  return { type: RTM_LINK.GET, flags: 0, body: Buffer.concat([ifinfo(0), ...wanted]) };
}

/** ENODEV: there is none. */
export function deleteLink(link: string | number): NetlinkRequest {
  return { type: RTM_LINK.DELETE, flags: 0, body: address(link) };
}

/** Without its alias, which the kernel takes only of a link that is there: see `setLink`. */
export function newLink(link: NewLink, indexOf: IndexOf): NetlinkRequest {
  // both would be of another link than the one meant: name and index are this namespace's
  if (link.namespace !== undefined && (link.alias !== undefined || link.master !== undefined)) {
    throw invalid(`link ${link.name}: neither alias nor master can be given in another namespace`);
  }
  const body = [ifinfo(0, link.up), ...commonAttributes(link)];
  if (link.master !== undefined) body.push(attribute(IFLA.MASTER, u32(indexOf(link.master))));
  if ('parent' in link) body.push(attribute(IFLA.LINK, u32(indexOf(link.parent))));
  body.push(nested(IFLA.LINKINFO, [attribute(INFO.KIND, Buffer.from(link.kind)), nested(INFO.DATA, kindAttributes(link))]));
  return { type: RTM_LINK.NEW, flags: NLM.CREATE | NLM.EXCL, body: Buffer.concat(body) };
}

/** As the kernel wants it (dev_valid_name), and without `%`, which it would put a number of its own for. */
function nameAttribute(name: string): Buffer {
  if (!/^[^\s/:%\0]+$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > MAX_NAME) {
    throw invalid(`invalid interface name: ${JSON.stringify(name)}`);
  }
  return attribute(IFLA.IFNAME, text(name));
}

function commonAttributes(link: Pick<NewLinkOptions, 'name' | 'mac' | 'mtu' | 'namespace'>): Buffer[] {
  const attributes = [nameAttribute(link.name)];
  if (link.mac !== undefined) attributes.push(attribute(IFLA.ADDRESS, macBytes(link.mac)));
  if (link.mtu !== undefined) attributes.push(attribute(IFLA.MTU, u32(link.mtu)));
  if (link.namespace !== undefined) attributes.push(attribute(IFLA.NET_NS_FD, u32(link.namespace.fd)));
  return attributes;
}

function kindAttributes(link: NewLink): Buffer[] {
  switch (link.kind) {
    case 'dummy':
      return [];
    case 'bridge':
      return [attribute(BRIDGE.FORWARD_DELAY, u32(0)), attribute(BRIDGE.STP_STATE, u32(0)), ...bridgeAttributes(link)];
    case 'veth':
      return [attribute(VETH_INFO_PEER, Buffer.concat([ifinfo(0), ...commonAttributes(link.peer)]))];
    case 'vlan':
      if (!Number.isInteger(link.id) || link.id < 0 || link.id > 4095) throw invalid(`invalid VLAN id: ${link.id}`);
      return [attribute(VLAN_ID, u16(link.id))];
    case 'macvlan':
      return [attribute(MACVLAN_MODE, u32(MACVLAN_MODES[link.mode]))];
    case 'ipvlan':
      return [attribute(IPVLAN.MODE, u16(IPVLAN_MODES[link.mode])), attribute(IPVLAN.FLAGS, u16(IPVLAN_FLAGS[link.flag ?? 'bridge']))];
  }
}

function bridgeAttributes(options: BridgeOptions): Buffer[] {
  const attributes: Buffer[] = [];
  if (options.multicastSnooping !== undefined) attributes.push(attribute(BRIDGE.MCAST_SNOOPING, u8(Number(options.multicastSnooping))));
  if (options.ageing !== undefined) attributes.push(attribute(BRIDGE.AGEING_TIME, u32(options.ageing * USER_HZ)));
  return attributes;
}

/** Of a bridge that is there; what is not named stays. */
export function setBridge(index: number, options: BridgeOptions): NetlinkRequest {
  const info = [attribute(INFO.KIND, Buffer.from('bridge')), nested(INFO.DATA, bridgeAttributes(options))];
  return { type: RTM_LINK.NEW, flags: 0, body: Buffer.concat([ifinfo(index), nested(IFLA.LINKINFO, info)]) };
}

/** Of a link that is a port of a bridge (else ENOTSUP); what is not named stays. */
export function setBridgePort(index: number, options: BridgePortOptions): NetlinkRequest {
  const data = (Object.keys(BRIDGE_PORT) as (keyof typeof BRIDGE_PORT)[])
    .filter((name) => options[name] !== undefined)
    .map((name) => attribute(BRIDGE_PORT[name], u8(Number(options[name]))));
  return { type: RTM_LINK.NEW, flags: 0, body: Buffer.concat([ifinfo(index), nested(IFLA.LINKINFO, [nested(INFO.SLAVE_DATA, data)])]) };
}

/** In their order. The kernel looks at `up` and then at IPv6's settings last of all, where they are too late for the rest. */
export function setLink(index: number, settings: LinkSettings, indexOf: IndexOf): NetlinkRequest[] {
  const requests: NetlinkRequest[] = [];
  const set = (up: boolean | undefined, attributes: readonly Buffer[]): void => {
    if (up !== undefined || attributes.length > 0) requests.push({ type: RTM_LINK.SET, flags: 0, body: Buffer.concat([ifinfo(index, up), ...attributes]) });
  };
  const ipv6 = settings.ipv6LinkLocal === undefined ? [] : [addressGeneration(settings.ipv6LinkLocal)];
  // in another namespace IPv6 begins anew
  const moves = settings.namespace !== undefined;
  set(settings.up === false ? false : undefined, moves ? [] : ipv6);
  set(settings.up === true ? true : undefined, [...settingAttributes(settings, indexOf), ...(moves ? ipv6 : [])]);
  return requests;
}

function settingAttributes(settings: LinkSettings, indexOf: IndexOf): Buffer[] {
  const attributes: Buffer[] = [];
  if (settings.name !== undefined) attributes.push(nameAttribute(settings.name));
  if (settings.mac !== undefined) attributes.push(attribute(IFLA.ADDRESS, macBytes(settings.mac)));
  if (settings.mtu !== undefined) attributes.push(attribute(IFLA.MTU, u32(settings.mtu)));
  if (settings.alias !== undefined) attributes.push(attribute(IFLA.IFALIAS, Buffer.from(settings.alias)));
  if (settings.master !== undefined) attributes.push(attribute(IFLA.MASTER, u32(settings.master === null ? 0 : indexOf(settings.master))));
  if (settings.namespace !== undefined) attributes.push(attribute(IFLA.NET_NS_FD, u32(settings.namespace.fd)));
  return attributes;
}

function addressGeneration(mode: keyof typeof ADDR_GEN_MODES): Buffer {
  return nested(IFLA.AF_SPEC, [nested(AF_INET6, [attribute(INET6_ADDR_GEN_MODE, u8(ADDR_GEN_MODES[mode]))])]);
}

/** Of an RTM_NEWLINK. */
export function decodeLink(message: NetlinkMessage): Link {
  const flags = message.body.readUInt32LE(8);
  const attributes = decodeAttributes(message.body.subarray(IFINFO_SIZE));
  const number = (type: number): number | undefined => attributes.get(type)?.readUInt32LE(0);
  const info = attributes.get(IFLA.LINKINFO);
  const kind = info && decodeAttributes(info).get(INFO.KIND);
  const mac = attributes.get(IFLA.ADDRESS);
  const alias = attributes.get(IFLA.IFALIAS);
  return {
    index: message.body.readInt32LE(4),
    name: textOf(attributes.get(IFLA.IFNAME) ?? Buffer.alloc(0)),
    kind: kind && textOf(kind),
    mac: mac?.length === 6 ? macText(mac) : undefined,
    loopback: (flags & IFF.LOOPBACK) !== 0,
    up: (flags & IFF.UP) !== 0,
    running: (flags & IFF.LOWER_UP) !== 0,
    mtu: number(IFLA.MTU) ?? 0,
    master: number(IFLA.MASTER),
    alias: alias && textOf(alias),
    peer: number(IFLA.LINK),
    peerNamespace: number(IFLA.LINK_NETNSID),
  };
}
