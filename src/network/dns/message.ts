/**
 * DNS messages (RFC 1035, RFC 6891), as far as a server needs them that answers a few names itself and passes the rest
 * on as it came. All input is hostile: nothing here throws on any bytes, and no name is followed by its pointers (what
 * we read of names are questions, which have none, and what we skip of them ends at the first).
 */

/** Of a message's header, bytes. */
export const HEADER_SIZE = 12;

/** What every client takes by UDP, bytes (RFC 1035 2.3.4). */
const PLAIN_SIZE = 512;

/** The longest datagram of UDP over IPv4, bytes. */
const DATAGRAM_SIZE = 65_507;

/** What we say that we take ourselves by UDP: what passes every path in one piece (bytes). */
const OUR_SIZE = 1232;

export const TYPE = { A: 1, PTR: 12, AAAA: 28, OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 } as const;
export const CLASS = { IN: 1, ANY: 255 } as const;
/** `BADVERS` needs EDNS to be said. */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;
export type Rcode = (typeof RCODE)[keyof typeof RCODE];

/** Of the header's second word. */
const QR = 0x8000;
const OPCODE = 0x7800;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;

/** A question that can be answered. */
export interface Query {
  /** The whole message as it came. */
  readonly bytes: Buffer;
  /** What it asks for, as `nameKey` writes names. */
  readonly key: string;
  readonly type: number;
  readonly class: number;
  /** Where the question ends in `bytes`; it begins after the header. */
  readonly questionEnd: number;
  /** What the client says that it takes by UDP, bytes; undefined where it does not speak EDNS. */
  readonly ednsSize: number | undefined;
}

/** A message that gets no answer but this. */
export interface Fault {
  readonly rcode: Rcode;
  /** Where its question ends, if it has one that can be said back. */
  readonly questionEnd: number;
  readonly ednsSize: number | undefined;
}

/**
 * A query out of what a client sent. Undefined for what must not be answered at all: too short for a header, or an answer
 * itself (two servers would answer each other for ever).
 */
export function parseQuery(bytes: Buffer): Query | Fault | undefined {
  if (bytes.length < HEADER_SIZE) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & QR) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return { rcode: RCODE.NOTIMP, questionEnd: HEADER_SIZE, ednsSize: undefined };
  const question = bytes.readUInt16BE(4) === 1 ? readQuestion(bytes) : undefined;
  if (question === undefined) return { rcode: RCODE.FORMERR, questionEnd: HEADER_SIZE, ednsSize: undefined };
  const { end: questionEnd } = question;
  const edns = readEdns(bytes, questionEnd);
  if (edns === 'malformed') return { rcode: RCODE.FORMERR, questionEnd, ednsSize: undefined };
  const ednsSize = edns?.size;
  if (edns !== undefined && edns.version !== 0) return { rcode: RCODE.BADVERS, questionEnd, ednsSize };
  // a zone is nothing that a container's resolver gives away
  if (question.type === TYPE.AXFR || question.type === TYPE.IXFR) return { rcode: RCODE.REFUSED, questionEnd, ednsSize };
  return { bytes, key: question.key, type: question.type, class: question.class, questionEnd, ednsSize };
}

/** The first question; undefined where it is malformed. */
function readQuestion(bytes: Buffer): { key: string; type: number; class: number; end: number } | undefined {
  let key = '';
  let at = HEADER_SIZE;
  for (;;) {
    const length = bytes[at];
    // two high bits: a pointer, which has nothing to point to before the first name
    if (length === undefined || length > 63) return undefined;
    at++;
    if (length === 0) break;
    if (at + length > bytes.length || at + length - HEADER_SIZE > 254) return undefined;
    if (key !== '') key += '.';
    key += labelKey(bytes.toString('latin1', at, at + length));
    at += length;
  }
  if (at + 4 > bytes.length) return undefined;
  return { key, type: bytes.readUInt16BE(at), class: bytes.readUInt16BE(at + 2), end: at + 4 };
}

/** The OPT record among what follows the question; undefined where there is none. */
function readEdns(bytes: Buffer, questionEnd: number): { size: number; version: number } | 'malformed' | undefined {
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8);
  const total = records + bytes.readUInt16BE(10);
  let found: { size: number; version: number } | undefined;
  let at = questionEnd;
  for (let index = 0; index < total; index++) {
    const owner = at;
    at = skipName(bytes, at);
    if (at < 0 || at + 10 > bytes.length) return 'malformed';
    if (bytes.readUInt16BE(at) === TYPE.OPT && index >= records) {
      // one, and the root's (RFC 6891 6.1.1)
      if (found !== undefined || bytes[owner] !== 0) return 'malformed';
      found = { size: bytes.readUInt16BE(at + 2), version: bytes[at + 5]! };
    }
    at += 10 + bytes.readUInt16BE(at + 8);
    if (at > bytes.length) return 'malformed';
  }
  return found;
}

/** Where a name ends, or -1. It ends at its first pointer. */
function skipName(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return -1;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return -1;
    at += 1 + length;
    if (length === 0) return at;
  }
}

/**
 * How names are compared: bytes as Latin-1, ASCII letters in lower case, no dot at the end. A dot inside a label, which
 * no name of ours has, is kept apart from one between labels.
 */
export function nameKey(name: string): string {
  return lowerAscii(Buffer.from(name.replace(/\.$/, ''), 'utf8').toString('latin1'));
}

function labelKey(label: string): string {
  const key = lowerAscii(label);
  return key.includes('.') ? key.replaceAll('.', '\\.') : key;
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A name as a message has it: labels with their lengths. Undefined for what is no name there (RFC 1035 2.3.4). */
export function encodeName(name: string): Buffer | undefined {
  const parts: Buffer[] = [];
  let length = 1;
  for (const label of name.split('.')) {
    const bytes = Buffer.from(label, 'utf8');
    length += 1 + bytes.length;
    if (bytes.length === 0 || bytes.length > 63 || length > 255) return undefined;
    parts.push(Buffer.of(bytes.length), bytes);
  }
  return Buffer.concat([...parts, Buffer.of(0)], length);
}

/** A record about the name that was asked for, in class IN. */
export interface Answer {
  readonly type: number;
  readonly data: Buffer;
}

/** Of each record, bytes before its data: a pointer to the question's name, type, class, time to live, length. */
const RECORD_SIZE = 12;
/** The OPT record's size, bytes. */
const OPT_SIZE = 11;

/**
 * What is said to a query. Records that do not fit in `limit` bytes are left out, and the answer says so (TC).
 * `ttl` in seconds.
 */
export function encodeAnswer(query: Query, answers: readonly Answer[], ttl: number, limit: number): Buffer {
  const fixed = query.questionEnd + (query.ednsSize === undefined ? 0 : OPT_SIZE);
  let length = fixed;
  let count = 0;
  for (const { data } of answers) {
    if (length + RECORD_SIZE + data.length > limit) break;
    length += RECORD_SIZE + data.length;
    count++;
  }
  const out = Buffer.allocUnsafe(length);
  writeHead(out, query.bytes, query.questionEnd, RA | (count < answers.length ? TC : 0), RCODE.NOERROR);
  out.writeUInt16BE(count, 6);
  let at = query.questionEnd;
  for (let index = 0; index < count; index++) {
    const { type, data } = answers[index]!;
    out.writeUInt16BE(0xc000 | HEADER_SIZE, at);
    out.writeUInt16BE(type, at + 2);
    out.writeUInt16BE(CLASS.IN, at + 4);
    out.writeUInt32BE(ttl, at + 6);
    out.writeUInt16BE(data.length, at + 10);
    out.set(data, at + RECORD_SIZE);
    at += RECORD_SIZE + data.length;
  }
  if (query.ednsSize !== undefined) writeOpt(out, at, RCODE.NOERROR);
  return out;
}

/** An answer that says only how it went. `truncated`: that there is more by TCP. */
export function encodeStatus(bytes: Buffer, about: Pick<Fault, 'questionEnd' | 'ednsSize'>, rcode: Rcode, truncated = false): Buffer {
  const { questionEnd, ednsSize } = about;
  const out = Buffer.allocUnsafe(questionEnd + (ednsSize === undefined ? 0 : OPT_SIZE));
  writeHead(out, bytes, questionEnd, RA | (truncated ? TC : 0), rcode);
  if (ednsSize !== undefined) writeOpt(out, questionEnd, rcode);
  return out;
}

/** The header of an answer to `bytes` with no records yet, and the question as it was asked. */
function writeHead(out: Buffer, bytes: Buffer, questionEnd: number, flags: number, rcode: Rcode): void {
  out.set(bytes.subarray(0, questionEnd));
  out.writeUInt16BE(QR | (bytes.readUInt16BE(2) & (OPCODE | RD)) | flags | (rcode & 0xf), 2);
  out.writeUInt16BE(questionEnd > HEADER_SIZE ? 1 : 0, 4);
  out.fill(0, 6, HEADER_SIZE);
}

function writeOpt(out: Buffer, at: number, rcode: Rcode): void {
  out.writeUInt16BE(1, 10);
  out.fill(0, at, at + OPT_SIZE);
  out.writeUInt16BE(TYPE.OPT, at + 1);
  out.writeUInt16BE(OUR_SIZE, at + 3);
  out[at + 5] = rcode >> 4;
}

/** What may be sent to the client of this query by UDP, bytes. */
export function datagramLimit(query: Query): number {
  return Math.min(Math.max(PLAIN_SIZE, query.ednsSize ?? 0), DATAGRAM_SIZE);
}

/** The message with another id. */
export function withId(bytes: Buffer, id: number): Buffer {
  const out = Buffer.from(bytes);
  out.writeUInt16BE(id, 0);
  return out;
}

/**
 * Whether this is an answer to that query, sent under `id`: its id, and its question. Servers that understand nothing may
 * leave the question out when they say so.
 */
export function answers(message: Buffer, query: Query, id: number): boolean {
  if (message.length < HEADER_SIZE || message.readUInt16BE(0) !== id) return false;
  const flags = message.readUInt16BE(2);
  if ((flags & QR) === 0 || (flags & OPCODE) !== 0) return false;
  const questions = message.readUInt16BE(4);
  if (questions === 0) return rcodeOf(message) !== RCODE.NOERROR && rcodeOf(message) !== RCODE.NXDOMAIN;
  const question = questions === 1 ? readQuestion(message) : undefined;
  return question !== undefined && question.key === query.key && question.type === query.type && question.class === query.class;
}

/** Whether an answer says that it is not all. */
export function isTruncated(message: Buffer): boolean {
  return (message.readUInt16BE(2) & TC) !== 0;
}

/** Of an answer's header. */
export function rcodeOf(message: Buffer): number {
  return message.readUInt16BE(2) & 0xf;
}
