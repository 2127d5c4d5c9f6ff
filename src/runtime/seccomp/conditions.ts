/** Comparisons of 64-bit arguments, in the 32-bit words that classic BPF has. */
import { type Assembler, OP, type Target } from './bpf.ts';

export type Comparison = 'NE' | 'LT' | 'LE' | 'EQ' | 'GE' | 'GT' | 'MASKED_EQ';

/** One comparison of one argument. */
export interface Condition {
  /** 0 to 5. */
  readonly index: number;
  readonly op: Comparison;
  /** What the argument, or its masked bits, is compared with: no bits outside of the mask. */
  readonly value: bigint;
  /** MASKED_EQ: the bits to look at. */
  readonly mask: bigint;
}

/** A rule for one system call: when all the conditions hold, `ret`. */
export interface Rule {
  readonly conditions: readonly Condition[];
  /** SECCOMP_RET_* with its data. */
  readonly ret: number;
  /** How much of an argument is compared. */
  readonly bits: 32 | 64;
}

/** Code that may be entered behind its first load by who has that word already. */
interface Block {
  readonly start: Target;
  /** The word of seccomp_data that it loads first, and where it goes on. */
  readonly first?: { readonly word: number; readonly loaded: Target };
}

const low = (value: bigint) => Number(BigInt.asUintN(32, value));
const high = (value: bigint) => Number(BigInt.asUintN(32, value >> 32n));

/** Where to go from code that has `word` (undefined: something else) in the accumulator. */
function enter(block: Block, word: number | undefined): Target {
  return block.first !== undefined && block.first.word === word ? block.first.loaded : block.start;
}

/** Writes rules to be tried one after the other; none matching, go to `otherwise`. */
export function writeRules(to: Assembler, rules: readonly Rule[], otherwise: Target): Target {
  let next: Block = { start: otherwise };
  for (const { conditions, ret, bits } of rules.toReversed()) {
    let then: Block = { start: to.ret(ret) };
    for (const condition of conditions.toReversed()) then = writeCondition(to, condition, bits, then, next);
    next = then;
  }
  return next.start;
}

function writeCondition(to: Assembler, condition: Condition, bits: 32 | 64, yes: Block, no: Block): Block {
  const { index, value, mask } = condition;
  const lowWord = 16 + 8 * index;
  const highWord = lowWord + 4;
  const wide = bits === 64;
  const [op, holds, fails] = positive(condition.op, yes, no);
  if (op === 'MASKED_EQ') {
    let block = writeMasked(to, lowWord, low(mask), low(value), holds, fails);
    if (wide) block = writeMasked(to, highWord, high(mask), high(value), block, fails);
    return block;
  }
  const code = op === 'EQ' ? OP.JEQ : op === 'GT' ? OP.JGT : OP.JGE;
  const inLow = writeTest(to, lowWord, code, low(value), holds, fails);
  if (!wide) return inLow;
  const top = high(value);
  if (op === 'EQ') return writeTest(to, highWord, OP.JEQ, top, inLow, fails);
  if (top === 0) return writeTest(to, highWord, OP.JEQ, 0, inLow, holds);
  const same = to.branch(OP.JEQ, top, enter(inLow, highWord), enter(fails, highWord));
  const loaded = to.branch(OP.JGT, top, enter(holds, highWord), same);
  return { start: to.load(highWord), first: { word: highWord, loaded } };
}

/** NE, LT and LE are their opposites with the answers exchanged. */
function positive(op: Comparison, yes: Block, no: Block): ['EQ' | 'GE' | 'GT' | 'MASKED_EQ', Block, Block] {
  switch (op) {
    case 'NE':
      return ['EQ', no, yes];
    case 'LT':
      return ['GE', no, yes];
    case 'LE':
      return ['GT', no, yes];
    default:
      return [op, yes, no];
  }
}

function writeTest(to: Assembler, word: number, code: number, k: number, yes: Block, no: Block): Block {
  const loaded = to.branch(code, k, enter(yes, word), enter(no, word));
  return { start: to.load(word), first: { word, loaded } };
}

function writeMasked(to: Assembler, word: number, mask: number, value: number, yes: Block, no: Block): Block {
  if (mask === 0) return yes;
  if (value === 0) return writeTest(to, word, OP.JSET, mask, no, yes);
  if (mask === 0xffffffff) return writeTest(to, word, OP.JEQ, value, yes, no);
  to.branch(OP.JEQ, value, yes.start, no.start);
  const loaded = to.and(mask);
  return { start: to.load(word), first: { word, loaded } };
}
