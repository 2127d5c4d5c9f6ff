/**
 * A plan as bytes, for the native helper. Little-endian; every size is a multiple of 8.
 *
 *     header   "KOBAKO1\0"  u32 total bytes  u32 operations  u32 schema hash  u32 1 where more follows, or 0
 *     op       u16 code  u8 side (0 monitor, 1 container, 2 cleanup)  u8 0  u32 bytes of the op, with this head
 *              u16 ignored errno or 0  u16 ignored errno or 0  u32 0         then its fields:
 *     int      u64 (two's complement)
 *     new, slot, slot?   u64 slot number, 2^64-1 where absent
 *     str, bytes, u32s   u32 length  data  NUL  zeros up to a multiple of 8     (the length is without the NUL)
 *     strs     u32 count  u32 length  the strings, a NUL after each  zeros up to a multiple of 8
 */
import { constants } from 'node:os';
import { invalid } from '../base/errors.ts';
import { fieldsOf, MAX_SLOTS, opCode, schemaHash, type Op, type Plan } from './ops.ts';

const SIDES = { monitor: 0, container: 1, cleanup: 2 } as const;
const ABSENT = 0xffff_ffff_ffff_ffffn;

/** The largest plan that the helper takes, in bytes. */
export const MAX_PLAN = 8 << 20;

/** Texts up to here are copied quicker here than by a call of Node's. */
const SHORT = 64;

class Writer {
  #bytes = new Uint8Array(32 << 10);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  #room(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.length + bytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }
  u64(value: number | bigint): void {
    this.#room(8);
    // most are numbers, and a bigint costs ten times as much
    if (typeof value === 'number' && Number.isSafeInteger(value)) {
      this.#view.setUint32(this.length, value, true);
      this.#view.setInt32(this.length + 4, Math.floor(value / 0x1_0000_0000), true);
    } else this.#view.setBigUint64(this.length, BigInt.asUintN(64, BigInt(value)), true);
    this.length += 8;
  }
  /** Its length in UTF-8, its bytes, NUL, padding. False where it has a NUL in it. */
  text(value: string): boolean {
    this.#room(value.length * 3 + 20);
    const at = this.length + 4;
    let end = value.length <= SHORT ? this.#ascii(value, at) : undefined;
    if (end === undefined) {
      if (value.includes('\0')) return false;
      end = at + utf8.encodeInto(value, this.#bytes.subarray(at)).written;
    } else if (end < 0) return false;
    this.#view.setUint32(this.length, end - at, true);
    this.length = end;
    this.pad();
    return true;
  }
  /** Where it ends; -1 where it has a NUL in it; undefined where it is not all ASCII. */
  #ascii(value: string, start: number): number | undefined {
    const bytes = this.#bytes;
    const { length } = value;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return undefined;
      if (code === 0) return -1;
      bytes[start + i] = code;
    }
    return start + length;
  }
  raw(data: Uint8Array): void {
    this.#room(data.length + 16);
    this.#bytes.set(data, this.length);
    this.length += data.length;
  }
  /** At least one NUL, up to a multiple of 8. Nothing has been written there before. */
  pad(): void {
    this.#room(8);
    this.length = (this.length & ~7) + 8;
  }
  /** NULs up to a multiple of 8. */
  align(): void {
    if (this.length % 8 !== 0) this.pad();
  }
  u32At(position: number, value: number): void {
    this.#view.setUint32(position, value, true);
  }
  done(): Buffer {
    return Buffer.from(this.#bytes.buffer, 0, this.length);
  }
}

const utf8 = new TextEncoder();

/** The bytes of a plan. Throws `invalid` for a string with NUL, an unknown errno or too many open slots. */
export function encodePlan(plan: Plan): Buffer {
  const out = new Writer();
  out.raw(Buffer.from('KOBAKO1\0'));
  for (const word of [0, plan.ops.length, schemaHash(), plan.more === true ? 1 : 0]) out.u32(word);
  const monitor = new SlotNumbers();
  let container = monitor;
  for (const op of plan.ops) {
    writeOp(out, op, op.side === 'container' ? container : monitor);
    // from here on each process has its own copies
    if (op.op === 'clone') container = monitor.copy();
  }
  if (out.length > MAX_PLAN) throw invalid(`the plan is too large: ${out.length} bytes, at most ${MAX_PLAN}`);
  out.u32At(8, out.length);
  return out.done();
}

function writeOp(out: Writer, op: Op, slots: SlotNumbers): void {
  const start = out.length;
  out.u32(opCode(op.op) | (SIDES[op.side] << 16));
  out.u32(0);
  const { ignore } = op;
  if (ignore !== undefined && ignore.length > 2) throw invalid(`${op.op}: at most two errors can be ignored`);
  out.u32(ignore === undefined ? 0 : errnoOf(ignore[0]) | (errnoOf(ignore[1]) << 16));
  out.u32(0);
  const values = op as unknown as Record<string, unknown>;
  const fields = fieldsOf(op.op);
  for (let i = 0; i < fields.length; i++) {
    const name = fields[i]![0];
    const kind = fields[i]![1];
    const value = values[name];
    switch (kind) {
      case 'int':
        out.u64(value as number | bigint);
        break;
      case 'new':
      case 'slot':
        out.u64(slots.number(value as string, kind === 'new'));
        break;
      case 'slot?':
        out.u64(value === undefined ? ABSENT : slots.number(value as string, false));
        break;
      case 'str':
        writeText(out, value as string, op.op, name);
        break;
      case 'bytes':
        writeBytes(out, value as Uint8Array);
        break;
      case 'u32s':
        writeBytes(out, new Uint8Array(Uint32Array.from(value as number[]).buffer));
        break;
      case 'strs': {
        const all = Buffer.concat((value as string[]).flatMap((item) => [bytesOf(item, op.op, name), Buffer.alloc(1)]));
        out.u32((value as string[]).length);
        out.u32(all.length);
        out.raw(all);
        out.align();
        break;
      }
    }
  }
  out.u32At(start + 4, out.length - start);
  if (op.op === 'close') slots.free(op.slot);
}

function writeBytes(out: Writer, data: Uint8Array): void {
  out.u32(data.length);
  out.raw(data);
  out.pad();
}

function writeText(out: Writer, value: string, op: string, field: string): void {
  if (!out.text(value)) throw withNul(value, op, field);
}

function bytesOf(value: string, op: string, field: string): Buffer {
  if (value.includes('\0')) throw withNul(value, op, field);
  return Buffer.from(value);
}

function withNul(value: string, op: string, field: string): Error {
  return invalid(`${op}.${field}: a NUL byte is not allowed in ${JSON.stringify(value)}`);
}

function errnoOf(name: string | undefined): number {
  if (name === undefined) return 0;
  const errno = (constants.errno as Record<string, number>)[name];
  if (errno === undefined) throw new TypeError(`unknown errno ${name}`);
  return errno;
}

/** Slot names to numbers: a number is free again when its name is closed. Few are open at a time. */
class SlotNumbers {
  readonly #names: (string | undefined)[];

  constructor(names: readonly (string | undefined)[] = []) {
    this.#names = [...names];
  }

  number(name: string, open: boolean): number {
    const known = this.#names.indexOf(name);
    if (known >= 0) return known;
    if (!open) throw new TypeError(`slot ${name} is used before it is opened`);
    const free = this.#names.indexOf(undefined);
    const number = free >= 0 ? free : this.#names.length;
    if (number >= MAX_SLOTS) throw invalid(`a plan can have at most ${MAX_SLOTS} slots open`);
    this.#names[number] = name;
    return number;
  }

  copy(): SlotNumbers {
    return new SlotNumbers(this.#names);
  }

  free(name: string): void {
    const at = this.#names.indexOf(name);
    if (at >= 0) this.#names[at] = undefined;
  }
}
