/** Compiles an OCI seccomp profile to the classic BPF program that seccomp(2) takes. No libseccomp, no root. */
import { invalid } from '../../base/errors.ts';
import type { Seccomp } from '../spec.ts';
import { type Arch, ARCHES, syscallTable, X32_BIT, X86_MULTIPLEXED } from './arches.ts';
import { Assembler, MAX_INSTRUCTIONS, OP, type Target } from './bpf.ts';
import { type Condition, type Rule, writeRules } from './conditions.ts';
import { type CheckedProfile, checkProfile, FILTER_FLAG, RET } from './profile.ts';

export interface SeccompHost {
  readonly arch: 'x86_64' | 'aarch64';
  /** The SECCOMP_FILTER_FLAG_* that the kernel knows. Default: all of a 5.19 kernel. */
  readonly flags?: number;
}

export interface CompiledSeccomp {
  /** struct sock_filter[], little endian. */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
  /** Whether seccomp(2) will answer with a listener's fd: somebody must serve it, at the profile's listenerPath. */
  readonly listener: boolean;
  readonly warnings: readonly string[];
}

/** What to do about one system call: always the same, or what the first matching rule says. */
type Decision = number | readonly Rule[];

/** From `start` to the next one's start, all numbers are decided alike. */
interface Segment {
  readonly start: number;
  readonly decision: Decision;
}

const ENOSYS = RET.ERRNO | 38;
/** libseccomp's default for the calls of an architecture that the profile does not name. */
const BAD_ARCH = RET.KILL_THREAD;
const NR = 0; // offsets in struct seccomp_data
const ARCH = 4;
const EVERY_FLAG = FILTER_FLAG.LOG | FILTER_FLAG.SPEC_ALLOW | FILTER_FLAG.WAIT_KILLABLE_RECV;

/**
 * The filter for `profile`, meaning what runc and libseccomp make of it:
 *
 * - The host's own architecture is always part of it; a call through one that the profile does not name kills the thread.
 * - A name that an architecture does not have is skipped there. One that none has is skipped with a warning.
 * - A rule with the default action is skipped. Of two rules without conditions the first wins; one without conditions
 *   wins over those with. Of rules with conditions the first that matches wins.
 * - Conditions of one rule must all hold, except when two are about the same argument: then any of them is enough.
 * - On 32-bit architectures and x32 conditions compare the low 32 bits.
 * - On 32-bit x86 a rule for a socket or System V IPC call also covers that call made through socketcall(2) or ipc(2),
 *   where a condition on the first argument cannot be checked and is dropped.
 * - Unless the default action lets calls through, a call newer than everything that the profile names is answered with
 *   ENOSYS, for programs that try a new call and fall back, on the architectures that the profile names.
 *
 * Throws `invalid`, naming the field, for a bad profile, and for one whose filter would be longer than the kernel takes.
 */
export function compileSeccomp(profile: Seccomp, host: SeccompHost): CompiledSeccomp {
  // what nobody can change is compiled once
  if (!Object.isFrozen(profile)) return compile(profile, host);
  const known = compiled.get(profile);
  if (known !== undefined && known.arch === host.arch && known.flags === host.flags) return known.result;
  const result = compile(profile, host);
  compiled.set(profile, { ...host, result });
  return result;
}

const compiled = new WeakMap<Seccomp, SeccompHost & { result: CompiledSeccomp }>();

function compile(profile: Seccomp, host: SeccompHost): CompiledSeccomp {
  const checked = checkProfile(profile, host.flags ?? EVERY_FLAG);
  const native = ARCHES[host.arch === 'x86_64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64']!;
  const groups = Map.groupBy(new Set([native, ...checked.arches]), ({ audit }) => audit);
  const to = new Assembler();
  let entry = to.ret(BAD_ARCH);
  const trees = [...groups].map(([audit, arches]) => [audit, writeTree(to, segments(checked, arches), checked.defaultRet)] as const);
  for (const [audit, tree] of trees.toReversed()) entry = to.branch(OP.JEQ, audit, tree, entry);
  to.load(ARCH);
  if (to.length > MAX_INSTRUCTIONS) throw invalid(`seccomp: the profile needs ${to.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`);
  const listener = (checked.flags & FILTER_FLAG.NEW_LISTENER) !== 0;
  return { filter: to.encode(), flags: checked.flags, listener, warnings: checked.warnings };
}

/** Every number of the architectures that share an AUDIT_ARCH (x86_64 and x32, or one), from 0 to 2^32 - 1. */
function segments(profile: CheckedProfile, arches: readonly Arch[]): Segment[] {
  const decisions = new Map<number, Decision>();
  for (const arch of arches) for (const [number, decision] of decide(profile, arch)) decisions.set(number, decision);
  const [base, changes] = unnamed(profile, arches);
  const starts = new Set(changes);
  for (const number of decisions.keys()) starts.add(number).add(number + 1);
  const result: Segment[] = [];
  for (const start of [...starts].sort((a, b) => a - b)) {
    const decision = decisions.get(start) ?? base(start);
    if (result.length === 0 || key(result.at(-1)!.decision) !== key(decision)) result.push({ start, decision });
  }
  return result;
}

/** What the profile's rules say of an architecture's system calls, by number. */
function decide(profile: CheckedProfile, arch: Arch): Map<number, Decision> {
  const table = syscallTable(arch.name);
  const decisions = new Map<number, Decision>();
  const add = (name: string, conditions: readonly Condition[], ret: number) => {
    const number = table.get(name);
    if (number === undefined) return;
    const before = decisions.get(number + arch.bit) ?? [];
    if (typeof before === 'number') return;
    decisions.set(number + arch.bit, conditions.length === 0 ? ret : [...before, { conditions, ret, bits: arch.bits }]);
  };
  for (const { names, ret, alternatives } of profile.rules) {
    if (ret === profile.defaultRet) continue;
    for (const name of names)
      for (const conditions of alternatives) {
        const [by, call] = (arch.name === 'x86' && X86_MULTIPLEXED[name]) || [];
        if (by !== undefined) {
          const which: Condition = { index: 0, op: 'EQ', value: BigInt(call!), mask: 0xffffffffffffffffn };
          add(by, [which, ...conditions.filter(({ index }) => index !== 0)], ret);
        }
        add(name, conditions, ret);
      }
  }
  return decisions;
}

/** What to answer to a number that no rule is about, and the numbers from which on that changes. */
function unnamed(profile: CheckedProfile, arches: readonly Arch[]): [base: (number: number) => number, changes: number[]] {
  const names = new Set(profile.rules.flatMap((rule) => rule.names));
  const permissive = [RET.ALLOW, RET.LOG, RET.TRACE].includes((profile.defaultRet & 0xffff0000) as never);
  /** The last number that is not too new. */
  const last = (arch: Arch): number => {
    if (permissive || !profile.arches.includes(arch)) return Infinity;
    const known = [...names].map((name) => syscallTable(arch.name).get(name) ?? 0).filter((n) => n < arch.privateFrom);
    const most = Math.max(0, ...known);
    return most === 0 ? Infinity : most + arch.bit;
  };
  const plain = arches.find(({ bit }) => bit === 0);
  const x32 = arches.find(({ bit }) => bit === X32_BIT);
  const hasX32 = plain?.name === 'x86_64' || x32 !== undefined;
  const plainLast = plain === undefined ? Infinity : last(plain);
  const x32Last = x32 === undefined ? Infinity : last(x32);
  const base = (number: number) => {
    if (hasX32 && (number & X32_BIT) !== 0) {
      if (number > x32Last) return ENOSYS;
      return x32 === undefined && number !== 0xffffffff ? BAD_ARCH : profile.defaultRet;
    }
    if (plain === undefined) return BAD_ARCH;
    if (number > plainLast && number < plain.privateFrom) return ENOSYS;
    return profile.defaultRet;
  };
  const changes = [0, plainLast + 1, plain?.privateFrom ?? 0, x32Last + 1, X32_BIT, 0x80000000, 0xc0000000, 0xffffffff];
  return [base, changes.filter((change) => change < 2 ** 32)];
}

/** Writes the search for the segment that a number lies in: a balanced tree, behind the load of the number. */
function writeTree(to: Assembler, all: readonly Segment[], otherwise: number): Target {
  const targets = new Map<string, Target>();
  for (const { decision } of all) {
    const name = key(decision);
    if (targets.has(name)) continue;
    targets.set(name, typeof decision === 'number' ? to.ret(decision) : writeRules(to, decision, to.ret(otherwise)));
  }
  const target = (i: number) => targets.get(key(all[i]!.decision))!;
  const write = (from: number, end: number): Target => {
    if (end - from === 1) return target(from);
    // one number alone among others: a single comparison
    if (end - from === 3 && target(from) === target(from + 2) && all[from + 2]!.start - all[from + 1]!.start === 1)
      return to.branch(OP.JEQ, all[from + 1]!.start, target(from + 1), target(from));
    const middle = (from + end) >> 1;
    const right = write(middle, end);
    const left = write(from, middle);
    return to.branch(OP.JGE, all[middle]!.start, right, left);
  };
  if (all.length === 1) return target(0);
  write(0, all.length);
  return to.load(NR);
}

const keys = new WeakMap<readonly Rule[], string>();

function key(decision: Decision): string {
  if (typeof decision === 'number') return String(decision);
  let text = keys.get(decision);
  if (text === undefined) keys.set(decision, (text = JSON.stringify(decision, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))));
  return text;
}
