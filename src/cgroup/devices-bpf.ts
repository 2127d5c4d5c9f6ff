/**
 * Device rules as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2), the kernel's
 * Documentation/admin-guide/cgroup-v2.rst, "Device controller"): v2 has no devices.allow file.
 *
 * The program gets a struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }, where access_type is
 * (access << 16) | type, and returns 1 to allow. For each letter of rwm that is wanted, the last rule that matches decides;
 * so rules are tested from the end, and what one has granted is no longer wanted.
 */
import { isForAll, type FullRule } from './devices.ts';

const ACCESS = { m: 1, r: 2, w: 4 } as const;
const TYPE = { b: 1, c: 2 } as const;

/** Opcodes: class, source and operation in one byte. */
const LDX_W = 0x61;
const MOV64_IMM = 0xb7;
const MOV32_REG = 0xbc;
const AND32_IMM = 0x54;
const RSH32_IMM = 0x74;
const JNE_IMM = 0x55;
const JEQ_IMM = 0x15;
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
  // what stands before a rule for everything is never reached, and the kernel's verifier refuses that
  const from = Math.max(rules.findLastIndex(isForAll), 0);
  const needed = rules.slice(from).toReversed();
  for (const rule of needed) out.push(...ruleCode(rule));
  const last = needed.at(-1);
  if (last === undefined || !isForAll(last)) out.push(...answer(false));
  return Buffer.concat(out);
}

function ruleCode(rule: FullRule): Buffer[] {
  if (isForAll(rule)) return answer(rule.allow);
  const bits = [...rule.access].reduce((sum, letter) => sum | ACCESS[letter as keyof typeof ACCESS], 0);
  const out = rule.allow
    ? [instruction(AND32_IMM, WANTED!, 0, 0, 7 & ~bits), instruction(JNE_IMM, WANTED!, 0, 2, 0), ...answer(true)]
    : [instruction(MOV32_REG, SCRATCH!, WANTED), instruction(AND32_IMM, SCRATCH!, 0, 0, bits), instruction(JEQ_IMM, SCRATCH!, 0, 2, 0), ...answer(false)];
  // from the last test back: each jumps over what follows it
  const test = (register: number, value: number) => out.unshift(instruction(JNE_IMM, register, 0, out.length, value));
  if (rule.minor !== undefined) test(MINOR!, rule.minor);
  if (rule.major !== undefined) test(MAJOR!, rule.major);
  if (rule.type !== 'a') test(KIND!, TYPE[rule.type]);
  return out;
}

function answer(allow: boolean): Buffer[] {
  return [instruction(MOV64_IMM, ANSWER!, 0, 0, allow ? 1 : 0), instruction(EXIT, 0)];
}
