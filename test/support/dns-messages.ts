/** DNS messages as tests write and read them, apart from the code that is tested. */

export const TYPES = { A: 1, NS: 2, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, HTTPS: 65, AXFR: 252, ANY: 255 } as const;

export interface QueryOptions {
  readonly id?: number;
  readonly type?: keyof typeof TYPES;
  readonly class?: number;
  /** Of the OPT record, bytes. */
  readonly edns?: number;
  readonly ednsVersion?: number;
  readonly flags?: number;
}

/** A name in wire form, labels cut at dots. */
export function wireName(name: string): Buffer {
  const labels = name.split('.').filter(Boolean);
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')]), Buffer.of(0)]);
}

export function opt(size: number, version = 0): Buffer {
  return Buffer.of(0, 0, TYPES.OPT, size >> 8, size & 0xff, 0, version, 0, 0, 0, 0);
}

/** A query with recursion desired. */
export function query(name: string, { id = 0x1234, type = 'A', class: of = 1, edns, ednsVersion, flags = 0x0100 }: QueryOptions = {}): Buffer {
  const head = words(id, flags, 1, 0, 0, edns === undefined ? 0 : 1);
  return Buffer.concat([head, wireName(name), words(TYPES[type], of), edns === undefined ? Buffer.alloc(0) : opt(edns, ednsVersion)]);
}

export function words(...values: number[]): Buffer {
  const out = Buffer.alloc(values.length * 2);
  values.forEach((value, index) => out.writeUInt16BE(value, index * 2));
  return out;
}

export interface AnswerRecord {
  readonly type?: number;
  readonly data: Buffer;
}

/** An answer to a query, its question said back. */
export function reply(to: Buffer, records: readonly AnswerRecord[], { flags = 0x8180, id = to.readUInt16BE(0) } = {}): Buffer {
  const question = to.subarray(12, readMessage(to).questionEnd);
  const head = words(id, flags, 1, records.length, 0, 0);
  return Buffer.concat([head, question, ...records.map(({ type = TYPES.A, data }) => Buffer.concat([words(0xc00c, type, 1, 0, 60, data.length), data]))]);
}

export interface ReadMessage {
  readonly id: number;
  readonly flags: number;
  readonly rcode: number;
  readonly truncated: boolean;
  readonly question: string | undefined;
  readonly questionEnd: number;
  /** Of all sections. */
  readonly records: readonly { readonly name: string; readonly type: number; readonly class: number; readonly ttl: number; readonly data: Buffer }[];
  readonly counts: readonly number[];
}

/** Throws for what is malformed, also for bytes after the end. */
export function readMessage(message: Buffer): ReadMessage {
  const [id, flags, ...counts] = Array.from({ length: 6 }, (_, at) => message.readUInt16BE(at * 2)) as [number, number, ...number[]];
  let at = 12;
  const name = (from: number, depth = 0): { text: string; end: number } => {
    if (depth > 10) throw new Error('pointers without end');
    const labels: string[] = [];
    for (let here = from; ;) {
      const length = message.readUInt8(here);
      if (length >= 0xc0) return { text: [...labels, name(message.readUInt16BE(here) & 0x3fff, depth + 1).text].filter(Boolean).join('.'), end: here + 2 };
      here++;
      if (length === 0) return { text: labels.join('.'), end: here };
      if (here + length > message.length) throw new Error('cut name');
      labels.push(message.toString('latin1', here, here + length));
      here += length;
    }
  };
  let question: string | undefined;
  for (let index = 0; index < counts[0]!; index++) {
    const { text, end } = name(at);
    question = text;
    at = end + 4;
  }
  const questionEnd = at;
  const records = Array.from({ length: counts[1]! + counts[2]! + counts[3]! }, () => {
    const { text, end } = name(at);
    const length = message.readUInt16BE(end + 8);
    at = end + 10 + length;
    if (at > message.length) throw new Error('cut record');
    const [type, of, ttl] = [message.readUInt16BE(end), message.readUInt16BE(end + 2), message.readUInt32BE(end + 4)];
    return { name: text, type, class: of, ttl, data: message.subarray(end + 10, at) };
  });
  if (at !== message.length) throw new Error(`${message.length - at} bytes too many`);
  return { id, flags, rcode: flags & 0xf, truncated: (flags & 0x200) !== 0, question, questionEnd, records, counts };
}
