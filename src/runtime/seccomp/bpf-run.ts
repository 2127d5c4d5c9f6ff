/** Runs classic BPF as the kernel does for seccomp. For tests. */
import { MAX_INSTRUCTIONS, OP } from './bpf.ts';

export interface SeccompData {
  readonly nr: number;
  readonly arch: number;
  /** Six arguments of 64 bits. */
  readonly args: readonly bigint[];
}

export interface BpfResult {
  /** SECCOMP_RET_* with its data. */
  readonly value: number;
  /** Instructions executed. */
  readonly steps: number;
}

export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Reads struct sock_filter[]; throws for what the kernel's seccomp_check_filter would refuse. */
export function decodeBpf(bytes: Uint8Array): Instruction[] {
  if (bytes.length % 8 !== 0 || bytes.length === 0) throw new Error(`${bytes.length} bytes are no program`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const program = Array.from({ length: bytes.length / 8 }, (_, i) => ({
    code: view.getUint16(i * 8, true),
    jt: view.getUint8(i * 8 + 2),
    jf: view.getUint8(i * 8 + 3),
    k: view.getUint32(i * 8 + 4, true),
  }));
  if (program.length > MAX_INSTRUCTIONS) throw new Error(`${program.length} instructions`);
  program.forEach(({ code, jt, jf, k }, i) => {
    const fail = (why: string) => {
      throw new Error(`instruction ${i} (${code.toString(16)} ${jt} ${jf} ${k}): ${why}`);
    };
    if (!Object.values(OP).includes(code as never)) fail('unknown opcode');
    if (code === OP.LD_ABS && (k > 60 || k % 4 !== 0)) fail('load outside of seccomp_data');
    if (code === OP.JA && i + 1 + k >= program.length) fail('jump out of the program');
    const isBranch = code === OP.JEQ || code === OP.JGT || code === OP.JGE || code === OP.JSET;
    if (isBranch && i + 1 + Math.max(jt, jf) >= program.length) fail('branch out of the program');
  });
  if (program.at(-1)!.code !== OP.RET) throw new Error('the program does not end with a return');
  return program;
}

/** The filter's answer to one system call. */
export function runBpf(program: readonly Instruction[], data: SeccompData): BpfResult {
  let accumulator = 0;
  let steps = 0;
  for (let at = 0; ; at++) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error(`ran off the program at ${at}`);
    const { code, jt, jf, k } = instruction;
    steps++;
    switch (code) {
      case OP.LD_ABS:
        accumulator = word(data, k);
        break;
      case OP.AND:
        accumulator = (accumulator & k) >>> 0;
        break;
      case OP.JA:
        at += k;
        break;
      case OP.JEQ:
        at += accumulator === k ? jt : jf;
        break;
      case OP.JGT:
        at += accumulator > k ? jt : jf;
        break;
      case OP.JGE:
        at += accumulator >= k ? jt : jf;
        break;
      case OP.JSET:
        at += (accumulator & k) !== 0 ? jt : jf;
        break;
      case OP.RET:
        return { value: k, steps };
    }
  }
}

function word(data: SeccompData, offset: number): number {
  if (offset === 0) return data.nr >>> 0;
  if (offset === 4) return data.arch >>> 0;
  if (offset < 16) throw new Error('the filter looks at the instruction pointer');
  const argument = data.args[(offset - 16) >> 3] ?? 0n;
  return Number(BigInt.asUintN(32, offset % 8 === 0 ? argument : argument >> 32n));
}
