/** Archives for tests, field by field: also such as no program would write. */

export interface RawFields {
  readonly name: string | Buffer;
  readonly type?: string;
  readonly magic?: 'ustar' | 'gnu' | 'v7';
  readonly prefix?: string;
  readonly linkName?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly mtime?: number;
  readonly userName?: string;
  readonly groupName?: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  /** Old GNU: what is in the header, in extension blocks, and the whole file's size. */
  readonly sparse?: readonly (readonly [number, number])[];
  readonly sparseMore?: readonly (readonly (readonly [number, number])[])[];
  readonly realSize?: number;
}

/** Two blocks of zeros. */
export const END = Buffer.alloc(1024);

/** A header block (and old GNU extension blocks). What octal digits cannot hold is written in base 256. */
export function rawHeader(fields: RawFields): Buffer {
  const block = Buffer.alloc(512);
  const magic = fields.magic ?? 'ustar';
  const put = (value: string | Buffer, at: number, length: number) => void Buffer.from(value).copy(block, at, 0, length);
  put(fields.name, 0, 100);
  number(block, 100, 8, fields.mode ?? 0o644);
  number(block, 108, 8, fields.uid ?? 0);
  number(block, 116, 8, fields.gid ?? 0);
  number(block, 124, 12, fields.size ?? 0);
  number(block, 136, 12, fields.mtime ?? 0);
  put(fields.type ?? '0', 156, 1);
  put(fields.linkName ?? '', 157, 100);
  if (magic !== 'v7') {
    put(magic === 'gnu' ? 'ustar  \0' : 'ustar\u000000', 257, 8);
    put(fields.userName ?? '', 265, 32);
    put(fields.groupName ?? '', 297, 32);
    number(block, 329, 8, fields.devMajor ?? 0);
    number(block, 337, 8, fields.devMinor ?? 0);
  }
  put(fields.prefix ?? '', 345, 155);
  const more = fields.sparseMore ?? [];
  if (fields.sparse !== undefined) {
    runs(block, 386, fields.sparse);
    block[482] = more.length > 0 ? 1 : 0;
    number(block, 483, 12, fields.realSize ?? 0);
  }
  block.fill(0x20, 148, 156);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  const extensions = more.map((list, index) => {
    const extension = Buffer.alloc(512);
    runs(extension, 0, list);
    extension[504] = index < more.length - 1 ? 1 : 0;
    return extension;
  });
  return Buffer.concat([block, ...extensions]);
}

/** A header and its data, filled up to whole blocks. */
export function withBody(fields: RawFields, body: string | Buffer): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([rawHeader({ size: bytes.length, ...fields }), bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function archive(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, END]);
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function runs(block: Buffer, at: number, list: readonly (readonly [number, number])[]): void {
  for (const [offset, length] of list) {
    number(block, at, 12, offset);
    number(block, at + 12, 12, length);
    at += 24;
  }
}

function number(block: Buffer, at: number, length: number, value: number): void {
  if (value >= 0 && value < 8 ** (length - 1)) {
    block.write(value.toString(8).padStart(length - 1, '0'), at);
    return;
  }
  let rest = BigInt(value);
  for (let index = at + length - 1; index >= at; index--) {
    block[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at]! |= 0x80;
}
