/** Connections that the kernel follows: nfnetlink's conntrack subsystem (linux/netfilter/nfnetlink_conntrack.h). */
import { AF, addressText } from './ip-bytes.ts';
import { attribute, decodeAttributes, nested, u32, u8, type NetlinkMessage, type NetlinkRequest } from './netlink-message.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import { syscallError } from './socket-calls.ts';
import type { TrackedConnection } from '../network-contract.ts';

const SUBSYSTEM = 1 << 8;
const [GET, DELETE] = [SUBSYSTEM | 1, SUBSYSTEM | 2];
/** CTA_*. */
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, ID: 12, ZONE: 18, FILTER: 25 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const PROTO = { NUM: 1, SRC_PORT: 2, DST_PORT: 3 } as const;
const FILTER_ORIG_FLAGS = 1;
/** CTA_FILTER_F_…: which parts of the tuple count. */
const PROTO_NUM = 1 << 3;
const NUMBERS = { udp: 17, sctp: 132 } as const;
const ENOENT = 2;
/** Deletions of one send. */
const BATCH = 64;
const NFGENMSG = 4;

function request(type: number, family: number, flags: number, ...attributes: Buffer[]): NetlinkRequest {
  return { type, flags, body: Buffer.concat([Buffer.of(family, 0, 0, 0), ...attributes]) };
}

/** See `NetworkNamespace.forgetConnections`. */
export function forgetConnections(
  socket: NetlinkSocket,
  protocol: 'udp' | 'sctp',
  family: 'inet' | 'inet6',
  which: (connection: TrackedConnection) => boolean,
): number {
  const number = family === 'inet' ? AF.INET : AF.INET6;
  // kernels before 5.8 do not know the filter, and tell of everything
  const filter = [
    nested(CTA.TUPLE_ORIG, [nested(TUPLE.PROTO, [attribute(PROTO.NUM, u8(NUMBERS[protocol]))])]),
    nested(CTA.FILTER, [attribute(FILTER_ORIG_FLAGS, u32(PROTO_NUM))]),
  ];
  const chosen = socket.dump(request(GET, number, 0, ...filter), 'conntrack entries').flatMap((message): NetlinkRequest[] => {
    const entry = decodeEntry(message, NUMBERS[protocol]);
    if (entry === undefined || !which(entry)) return [];
    const all = decodeAttributes(message.body.subarray(NFGENMSG));
    const same = [CTA.TUPLE_ORIG, CTA.ID, CTA.ZONE].flatMap((type) =>
      all.has(type) ? [attribute(type === CTA.TUPLE_ORIG ? type | 0x8000 : type, all.get(type)!)] : [],
    );
    return [request(DELETE, number, 4, ...same)];
  });
  for (let at = 0; at < chosen.length; at += BATCH) {
    const { failure } = socket.send(chosen.slice(at, at + BATCH));
    // it ended just now
    if (failure !== undefined && failure.errno !== ENOENT) throw syscallError('conntrack delete', failure.errno, failure.explanation);
  }
  return chosen.length;
}

function decodeEntry({ body }: NetlinkMessage, protocol: number): TrackedConnection | undefined {
  const attributes = decodeAttributes(body.subarray(NFGENMSG));
  const [original, reply] = [attributes.get(CTA.TUPLE_ORIG), attributes.get(CTA.TUPLE_REPLY)];
  if (original === undefined || reply === undefined) return undefined;
  const [sent, answered] = [decodeTuple(original), decodeTuple(reply)];
  if (sent?.protocol !== protocol || answered === undefined) return undefined;
  return { to: sent.to, toPort: sent.toPort, answeredBy: answered.from };
}

/** CTA_IP_V4_SRC is 1, DST 2; of IPv6 3 and 4. */
function decodeTuple(bytes: Buffer): { from: string; to: string; toPort: number; protocol: number } | undefined {
  const tuple = decodeAttributes(bytes);
  const [ip, proto] = [tuple.get(TUPLE.IP), tuple.get(TUPLE.PROTO)];
  if (ip === undefined || proto === undefined) return undefined;
  const addresses = decodeAttributes(ip);
  const [from, to] = [addresses.get(1) ?? addresses.get(3), addresses.get(2) ?? addresses.get(4)];
  const parts = decodeAttributes(proto);
  if (from === undefined || to === undefined) return undefined;
  return { from: addressText(from), to: addressText(to), toPort: parts.get(PROTO.DST_PORT)?.readUInt16BE(0) ?? 0, protocol: parts.get(PROTO.NUM)?.[0] ?? 0 };
}
