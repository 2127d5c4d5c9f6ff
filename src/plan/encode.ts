/**
 * A plan as bytes, for the native helper. Little-endian; every size is a multiple of 8.
 *
 *     header   "KOBAKO1\0"  u32 total bytes  u32 operations  u32 schema hash  u32 0
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

class Writer {
  #buffer = Buffer.alloc(16 << 10);
  length = 0;

  #room(bytes: number): void {
    while (this.length + bytes > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
    }
  }
  u8(value: number): void {
    this.#room(1);
    this.length = this.#buffer.writeUInt8(value, this.length);
  }
  u16(value: number): void {
    this.#room(2);
    this.length = this.#buffer.writeUInt16LE(value, this.length);
  }
  u32(value: number): void {
    this.#room(4);
    this.length = this.#buffer.writeUInt32LE(value >>> 0, this.length);
  }
  u64(value: number | bigint): void {
    this.#room(8);
    // most are numbers, and a bigint costs ten times as much
    if (typeof value === 'number' && Number.isSafeInteger(value)) {
      this.#buffer.writeUInt32LE(value >>> 0, this.length);
      this.length = this.#buffer.writeInt32LE(Math.floor(value / 0x1_0000_0000), this.length + 4);
    } else this.length = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), this.length);
  }
  /** In UTF-8; gives how many bytes that are. */
  text(value: string): number {
    this.#room(value.length * 3 + 16);
    const bytes = this.#buffer.write(value, this.length);
    this.length += bytes;
    return bytes;
  }
  raw(data: Uint8Array): void {
    this.#room(data.length + 16);
    this.#buffer.set(data, this.length);
    this.length += data.length;
  }
  pad(): void {
    this.#room(8);
    this.length += (8 - (this.length % 8)) % 8;
  }
  u32At(position: number, value: number): void {
    this.#buffer.writeUInt32LE(value, position);
  }
  done(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }
}

/** The bytes of a plan. Throws `invalid` for a string with NUL, an unknown errno or too many open slots. */
export function encodePlan(plan: Plan): Buffer {
  const out = new Writer();
  out.raw(Buffer.from('KOBAKO1\0'));
  for (const word of [0, plan.ops.length, schemaHash(), 0]) out.u32(word);
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
  out.u16(opCode(op.op));
  out.u8(SIDES[op.side]);
  out.u8(0);
  out.u32(0);
  const ignore = op.ignore ?? [];
  if (ignore.length > 2) throw invalid(`${op.op}: at most two errors can be ignored`);
  for (const i of [0, 1]) out.u16(ignore[i] === undefined ? 0 : errnoOf(ignore[i]));
  out.u32(0);
  const values = op as unknown as Record<string, unknown>;
  for (const [name, kind] of fieldsOf(op.op)) {
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
        out.pad();
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
  out.u8(0);
  out.pad();
}

function writeText(out: Writer, value: string, op: string, field: string): void {
  checkText(value, op, field);
  const at = out.length;
  out.u32(0);
  out.u32At(at, out.text(value));
  out.u8(0);
  out.pad();
}

function bytesOf(value: string, op: string, field: string): Buffer {
  checkText(value, op, field);
  return Buffer.from(value);
}

function checkText(value: string, op: string, field: string): void {
  if (value.includes('\0')) throw invalid(`${op}.${field}: a NUL byte is not allowed in ${JSON.stringify(value)}`);
}

function errnoOf(name: string): number {
  const errno = (constants.errno as Record<string, number>)[name];
  if (errno === undefined) throw new TypeError(`unknown errno ${name}`);
  return errno;
}

/** Slot names to numbers: a number is free again when its name is closed. */
class SlotNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #used = new Set<number>();

  number(name: string, open: boolean): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (!open) throw new TypeError(`slot ${name} is used before it is opened`);
    let number = 0;
    while (this.#used.has(number)) number++;
    if (number >= MAX_SLOTS) throw invalid(`a plan can have at most ${MAX_SLOTS} slots open`);
    this.#numbers.set(name, number);
    this.#used.add(number);
    return number;
  }

  copy(): SlotNumbers {
    const copy = new SlotNumbers();
    for (const [name, number] of this.#numbers) copy.#numbers.set(name, number);
    for (const number of this.#used) copy.#used.add(number);
    return copy;
  }

  free(name: string): void {
    this.#used.delete(this.#numbers.get(name)!);
    this.#numbers.delete(name);
  }
}
