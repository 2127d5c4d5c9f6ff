/**
 * Device rules as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2), the kernel's
 * Documentation/admin-guide/cgroup-v2.rst, "Device controller"): v2 has no devices.allow file.
 *
 * The program gets a struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }, where access_type is
 * (access << 16) | type, and returns 1 to allow. The last rule that matches decides, so rules are tested from the end.
 */
import type { FullRule } from './devices.ts';

const ACCESS = { m: 1, r: 2, w: 4 } as const;
const TYPE = { b: 1, c: 2 } as const;

/** Opcodes: class, source and operation in one byte. */
const LDX_W = 0x61;
const MOV64_IMM = 0xb7;
const MOV32_REG = 0xbc;
const AND32_IMM = 0x54;
const RSH32_IMM = 0x74;
const JNE_IMM = 0x55;
const JNE_REG = 0x5d;
const EXIT = 0x95;

/** r1 the context, r2 type, r3 access, r4 major, r5 minor; r0 the answer, r6 scratch. */
const [ANSWER, CONTEXT, KIND, WANTED, MAJOR, MINOR, SCRATCH] = [0, 1, 2, 3, 4, 5, 6];

function instruction(code: number, to: number, from = 0, offset = 0, immediate = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = code;
  bytes[1] = (from << 4) | to;
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(immediate | 0, 4);
  return bytes;
}

/** The program's bytes. Without any matching rule access is denied. */
export function deviceProgram(rules: readonly FullRule[]): Uint8Array {
  const out = [
    instruction(LDX_W, KIND!, CONTEXT, 0),
    instruction(MOV32_REG, WANTED!, KIND),
    instruction(AND32_IMM, KIND!, 0, 0, 0xffff),
    instruction(RSH32_IMM, WANTED!, 0, 0, 16),
    instruction(LDX_W, MAJOR!, CONTEXT, 4),
    instruction(LDX_W, MINOR!, CONTEXT, 8),
  ];
  const needed = decisive(rules);
  for (const rule of needed) out.push(...ruleCode(rule));
  // the kernel's verifier refuses what is never reached
  if (!matchesAll(needed.at(-1))) out.push(...answer(false));
  return Buffer.concat(out);
}

function matchesAll(rule: FullRule | undefined): boolean {
  return rule !== undefined && rule.type === 'a' && rule.access === 'rwm' && rule.major === undefined && rule.minor === undefined;
}

/** Later rules first, and none that an earlier one in this order makes unreachable. */
function decisive(rules: readonly FullRule[]): FullRule[] {
  const out: FullRule[] = [];
  for (const rule of rules.toReversed()) {
    out.push(rule);
    if (matchesAll(rule)) break;
  }
  return out;
}

/**
 * An allowing rule must grant every access that is wanted. A denying one strikes when any of its accesses is wanted, as
 * in a v1 list, where it takes these letters away.
 */
function ruleCode(rule: FullRule): Buffer[] {
  const bits = [...rule.access].reduce((sum, letter) => sum | ACCESS[letter as keyof typeof ACCESS], 0);
  const tests: ((skip: number) => Buffer[])[] = [];
  if (rule.type !== 'a') tests.push((skip) => [instruction(JNE_IMM, KIND!, 0, skip, TYPE[rule.type as 'b' | 'c'])]);
  if (bits !== 7) {
    tests.push((skip) => [
      instruction(MOV32_REG, SCRATCH!, WANTED),
      instruction(AND32_IMM, SCRATCH!, 0, 0, bits),
      rule.allow ? instruction(JNE_REG, SCRATCH!, WANTED, skip) : instruction(0x15, SCRATCH!, 0, skip, 0),
    ]);
  }
  if (rule.major !== undefined) tests.push((skip) => [instruction(JNE_IMM, MAJOR!, 0, skip, rule.major)]);
  if (rule.minor !== undefined) tests.push((skip) => [instruction(JNE_IMM, MINOR!, 0, skip, rule.minor)]);
  const out = answer(rule.allow);
  // from the last test back: each jumps over what follows it
  for (const test of tests.toReversed()) out.unshift(...test(out.length));
  return out;
}

function answer(allow: boolean): Buffer[] {
  return [instruction(MOV64_IMM, ANSWER!, 0, 0, allow ? 1 : 0), instruction(EXIT, 0)];
}
