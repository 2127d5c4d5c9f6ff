/** Addresses, routes and neighbours in rtnetlink(7). */
import { invalid } from '../../base/errors.ts';
import { addressBytes, addressText, AF, macBytes, parsePrefix, prefixRange } from './ip-bytes.ts';
import { attribute, decodeAttributes, nested, NLM, u32 } from './netlink-message.ts';
import type { NetlinkMessage, NetlinkRequest } from './netlink-message.ts';
import type { Address, Neighbour, Route } from '../network-contract.ts';
import type { IndexOf } from './rtnetlink-links.ts';

/** RTM_*ADDR. */
export const RTM_ADDRESS = { NEW: 20, DELETE: 21, GET: 22 } as const;
/** RTM_*ROUTE. */
export const RTM_ROUTE = { NEW: 24, DELETE: 25, GET: 26 } as const;
/** RTM_*NEIGH. */
export const RTM_NEIGHBOUR = { NEW: 28, DELETE: 29 } as const;

const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const;
const IFA_F = { NODAD: 2, NOPREFIXROUTE: 0x200 } as const;
const SCOPES = { global: 0, site: 200, link: 253, host: 254 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, METRICS: 8, TABLE: 15 } as const;
const RTAX_MTU = 2;
const RTNH_F_ONLINK = 4;
const RTN_UNICAST = 1;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_NOWHERE = 255;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'redirect', 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra' };
const RTM_F_CLONED = 0x200;
const NDA = { DST: 1, LLADDR: 2 } as const;
const NUD_PERMANENT = 0x80;

function familyOf(bytes: Buffer): number {
  return bytes.length === 4 ? AF.INET : AF.INET6;
}

/** All of one kind (`type` is one of the GETs above); `size`: bytes of the kind's struct, which begins with the family. */
export function dumpOf(type: number, family: number, size: number): NetlinkRequest {
  const body = Buffer.alloc(size);
  body[0] = family;
  return { type, flags: 0, body };
}

/** `replace`: one that is there already is no EEXIST. */
export function addressRequest(kind: 'NEW' | 'DELETE', address: Address, indexOf: IndexOf, replace = false): NetlinkRequest {
  const { bytes, length } = parsePrefix(address.address);
  const header = Buffer.alloc(8);
  header[0] = familyOf(bytes);
  header[1] = length;
  header[3] = SCOPES[address.scope ?? 'global'];
  header.writeUInt32LE(indexOf(address.link), 4);
  const body: Buffer[] = [header, attribute(IFA.LOCAL, bytes), attribute(IFA.ADDRESS, bytes)];
  if (address.broadcast !== undefined) body.push(attribute(IFA.BROADCAST, addressBytes(address.broadcast)));
  const flags = (address.nodad ? IFA_F.NODAD : 0) | (address.noprefixroute ? IFA_F.NOPREFIXROUTE : 0);
  if (flags !== 0) body.push(attribute(IFA.FLAGS, u32(flags)));
  return { type: RTM_ADDRESS[kind], flags: kind === 'NEW' ? creation(replace) : 0, body: Buffer.concat(body) };
}

/** Of an RTM_NEWADDR. */
export function decodeAddress(message: NetlinkMessage): Address & { readonly link: number } {
  const attributes = decodeAttributes(message.body.subarray(8));
  const flags = attributes.get(IFA.FLAGS)?.readUInt32LE(0) ?? message.body[2]!;
  const broadcast = attributes.get(IFA.BROADCAST);
  const scope = (Object.keys(SCOPES) as (keyof typeof SCOPES)[]).find((name) => SCOPES[name] === message.body[3]);
  return {
    link: message.body.readUInt32LE(4),
    // IPv6 has LOCAL only where the other end of a point to point link has another address
    address: `${addressText(attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS) ?? Buffer.alloc(0))}/${message.body[1]}`,
    ...(broadcast && { broadcast: addressText(broadcast) }),
    ...(scope && { scope }),
    ...((flags & IFA_F.NODAD) !== 0 && { nodad: true }),
    ...((flags & IFA_F.NOPREFIXROUTE) !== 0 && { noprefixroute: true }),
  };
}

/** For DELETE what is not said may be anything. Throws `invalid` when the family is not clear. */
export function routeRequest(kind: 'NEW' | 'DELETE', route: Route, indexOf: IndexOf, replace = false): NetlinkRequest {
  const via = route.via === undefined ? undefined : addressBytes(route.via);
  const destination = route.to === 'default' ? undefined : parsePrefix(route.to);
  const family = routeFamily(route, destination?.bytes ?? via);
  const header = Buffer.alloc(12);
  header[0] = family;
  header[1] = destination?.length ?? 0;
  header[4] = RT_TABLE_MAIN;
  if (kind === 'NEW') {
    header[5] = Number(Object.keys(PROTOCOLS).find((number) => PROTOCOLS[Number(number)] === (route.protocol ?? 'static')) ?? route.protocol);
    header[6] = via === undefined && family === AF.INET ? SCOPES.link : SCOPES.global;
    header[7] = RTN_UNICAST;
  } else header[6] = RT_SCOPE_NOWHERE; // any
  if (route.onlink) header.writeUInt32LE(RTNH_F_ONLINK, 8);
  const body: Buffer[] = [header];
  // the kernel refuses bits behind the prefix
  if (destination !== undefined && destination.length > 0) body.push(attribute(RTA.DST, prefixRange(destination).first));
  if (via !== undefined) body.push(attribute(RTA.GATEWAY, via));
  if (route.link !== undefined) body.push(attribute(RTA.OIF, u32(indexOf(route.link))));
  if (route.metric !== undefined) body.push(attribute(RTA.PRIORITY, u32(route.metric)));
  if (route.source !== undefined) body.push(attribute(RTA.PREFSRC, addressBytes(route.source)));
  if (route.mtu !== undefined) body.push(nested(RTA.METRICS, [attribute(RTAX_MTU, u32(route.mtu))]));
  return { type: RTM_ROUTE[kind], flags: kind === 'NEW' ? creation(replace) : 0, body: Buffer.concat(body) };
}

function routeFamily(route: Route, bytes: Buffer | undefined): number {
  const said = route.family && (route.family === 'inet' ? AF.INET : AF.INET6);
  const seen = bytes && familyOf(bytes);
  if (said !== undefined && seen !== undefined && said !== seen) throw invalid(`route to ${route.to}: not an address of ${route.family}`);
  const family = said ?? seen;
  if (family === undefined) throw invalid(`route to ${route.to}: neither a gateway nor a family`);
  return family;
}

/** undefined: not one of the main table that was made for packets to go on. */
export function decodeRoute(message: NetlinkMessage): Route | undefined {
  const [family, length] = message.body;
  const attributes = decodeAttributes(message.body.subarray(12));
  const number = (type: number): number | undefined => attributes.get(type)?.readUInt32LE(0);
  const flags = message.body.readUInt32LE(8);
  if ((number(RTA.TABLE) ?? message.body[4]) !== RT_TABLE_MAIN || message.body[7] !== RTN_UNICAST || (flags & RTM_F_CLONED) !== 0) return undefined;
  const destination = attributes.get(RTA.DST);
  const via = attributes.get(RTA.GATEWAY);
  const source = attributes.get(RTA.PREFSRC);
  const metrics = attributes.get(RTA.METRICS);
  const mtu = metrics && decodeAttributes(metrics).get(RTAX_MTU)?.readUInt32LE(0);
  return {
    to: destination === undefined ? 'default' : `${addressText(destination)}/${length}`,
    family: family === AF.INET ? 'inet' : 'inet6',
    ...(via && { via: addressText(via) }),
    ...(number(RTA.OIF) !== undefined && { link: number(RTA.OIF)! }),
    ...((flags & RTNH_F_ONLINK) !== 0 && { onlink: true }),
    ...(number(RTA.PRIORITY) !== undefined && { metric: number(RTA.PRIORITY)! }),
    ...(source && { source: addressText(source) }),
    ...(mtu !== undefined && { mtu }),
    protocol: PROTOCOLS[message.body[5]!] ?? String(message.body[5]),
  };
}

/** A permanent one, in place of what was known. */
export function neighbourRequest(kind: 'NEW' | 'DELETE', neighbour: Omit<Neighbour, 'mac'> & { readonly mac?: string }, indexOf: IndexOf): NetlinkRequest {
  const address = addressBytes(neighbour.address);
  const header = Buffer.alloc(12);
  header[0] = familyOf(address);
  header.writeInt32LE(indexOf(neighbour.link), 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  const body: Buffer[] = [header, attribute(NDA.DST, address)];
  if (neighbour.mac !== undefined) body.push(attribute(NDA.LLADDR, macBytes(neighbour.mac)));
  return { type: RTM_NEIGHBOUR[kind], flags: kind === 'NEW' ? creation(true) : 0, body: Buffer.concat(body) };
}

function creation(replace: boolean): number {
  return NLM.CREATE | (replace ? NLM.REPLACE : NLM.EXCL);
}
