/** The bytes of netlink (netlink(7)): messages of a header, a family's own struct, and attributes aligned to 4 bytes. Host order is little-endian. */
import { EngineError } from '../../base/errors.ts';

/** Flags of a request (NLM_F_*), and of answers. */
export const NLM = {
  REQUEST: 1,
  ACK: 4,
  ECHO: 8,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;
/** Types of messages that every family has; a family's own begin with MIN_TYPE. */
export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, MIN_TYPE: 16 } as const;
/** Bytes of struct nlmsghdr. */
export const HEADER_SIZE = 16;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const MAX_ATTRIBUTE = 0xffff;

/** One message to the kernel, without its header. */
export interface NetlinkRequest {
  readonly type: number;
  /** Beside NLM_F_REQUEST. */
  readonly flags: number;
  /** The family's struct and attributes. */
  readonly body: Buffer;
}

/** One message from the kernel. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Attributes by their type; of a type that comes several times the last one. */
export type Attributes = ReadonlyMap<number, Buffer>;

/** With its header, filled up to 4 bytes. `sequence` comes back in the answers. */
export function encodeMessage(request: NetlinkRequest, sequence: number): Buffer {
  const message = Buffer.alloc(align(HEADER_SIZE + request.body.length));
  message.writeUInt32LE(HEADER_SIZE + request.body.length, 0);
  message.writeUInt16LE(request.type, 4);
  message.writeUInt16LE(request.flags | NLM.REQUEST, 6);
  message.writeUInt32LE(sequence, 8);
  request.body.copy(message, HEADER_SIZE);
  return message;
}

/** The messages of one datagram. What is cut off is an error: nothing is guessed. */
export function decodeMessages(datagram: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < datagram.length;) {
    const length = at + HEADER_SIZE <= datagram.length ? datagram.readUInt32LE(at) : 0;
    if (length < HEADER_SIZE || at + length > datagram.length)
      throw new EngineError('internal', `netlink: message of ${length} bytes at ${at} of ${datagram.length}`);
    messages.push({
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER_SIZE, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** One attribute, filled up to 4 bytes. Throws when the value is too long for its 16-bit length. */
export function attribute(type: number, value: Buffer): Buffer {
  const length = 4 + value.length;
  if (length > MAX_ATTRIBUTE) throw new EngineError('internal', `netlink: attribute ${type} of ${value.length} bytes`);
  const bytes = Buffer.alloc(align(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

/** With the flag that tells that attributes are inside. */
export function nested(type: number, attributes: readonly Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(attributes));
}

/** Numbers here and below: little-endian (the machine's order), with `be` big-endian. */
export function u8(value: number): Buffer {
  return Buffer.of(value);
}

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function u64be(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Text with the zero byte at its end. A zero byte inside would cut it: refused. */
export function text(value: string): Buffer {
  if (value.includes('\0')) throw new EngineError('invalid', `zero byte in ${JSON.stringify(value)}`);
  return Buffer.from(`${value}\0`);
}

/** As `decodeAttributes`, each type as often as it comes, in order. */
export function attributeList(bytes: Buffer): [type: number, value: Buffer][] {
  const list: [number, Buffer][] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) throw new EngineError('internal', `netlink: attribute of ${length} bytes at ${at} of ${bytes.length}`);
    list.push([bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length)]);
    at += align(length);
  }
  return list;
}

/** Throws `internal` for what is cut off. */
export function decodeAttributes(bytes: Buffer): Attributes {
  return new Map(attributeList(bytes));
}

/** An attribute's text, up to its zero byte. */
export function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** What the kernel says to a request that it does not make. */
export interface NetlinkFailure {
  /** 0: it was an acknowledgement. */
  readonly errno: number;
  /** The kernel's own explanation (NETLINK_EXT_ACK), if it gave one. */
  readonly explanation: string | undefined;
}

const NLMSGERR_ATTR_MSG = 1;

/** What an NLMSG_ERROR says. */
export function decodeFailure(message: NetlinkMessage): NetlinkFailure {
  const errno = Math.abs(message.body.readInt32LE(0));
  if ((message.flags & NLM.ACK_TLVS) === 0) return { errno, explanation: undefined };
  // the request comes back as its header alone (NLM_F_CAPPED) or whole
  const request = message.flags & NLM.CAPPED ? HEADER_SIZE : align(message.body.readUInt32LE(4));
  const explanation = decodeAttributes(message.body.subarray(4 + request)).get(NLMSGERR_ATTR_MSG);
  return { errno, explanation: explanation && textOf(explanation) };
}

/** Up to the next multiple of 4. */
export function align(length: number): number {
  return (length + 3) & ~3;
}
