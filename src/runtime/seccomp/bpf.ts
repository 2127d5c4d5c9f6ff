/** An assembler for classic BPF, as seccomp(2) takes it: Documentation/networking/filter.rst of the kernel. */

/** BPF_MAXINSNS: the kernel takes no longer program. */
export const MAX_INSTRUCTIONS = 4096;

/** The opcodes that filters here are made of: all that seccomp's own cache of always-allowed calls understands. */
export const OP = {
  LD_ABS: 0x20, // BPF_LD | BPF_W | BPF_ABS
  AND: 0x54, // BPF_ALU | BPF_AND | BPF_K
  JA: 0x05, // BPF_JMP | BPF_JA
  JEQ: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  JGT: 0x25, // BPF_JMP | BPF_JGT | BPF_K
  JGE: 0x35, // BPF_JMP | BPF_JGE | BPF_K
  JSET: 0x45, // BPF_JMP | BPF_JSET | BPF_K
  RET: 0x06, // BPF_RET | BPF_K
} as const;

/** Somewhere to jump to. */
export interface Target {
  /** Index of the instruction, counted from the program's end. */
  readonly at: number;
  /** The nearest instruction that does the same: `at`, or a later-placed jump to it, or a copy of the return. */
  near: number;
  /** What it returns, if it is a return. */
  readonly value?: number;
}

/**
 * Writes a program from its end to its beginning. So every jump's target exists before the jump, and a target that is
 * out of a conditional jump's reach (255 instructions) gets a stepping stone right behind the jump: a copy of the
 * return, or a JA, which later jumps to the same target use too.
 */
export class Assembler {
  readonly #backwards: { code: number; jt: number; jf: number; k: number }[] = [];
  readonly #returns = new Map<number, Target>();

  get length(): number {
    return this.#backwards.length;
  }

  /** Return `value` (SECCOMP_RET_*). */
  ret(value: number): Target {
    let target = this.#returns.get(value);
    if (target === undefined) {
      const at = this.#emit(OP.RET, value);
      this.#returns.set(value, (target = { at, near: at, value }));
    }
    return target;
  }

  /** Load the 32-bit word at `offset` of seccomp_data; what was written last comes next. */
  load(offset: number): Target {
    return this.#target(this.#emit(OP.LD_ABS, offset));
  }

  /** A &= mask; what was written last comes next. */
  and(mask: number): Target {
    return this.#target(this.#emit(OP.AND, mask));
  }

  /** Compare A with `k`: go to `yes` or `no`. */
  branch(code: number, k: number, yes: Target, no: Target): Target {
    const reach = (target: Target) => this.length - target.near - 1;
    // each stepping stone moves the other target one further away
    while (reach(yes) > 255 || reach(no) > 255) this.#stone(reach(yes) > reach(no) ? yes : no);
    return this.#target(this.#emit(code, k, reach(yes), reach(no)));
  }

  /** The whole program as struct sock_filter[], little endian. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(this.length * 8);
    const view = new DataView(bytes.buffer);
    this.#backwards.toReversed().forEach(({ code, jt, jf, k }, i) => {
      view.setUint16(i * 8, code, true);
      view.setUint8(i * 8 + 2, jt);
      view.setUint8(i * 8 + 3, jf);
      view.setUint32(i * 8 + 4, k, true);
    });
    return bytes;
  }

  #stone(target: Target): void {
    target.near = target.value === undefined ? this.#emit(OP.JA, this.length - target.at - 1) : this.#emit(OP.RET, target.value);
  }

  #target(at: number): Target {
    return { at, near: at };
  }

  #emit(code: number, k: number, jt = 0, jf = 0): number {
    this.#backwards.push({ code, jt, jf, k: k >>> 0 });
    return this.length - 1;
  }
}
