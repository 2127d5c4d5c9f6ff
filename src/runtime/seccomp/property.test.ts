import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Seccomp, SeccompRule } from '../spec.ts';
import { type Arch, ARCHES, syscallTable, X32_BIT, X86_MULTIPLEXED } from './arches.ts';
import { decodeBpf, runBpf, type SeccompData } from './bpf-run.ts';
import { compileSeccomp } from './compile.ts';
import { defaultProfile } from './default-profile.ts';

// What a profile means, as literally as possible: no tree, no ranges, no words.
function judge(profile: Seccomp, native: string, { nr, arch: audit, args }: SeccompData): number {
  const named = profile.architectures ?? [];
  const isX32 = audit === 0xc000003e && (nr & X32_BIT) !== 0;
  const found = Object.entries(ARCHES).find(([, a]) => a.audit === audit && (a.bit !== 0) === isX32);
  const defaultRet = ret(profile.defaultAction, profile.defaultErrnoRet);
  const sameAudit = [...named, native].some((name) => ARCHES[name]?.audit === audit);
  if (found === undefined || !sameAudit) return 0;
  const [name, arch] = found;
  const number = isX32 ? (nr & ~X32_BIT) >>> 0 : nr;
  if (named.includes(name) && !/ALLOW|LOG|TRACE/.test(profile.defaultAction)) {
    const numbers = (profile.syscalls ?? []).flatMap((rule) => rule.names.map((n) => syscallTable(arch.name).get(n) ?? 0));
    const most = Math.max(0, ...numbers.filter((n) => n < 0xf0000));
    if (most > 0 && number > most && !(arch.name === 'arm' && number >= 0xf0000)) return 0x50026;
  }
  if (!named.includes(name) && name !== native) return nr === 0xffffffff ? defaultRet : 0;
  const about = (profile.syscalls ?? []).flatMap((rule) =>
    ret(rule.action, rule.errnoRet) === defaultRet ? [] : rule.names.flatMap((n) => applies(rule, n, arch, number, args)),
  );
  return (about.find(({ always }) => always) ?? about.find(({ matches }) => matches))?.ret ?? defaultRet;
}

function applies(rule: SeccompRule, name: string, arch: Arch, number: number, args: readonly bigint[]) {
  const [by, call] = (arch.name === 'x86' && X86_MULTIPLEXED[name]) || [];
  const multiplexed = by !== undefined && syscallTable('x86').get(by) === number;
  const itself = syscallTable(arch.name).get(name) === number;
  if (!multiplexed && !itself) return [];
  const given = rule.args ?? [];
  const holds = (list: typeof given) => list.map((arg) => compare(arg, args[arg.index]!, arch.bits));
  const any = new Set(given.map(({ index }) => index)).size < given.length;
  const action = ret(rule.action, rule.errnoRet);
  const result = [];
  if (multiplexed) {
    const chosen = BigInt.asUintN(32, args[0]!) === BigInt(call!);
    // the first argument of the call itself cannot be seen there
    const seen = holds(given.filter(({ index }) => index !== 0));
    const blind = any && seen.length < given.length;
    result.push({ always: false, matches: chosen && (blind || (any ? seen.some(Boolean) : seen.every(Boolean))), ret: action });
  }
  if (itself) {
    const all = holds(given);
    result.push({ always: given.length === 0, matches: any ? all.some(Boolean) : all.every(Boolean), ret: action });
  }
  return result;
}

function compare({ op, value, valueTwo }: NonNullable<SeccompRule['args']>[number], raw: bigint, bits: number): boolean {
  const cut = (n: bigint | number) => BigInt.asUintN(bits, BigInt(n));
  const [arg, a, b] = [cut(raw), cut(value), cut(valueTwo ?? 0)];
  switch (op) {
    case 'SCMP_CMP_NE':
      return arg !== a;
    case 'SCMP_CMP_LT':
      return arg < a;
    case 'SCMP_CMP_LE':
      return arg <= a;
    case 'SCMP_CMP_EQ':
      return arg === a;
    case 'SCMP_CMP_GE':
      return arg >= a;
    case 'SCMP_CMP_GT':
      return arg > a;
    default:
      return (arg & a) === (b & a);
  }
}

function ret(action: string, errno = 1): number {
  const values: Record<string, number> = {
    KILL: 0,
    KILL_THREAD: 0,
    KILL_PROCESS: 0x80000000,
    TRAP: 0x30000,
    ERRNO: 0x50000 + errno,
    NOTIFY: 0x7fc00000,
    TRACE: 0x7ff00000 + errno,
    LOG: 0x7ffc0000,
    ALLOW: 0x7fff0000,
  };
  return values[action.replace('SCMP_ACT_', '')]!;
}

/** mulberry32: the same numbers from the same seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NAMES = [...new Set(Object.values(ARCHES).flatMap(({ name }) => [...syscallTable(name).keys()]))];
const EDGES = [0n, 1n, 2n, 7n, 40n, 0xffffffffn, 0x100000000n, 0x100000007n, 0x7fffffffffffffffn, 0xffffffffffffffffn];
const ACTIONS = ['KILL', 'KILL_PROCESS', 'TRAP', 'ERRNO', 'TRACE', 'LOG', 'ALLOW', 'NOTIFY'];
const OPS = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'];

function randomProfile(pick: (below: number) => number): Seccomp {
  const one = <T>(from: readonly T[]): T => from[pick(from.length)]!;
  const few = one([0, 1, 3, 8, 40]);
  const crowd = one([3, 20, NAMES.length]); // few names: many rules for one call
  const shift = pick(NAMES.length);
  const rule = (): SeccompRule => ({
    names: Array.from({ length: 1 + pick(one([1, 3, 60])) }, () => NAMES[(shift + pick(crowd)) % NAMES.length]!).filter((n) => n !== 'write'),
    action: `SCMP_ACT_${one(ACTIONS)}`,
    ...(pick(2) ? { errnoRet: pick(200) } : {}),
    args: Array.from({ length: one([0, 0, 1, 1, 2, 3]) }, () => ({
      index: pick(6),
      op: `SCMP_CMP_${one(OPS)}`,
      value: one(EDGES),
      valueTwo: one(EDGES),
    })),
  });
  return {
    defaultAction: `SCMP_ACT_${one(ACTIONS.slice(0, -1))}`,
    ...(pick(2) ? { defaultErrnoRet: pick(100) } : {}),
    architectures: Object.keys(ARCHES).filter(() => pick(3) > 0),
    listenerPath: '/run/agent.sock',
    syscalls: Array.from({ length: few }, rule),
  };
}

const EXTRA = [0x3fffffff, 0x7fffffff, 0x80000000, 0x80000190, 0xc0000000, 0xc0000027, 0xffffffff, 0xfffffffe, 0xf0001, 0xf0009];
const AUDITS = [...new Set(Object.values(ARCHES).map(({ audit }) => audit)), 0, 0x80000016];

test('random profiles answer every system call as the profile says', () => {
  const seed = Number(process.env['SEED'] ?? 1);
  let refused = 0;
  for (let round = 0; round < 100; round++) {
    const pick = random(seed * 1000 + round);
    const profile = randomProfile(pick);
    const arch = pick(4) ? ('x86_64' as const) : ('aarch64' as const);
    const native = arch === 'x86_64' ? 'SCMP_ARCH_X86_64' : 'SCMP_ARCH_AARCH64';
    let program;
    try {
      program = decodeBpf(compileSeccomp(profile, { arch }).filter);
    } catch (error) {
      // a profile can ask for more than the kernel takes: refused, but rarely
      assert.match((error as Error).message, /4096/);
      refused++;
      continue;
    }
    const about = new Set(profile.syscalls!.flatMap(({ names }) => names));
    const values = profile.syscalls!.flatMap(({ args }) => args!.map(({ value }) => BigInt(value)));
    const value = () => {
      const base = values.length > 0 && pick(2) ? values[pick(values.length)]! : EDGES[pick(EDGES.length)]!;
      return BigInt.asUintN(64, base + BigInt(pick(3) - 1));
    };
    for (const audit of AUDITS) {
      const tables = Object.values(ARCHES).filter((a) => a.audit === audit);
      const touched = new Set(tables.flatMap((a) => [...about].map((n) => (syscallTable(a.name).get(n) ?? 0) + a.bit)));
      const all = [...Array(560).keys()].flatMap((n) => (audit === 0xc000003e ? [n, n + X32_BIT] : [n]));
      for (const nr of [...all, ...EXTRA, ...touched]) {
        const tries = touched.has(nr) || nr === 102 || nr === 117 ? 6 : 1;
        for (let t = 0; t < tries; t++) {
          const args = Array.from({ length: 6 }, value);
          if (audit === 0x40000003 && (nr === 102 || nr === 117)) args[0] = BigInt(pick(26));
          const data = { nr, arch: audit, args };
          const { value: got } = runBpf(program, data);
          if (got === judge(profile, native, data)) continue;
          assert.fail(
            `SEED=${seed} round ${round}: ${audit.toString(16)} ${nr} (${args}): ${got.toString(16)}, not ${judge(profile, native, data).toString(16)}`,
          );
        }
      }
    }
  }
  assert.ok(refused <= 5, `${refused} of 100 profiles were too large`);
});

test('the search is a balanced tree: twice the logarithm of the calls, at the worst', () => {
  const most = (profile: Seccomp, numbers: number) => {
    const program = decodeBpf(compileSeccomp(profile, { arch: 'x86_64' }).filter);
    const steps = Array.from({ length: numbers }, (_, nr) => runBpf(program, { nr, arch: 0xc000003e, args: [0n, 0n, 0n, 0n, 0n, 0n] }).steps);
    return { most: Math.max(...steps), average: steps.reduce((a, b) => a + b) / numbers };
  };
  const docker = most(defaultProfile({ arch: 'x86_64', capabilities: [], kernel: '6.18' }), 480);
  assert.ok(docker.most <= 2 * Math.log2(480) + 4 && docker.average < 12, JSON.stringify(docker));
  // no two neighbours alike: nothing to merge
  const names = [...syscallTable('x86_64')].filter(([, nr]) => nr % 2 === 0).map(([name]) => name);
  const striped = most({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] }, 480);
  assert.ok(striped.most <= 2 * Math.log2(480) + 4, JSON.stringify(striped));
});
