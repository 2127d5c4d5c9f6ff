/** Checks a profile and brings it into the form that the compiler works on. */
import { invalid } from '../../base/errors.ts';
import type { Seccomp, SeccompRule } from '../spec.ts';
import { type Arch, ARCHES, FOREIGN_ARCHES, isSyscallName } from './arches.ts';
import type { Comparison, Condition } from './conditions.ts';

/** SECCOMP_RET_* (seccomp(2)). */
export const RET = {
  KILL_PROCESS: 0x80000000,
  KILL_THREAD: 0x00000000,
  TRAP: 0x00030000,
  ERRNO: 0x00050000,
  USER_NOTIF: 0x7fc00000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
} as const;

/** SECCOMP_FILTER_FLAG_* (seccomp(2)). */
export const FILTER_FLAG = {
  TSYNC: 1,
  LOG: 2,
  SPEC_ALLOW: 4,
  NEW_LISTENER: 8,
  TSYNC_ESRCH: 16,
  WAIT_KILLABLE_RECV: 32,
} as const;

const EPERM = 1;
/** The kernel's MAX_ERRNO: it would lower anything larger to this. */
const MAX_ERRNO = 4095;

const ACTIONS: Readonly<Record<string, number>> = {
  SCMP_ACT_KILL: RET.KILL_THREAD,
  SCMP_ACT_KILL_THREAD: RET.KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: RET.KILL_PROCESS,
  SCMP_ACT_TRAP: RET.TRAP,
  SCMP_ACT_ERRNO: RET.ERRNO,
  SCMP_ACT_TRACE: RET.TRACE,
  SCMP_ACT_ALLOW: RET.ALLOW,
  SCMP_ACT_LOG: RET.LOG,
  SCMP_ACT_NOTIFY: RET.USER_NOTIF,
};

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  SCMP_CMP_NE: 'NE',
  SCMP_CMP_LT: 'LT',
  SCMP_CMP_LE: 'LE',
  SCMP_CMP_EQ: 'EQ',
  SCMP_CMP_GE: 'GE',
  SCMP_CMP_GT: 'GT',
  SCMP_CMP_MASKED_EQ: 'MASKED_EQ',
};

/** A checked rule of the profile. */
export interface ProfileRule {
  readonly names: readonly string[];
  readonly ret: number;
  /** It matches when all the conditions of one of these hold. */
  readonly alternatives: readonly (readonly Condition[])[];
}

export interface CheckedProfile {
  readonly defaultRet: number;
  readonly rules: readonly ProfileRule[];
  /** The architectures that the profile names and that there is a table for, each once. */
  readonly arches: readonly Arch[];
  readonly flags: number;
  readonly warnings: readonly string[];
}

/** Throws `invalid`, naming the field and what it holds, for what is not a profile. */
export function checkProfile(profile: Seccomp, supportedFlags: number): CheckedProfile {
  const warnings: string[] = [];
  const defaultRet = action(profile.defaultAction, profile.defaultErrnoRet, 'defaultAction', warnings);
  if (defaultRet === RET.USER_NOTIF) throw invalid('seccomp: defaultAction: SCMP_ACT_NOTIFY cannot be the default');
  const rules = list(profile.syscalls, 'syscalls').map((rule, i) => checkRule(rule, `syscalls[${i}]`, warnings));
  const notifies = rules.some(({ ret }) => ret === RET.USER_NOTIF);
  if (notifies && !profile.listenerPath) throw invalid('seccomp: SCMP_ACT_NOTIFY is used, but listenerPath is not given');
  const unknown = new Set(rules.flatMap(({ names }) => names).filter((name) => !isSyscallName(name)));
  if (unknown.size > 0) warnings.push(`seccomp: unknown system calls are skipped: ${[...unknown].join(', ')}`);
  return {
    defaultRet,
    rules,
    arches: checkArches(profile.architectures, warnings),
    flags: checkFlags(profile.flags, supportedFlags, notifies, warnings),
    warnings,
  };
}

function action(name: unknown, errno: unknown, field: string, warnings: string[]): number {
  const ret = own(ACTIONS, name);
  if (ret === undefined) throw invalid(`seccomp: ${field}: unknown action ${show(name)}`);
  const takesErrno = ret === RET.ERRNO || ret === RET.TRACE;
  if (errno === undefined || errno === null) return takesErrno ? (ret | EPERM) >>> 0 : ret;
  const most = ret === RET.TRACE ? 0xffff : MAX_ERRNO;
  if (!Number.isInteger(errno) || (errno as number) < 0 || (errno as number) > most)
    throw invalid(`seccomp: ${field}: errno ${show(errno)} is not a number from 0 to ${most}`);
  if (takesErrno) return (ret | (errno as number)) >>> 0;
  warnings.push(`seccomp: ${field}: ${name as string} takes no errno, ${errno as number} is ignored`);
  return ret;
}

function checkRule(rule: SeccompRule, field: string, warnings: string[]): ProfileRule {
  if (typeof rule !== 'object' || rule === null) throw invalid(`seccomp: ${field}: ${show(rule)} is not an object`);
  const ret = action(rule.action, rule.errnoRet, `${field}.action`, warnings);
  const names = list(rule.names, `${field}.names`);
  for (const name of names) {
    if (typeof name !== 'string' || name === '') throw invalid(`seccomp: ${field}.names: ${show(name)} is not a system call's name`);
    // as runc: whoever sets a container up must be able to report that it has the listener
    if (ret === RET.USER_NOTIF && name === 'write') throw invalid(`seccomp: ${field}: SCMP_ACT_NOTIFY cannot be used for write`);
  }
  const conditions = list(rule.args, `${field}.args`).map((arg, i) => checkCondition(arg, `${field}.args[${i}]`));
  // as runc: when two conditions are about one argument, each of all the conditions is a rule of its own
  const repeated = new Set(conditions.map(({ index }) => index)).size < conditions.length;
  return { names, ret, alternatives: repeated ? conditions.map((condition) => [condition]) : [conditions] };
}

type Arg = NonNullable<SeccompRule['args']>[number];

function checkCondition(arg: Arg, field: string): Condition {
  if (typeof arg !== 'object' || arg === null) throw invalid(`seccomp: ${field}: ${show(arg)} is not an object`);
  const op = own(COMPARISONS, arg.op);
  if (op === undefined) throw invalid(`seccomp: ${field}.op: unknown operator ${show(arg.op)}`);
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) throw invalid(`seccomp: ${field}.index: ${show(arg.index)} is not a number from 0 to 5`);
  const value = uint64(arg.value ?? 0, `${field}.value`);
  const second = uint64(arg.valueTwo ?? 0, `${field}.valueTwo`);
  // as libseccomp: bits of the value that the mask leaves out do not count
  return op === 'MASKED_EQ' ? { index: arg.index, op, value: second & value, mask: value } : { index: arg.index, op, value, mask: 0xffffffffffffffffn };
}

function uint64(value: unknown, field: string): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw invalid(`seccomp: ${field}: ${value} is not an exact integer`, Number.isInteger(value) ? 'above 2^53 give a bigint' : undefined);
  const big = typeof value === 'number' ? BigInt(value) : value;
  if (typeof big !== 'bigint' || big < 0n || big > 0xffffffffffffffffn) throw invalid(`seccomp: ${field}: ${show(value)} is not an unsigned 64-bit number`);
  return big;
}

function checkArches(names: unknown, warnings: string[]): Arch[] {
  const arches = new Set<Arch>();
  for (const name of list(names as string[] | undefined, 'architectures')) {
    const arch = own(ARCHES, name);
    if (arch !== undefined) arches.add(arch);
    else if (FOREIGN_ARCHES.has(name)) warnings.push(`seccomp: architectures: ${name} cannot run here, it is left out`);
    else throw invalid(`seccomp: architectures: unknown architecture ${show(name)}`);
  }
  return [...arches];
}

function checkFlags(names: unknown, supported: number, notifies: boolean, warnings: string[]): number {
  let flags = notifies ? FILTER_FLAG.NEW_LISTENER : 0;
  // as runc: without a list (an empty one is a list) SPEC_ALLOW where the kernel has it
  if (names === undefined || names === null) return flags | (supported & FILTER_FLAG.SPEC_ALLOW);
  for (const name of list(names as string[], 'flags')) {
    const flag = own(FILTER_FLAG, String(name).replace(/^SECCOMP_FILTER_FLAG_/, ''));
    if (flag === undefined || !String(name).startsWith('SECCOMP_FILTER_FLAG_')) throw invalid(`seccomp: flags: unknown flag ${show(name)}`);
    // the process that installs the filter has one thread, and NEW_LISTENER follows from the actions
    if (flag === FILTER_FLAG.TSYNC || flag === FILTER_FLAG.TSYNC_ESRCH || flag === FILTER_FLAG.NEW_LISTENER) continue;
    if ((supported & flag) === 0) throw invalid(`seccomp: flags: this kernel does not have ${name}`);
    if (flag === FILTER_FLAG.WAIT_KILLABLE_RECV && !notifies) warnings.push(`seccomp: flags: ${name} is ignored: no rule uses SCMP_ACT_NOTIFY`);
    else flags |= flag;
  }
  return flags;
}

function own<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}

function list<T>(value: readonly T[] | undefined | null, field: string): readonly T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`seccomp: ${field}: ${show(value)} is not a list`);
  return value;
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}`;
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
