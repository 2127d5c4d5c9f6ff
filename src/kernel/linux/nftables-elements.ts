/** Elements of sets and maps of nftables: how values, ranges and concatenations lie in them, and back. */
import { invalid } from '../../base/errors.ts';
import { attribute, attributeList, decodeAttributes, nested, textOf, u32be } from './netlink-message.ts';
import type { Attributes } from './netlink-message.ts';
import { dataValue, dataVerdict, VERDICTS } from './nftables-expressions.ts';
import { comment, commentOf, UDATA } from './nftables-userdata.ts';
import { concatenate, decodeRange, decodeScalar, encodeRange, encodeScalar, split } from './nftables-values.ts';
import type { NftElement, NftSetType, NftValue, NftVerdict } from '../nftables-contract.ts';

/** NFTA_SET_ELEM_*. */
const ELEMENT = { KEY: 1, DATA: 2, FLAGS: 3, USERDATA: 6, KEY_END: 10 } as const;
const INTERVAL_END = 1;
/** Bytes of elements in one message: below the 64 KiB that an attribute can have. */
const MAX_CHUNK = 32 << 10;

/** List items for one or several messages; `withData` false: keys alone, to delete them. */
export function encodeElements(type: NftSetType, elements: readonly NftElement[], withData: boolean): Buffer[][] {
  const chunks: Buffer[][] = [];
  let room = 0;
  for (const element of elements) {
    const items = encodeElement(type, element, withData);
    const size = items.reduce((sum, item) => sum + item.length, 0);
    if (size > room) {
      chunks.push([]);
      room = MAX_CHUNK;
    }
    chunks.at(-1)!.push(...items);
    room -= size;
  }
  return chunks;
}

function encodeElement(type: NftSetType, element: NftElement, withData: boolean): Buffer[] {
  const { key, data } = type;
  if (element.key.length !== key.length) throw invalid(`a key of ${element.key.length} parts, ${key.length} are wanted`);
  const value: Buffer[] = [];
  if (withData) {
    if ((data === undefined) !== (element.data === undefined)) throw invalid(data === undefined ? 'a set has no data' : 'an element of a map has no data');
    if (data !== undefined) value.push(encodeData(type, element));
    if (element.comment !== undefined) value.push(attribute(ELEMENT.USERDATA, comment(UDATA.COMMENT, element.comment)));
  }
  if (!type.interval) return [nested(1, [dataValue(ELEMENT.KEY, concatenate(element.key.map((part, index) => encodeScalar(key[index]!, part)))), ...value])];
  const ranges = element.key.map((part, index) => encodeRange(key[index]!, part));
  const first = concatenate(ranges.map((range) => range.first));
  const last = concatenate(ranges.map((range) => range.last));
  if (key.length > 1) return [nested(1, [dataValue(ELEMENT.KEY, first), dataValue(ELEMENT.KEY_END, last), ...value])];
  // an interval of one part is two elements: where it begins, and what comes after its end (nothing does after the last value)
  const after = increment(last);
  return [
    nested(1, [dataValue(ELEMENT.KEY, first), ...value]),
    ...(after === undefined ? [] : [nested(1, [dataValue(ELEMENT.KEY, after), attribute(ELEMENT.FLAGS, u32be(INTERVAL_END))])]),
  ];
}

function encodeData(type: NftSetType, element: NftElement): Buffer {
  const data = element.data as NftVerdict | readonly NftValue[];
  if (type.data === 'verdict') {
    if (isList(data)) throw invalid('a verdict is wanted');
    return dataVerdict(ELEMENT.DATA, data);
  }
  const types = type.data!;
  if (!isList(data) || data.length !== types.length) throw invalid(`data of ${types.length} parts are wanted`);
  return dataValue(ELEMENT.DATA, concatenate(data.map((part, index) => encodeScalar(types[index]!, part))));
}

function isList(data: NftVerdict | readonly NftValue[]): data is readonly NftValue[] {
  return Array.isArray(data);
}

/** undefined: there is none after all ones. */
function increment(bytes: Buffer): Buffer | undefined {
  const next = Buffer.from(bytes);
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at]! + 1) & 0xff;
    if (next[at] !== 0) return next;
  }
  return undefined;
}

function decrement(bytes: Buffer): Buffer {
  const before = Buffer.from(bytes);
  for (let at = before.length - 1; at >= 0; at--) {
    before[at] = (before[at]! - 1) & 0xff;
    if (before[at] !== 0xff) break;
  }
  return before;
}

interface RawElement {
  readonly key: Buffer;
  readonly end: boolean;
  readonly attributes: Attributes;
}

/** `lists`: of each message the attribute with its list. */
export function decodeElements(type: NftSetType, lists: readonly Buffer[]): NftElement[] {
  const raw = lists
    .flatMap((list) => attributeList(list))
    .map(([, bytes]): RawElement => {
      const attributes = decodeAttributes(bytes);
      const end = ((attributes.get(ELEMENT.FLAGS)?.readUInt32BE(0) ?? 0) & INTERVAL_END) !== 0;
      return { key: valueOf(attributes.get(ELEMENT.KEY)), end, attributes };
    });
  if (!type.interval || type.key.length > 1)
    return raw.map(({ key, attributes }) => decodeElement(type, key, valueOf(attributes.get(ELEMENT.KEY_END), key), attributes));
  // where one interval ends and the next begins, the end comes first
  raw.sort((a, b) => Buffer.compare(a.key, b.key) || Number(b.end) - Number(a.end));
  return raw.flatMap(({ key, end, attributes }, index) => {
    if (end) return [];
    const next = raw[index + 1];
    return [decodeElement(type, key, next === undefined ? Buffer.alloc(key.length, 0xff) : decrement(next.key), attributes)];
  });
}

function decodeElement(type: NftSetType, first: Buffer, last: Buffer, attributes: Attributes): NftElement {
  const firsts = split(type.key, first);
  const lasts = split(type.key, last);
  const text = commentOf(attributes.get(ELEMENT.USERDATA), UDATA.COMMENT);
  return {
    key: type.key.map((name, index) => decodeRange(name, { first: firsts[index]!, last: lasts[index]! })),
    ...(type.data !== undefined && { data: decodeData(type.data, attributes.get(ELEMENT.DATA)) }),
    ...(text !== undefined && { comment: text }),
  };
}

function decodeData(type: NonNullable<NftSetType['data']>, data: Buffer | undefined): NonNullable<NftElement['data']> {
  if (type === 'verdict') return decodeVerdict(data) ?? 'continue';
  const parts = split(type, valueOf(data));
  return type.map((name, index) => decodeScalar(name, parts[index]!));
}

/** NFTA_DATA_VALUE in an attribute. */
function valueOf(data: Buffer | undefined, absent: Buffer = Buffer.alloc(0)): Buffer {
  return (data && decodeAttributes(data).get(1)) ?? absent;
}

/** NFTA_DATA_VERDICT in an attribute. */
export function decodeVerdict(data: Buffer | undefined): NftVerdict | undefined {
  const bytes = data && decodeAttributes(data).get(2);
  if (bytes === undefined) return undefined;
  const attributes = decodeAttributes(bytes);
  const code = attributes.get(1)?.readInt32BE(0);
  const name = (Object.keys(VERDICTS) as (keyof typeof VERDICTS)[]).find((verdict) => VERDICTS[verdict] === code);
  if (name === 'jump') return { jump: textOf(attributes.get(2) ?? Buffer.alloc(0)) };
  if (name === 'goto') return { goto: textOf(attributes.get(2) ?? Buffer.alloc(0)) };
  return name;
}
