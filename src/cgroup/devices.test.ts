import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deviceRule } from '../runtime/run-resources.ts';
import { deviceProgram } from './devices-bpf.ts';
import { deviceLines, fullRules, type FullRule } from './devices.ts';

/** What the rules mean: for each letter, the last rule that matches decides. */
function allowed(rules: readonly FullRule[], type: 'b' | 'c', major: number, minor: number, access: string): boolean {
  const one = (letter: string) =>
    rules.findLast(
      (rule) => (rule.type === 'a' || rule.type === type) && (rule.major ?? major) === major && (rule.minor ?? minor) === minor && rule.access.includes(letter),
    )?.allow ?? false;
  return [...access].every(one);
}

/** The instructions of bpf(2) that a device program uses, and the verifier's rules that it must keep. */
function interpret(program: Uint8Array, context: readonly [number, number, number]): number {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  const r: (bigint | undefined)[] = Array.from({ length: 11 });
  r[1] = 0n;
  const low = (value: bigint) => BigInt.asUintN(32, value);
  const use = (register: number) => r[register] ?? assert.fail(`r${register} is read before it is written`);
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint8(at * 8);
    const [to, from] = [view.getUint8(at * 8 + 1) & 15, view.getUint8(at * 8 + 1) >> 4];
    const offset = view.getInt16(at * 8 + 2, true);
    const immediate = BigInt(view.getInt32(at * 8 + 4, true));
    const same = () => BigInt.asUintN(64, use(to)) === BigInt.asUintN(64, immediate);
    assert.ok(offset >= 0, 'jumps go forward');
    if (code === 0x61) r[to] = BigInt(context[offset / 4] ?? assert.fail('reads beyond the context'));
    else if (code === 0xb7) r[to] = immediate;
    else if (code === 0xbc) r[to] = low(use(from));
    else if (code === 0x54) r[to] = low(use(to)) & low(immediate);
    else if (code === 0x74) r[to] = low(use(to)) >> immediate;
    else if (code === 0x55) at += same() ? 0 : offset;
    else if (code === 0x15) at += same() ? offset : 0;
    else if (code === 0x95) return Number(use(0));
    else assert.fail(`opcode ${code}`);
  }
  return assert.fail('runs off its end');
}

/** Every instruction can be reached: the verifier refuses a program with a dead one. */
function reachable(program: Uint8Array): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.length);
  const seen = new Set<number>();
  const todo = [0];
  while (todo.length > 0) {
    const at = todo.pop()!;
    if (seen.has(at) || at >= program.length / 8) continue;
    seen.add(at);
    const code = view.getUint8(at * 8);
    if (code === 0x95) continue;
    todo.push(at + 1);
    if (code === 0x55 || code === 0x15) todo.push(at + 1 + view.getInt16(at * 8 + 2, true));
  }
  return seen.size === program.length / 8;
}

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const LETTERS = ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm'];
const BITS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

describe('device programs', () => {
  test('decide as the rules read: 4,000 random lists, every access to some devices', () => {
    const pick = random(20260101);
    for (let round = 0; round < 4000; round++) {
      const rules = fullRules(
        Array.from({ length: pick(9) }, () => {
          if (pick(6) === 0) return { allow: pick(2) === 1, access: 'rwm' };
          const numbers = { ...(pick(3) ? { major: pick(3) } : {}), ...(pick(3) ? { minor: pick(3) } : {}) };
          return { allow: pick(2) === 1, type: 'bc'[pick(2)]!, access: LETTERS[pick(7)]!, ...numbers };
        }),
      );
      const program = deviceProgram(rules);
      assert.ok(reachable(program), JSON.stringify(rules));
      for (const [type, number] of [
        ['b', 1],
        ['c', 2],
      ] as const) {
        for (let device = 0; device < 9; device++) {
          for (const access of LETTERS) {
            const [major, minor] = [Math.floor(device / 3), device % 3];
            const wanted = [...access].reduce((sum, letter) => sum | BITS[letter]!, 0);
            const verdict = interpret(program, [(wanted << 16) | number, major, minor]) === 1;
            assert.equal(verdict, allowed(rules, type, major, minor, access), `${type} ${major}:${minor} ${access} by ${JSON.stringify(rules)}`);
          }
        }
      }
    }
  });

  test('nothing is allowed by no rules, all by one for all, and what it overrides is left out', () => {
    assert.equal(interpret(deviceProgram([]), [(2 << 16) | 2, 1, 3]), 0);
    const all = fullRules([{ allow: false, type: 'c', major: 1, access: 'r' }, { allow: true }]);
    assert.equal(deviceProgram(all).length, 8 * 8);
    assert.equal(interpret(deviceProgram(all), [(7 << 16) | 1, 999, 999]), 1);
  });
});

describe('v1 lists', () => {
  /** The kernel's list (security/device_cgroup.c): a behaviour and exceptions, of which one must cover an access. */
  function kernel(lines: readonly { file: string; line: string }[]) {
    let open = true;
    let exceptions: { key: string; access: string }[] = [];
    for (const { file, line } of lines) {
      const allow = file === 'devices.allow';
      if (line === 'a') [open, exceptions] = [allow, []];
      else {
        const at = line.lastIndexOf(' ');
        const [key, access] = [line.slice(0, at), line.slice(at + 1)];
        const known = exceptions.find((each) => each.key === key);
        if (allow === open) {
          if (known !== undefined) known.access = [...known.access].filter((letter) => !access.includes(letter)).join('');
        } else if (known === undefined) exceptions.push({ key, access });
        else known.access += access;
      }
    }
    return (type: string, major: number, minor: number, letter: string) => {
      const match = exceptions.some(({ key, access }) => {
        const [theirs, numbers] = key.split(' ') as [string, string];
        const [a, b] = numbers.split(':');
        return theirs === type && (a === '*' || a === String(major)) && (b === '*' || b === String(minor)) && access.includes(letter);
      });
      return match !== open;
    };
  }

  test('say the same as the program, or are refused: 4,000 random lists', () => {
    const pick = random(7);
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const rules = fullRules(
        Array.from({ length: pick(5) }, () => {
          if (pick(5) === 0) return { allow: pick(2) === 1, access: 'rwm' };
          const numbers = { ...(pick(2) ? { major: pick(2) } : {}), ...(pick(2) ? { minor: pick(2) } : {}) };
          return { allow: pick(2) === 1, type: 'bc'[pick(2)]!, access: LETTERS[pick(7)]!, ...numbers };
        }),
      );
      let lines;
      try {
        lines = deviceLines(rules);
      } catch {
        refused++;
        continue;
      }
      const list = kernel(lines);
      for (const type of ['b', 'c'] as const)
        for (let device = 0; device < 4; device++)
          for (const letter of 'rwm')
            assert.equal(list(type, device >> 1, device & 1, letter), allowed(rules, type, device >> 1, device & 1, letter), JSON.stringify({ rules, lines }));
    }
    assert.ok(refused > 100 && refused < 2000, `${refused} were refused`);
  });

  test('begin closed; a hole that the kernel would not make is an error', () => {
    const text = (...rules: Parameters<typeof fullRules>[0][number][]) =>
      deviceLines(fullRules(rules)).map(({ file, line }) => `${file === 'devices.allow' ? '+' : '-'}${line}`);
    assert.deepEqual(text({ allow: true, type: 'c', major: 1, minor: 3, access: 'wr' }), ['-a', '+c 1:3 rw']);
    assert.deepEqual(text({ allow: true, access: 'rwm' }, { allow: false, type: 'b', major: 8, access: 'w' }), ['+a', '-b 8:* w']);
    const hole = () => text({ allow: true, type: 'c', access: 'rw' }, { allow: false, type: 'c', major: 1, minor: 1, access: 'r' });
    assert.throws(hole, /device rule "deny c 1:1 r": a cgroup v1 device list cannot make this exception to "c \*:\* rw"/);
    for (const rule of [
      { type: 'x' },
      { access: 'rx' },
      { type: 'c', major: -2 },
      { type: 'c', minor: 1.5 },
      { type: 'a', major: 1 },
      { type: 'a', access: 'r' },
    ])
      assert.throws(() => fullRules([{ allow: true, ...rule }]), { kind: 'invalid' }, JSON.stringify(rule));
    assert.deepEqual(deviceRule('c 7:* rmw'), { allow: true, type: 'c', major: 7, access: 'rmw' });
    for (const bad of ['c 7 r', 'd 1:1 r', 'c 1:1 x', 'c 1:1', 'c 1:1 rwmr', 'c 1:1 r; a'])
      assert.throws(() => deviceRule(bad), /invalid device cgroup format/);
  });
});
