/** Device rules: which nodes a container's processes may read, write and make. */
import { invalid } from '../base/errors.ts';
import type { DeviceRule } from '../runtime/spec.ts';

/** A rule with everything spelled out; `undefined` numbers mean all. */
export interface FullRule {
  readonly allow: boolean;
  readonly type: 'a' | 'b' | 'c';
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Letters of `rwm`, in this order. */
  readonly access: string;
}

/**
 * What every container may use whatever its spec says, as the OCI runtime specification's default devices need it:
 * making nodes, null, zero, full, random, urandom, tty, ptmx and terminals.
 */
export const ALWAYS_ALLOWED: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
  ].map(([major, minor]) => ({ allow: true, type: 'c', major: major!, minor: minor!, access: 'rwm' })),
  { allow: true, type: 'c', major: 136, access: 'rwm' },
];

/** Checks and completes rules. Throws `invalid` for one that makes no sense. */
export function fullRules(rules: readonly DeviceRule[]): FullRule[] {
  return rules.map((rule) => {
    const type = rule.type === undefined || rule.type === '' ? 'a' : rule.type === 'u' ? 'c' : rule.type;
    if (type !== 'a' && type !== 'b' && type !== 'c') throw invalid(`device rule of type ${JSON.stringify(rule.type)}: the types are a, b and c`);
    const access = rule.access === undefined || rule.access === '' ? 'rwm' : rule.access;
    if (!/^[rwm]+$/.test(access)) throw invalid(`device rule with access ${JSON.stringify(rule.access)}: the letters are r, w and m`);
    const number = (value: number | undefined, name: string) => {
      if (value === undefined || value === -1) return undefined;
      if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) throw invalid(`device rule with ${name} ${value}: out of range`);
      return value;
    };
    const full: FullRule = {
      allow: rule.allow,
      type,
      major: number(rule.major, 'major'),
      minor: number(rule.minor, 'minor'),
      access: [...'rwm'].filter((letter) => access.includes(letter)).join(''),
    };
    // the kernel takes `a` alone on v1, and would ignore the rest of the line
    if (type === 'a' && !isForAll(full)) throw invalid('a device rule of type a is for all devices and all of rwm');
    return full;
  });
}

/** Whether a rule is for every device and every access: what stands before it no longer counts. */
export function isForAll(rule: FullRule): boolean {
  return rule.type === 'a' && rule.access === 'rwm' && rule.major === undefined && rule.minor === undefined;
}

/**
 * Lines for v1's devices.allow and devices.deny, in their order, beginning from "nothing is allowed". `a` resets the
 * list, as the kernel has it.
 *
 * A v1 list holds exceptions to "nothing" or to "everything", and a line only takes out the exception that it equals: a
 * hole in a wider exception is silently not made. Such a rule throws `invalid`; one of `defaults` that cannot be met
 * does not.
 */
export function deviceLines(rules: readonly FullRule[], defaults: readonly FullRule[] = []): { file: 'devices.allow' | 'devices.deny'; line: string }[] {
  const key = (rule: FullRule) => `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'}`;
  const lineOf = (rule: FullRule) => ({
    file: rule.allow ? ('devices.allow' as const) : ('devices.deny' as const),
    line: isForAll(rule) ? 'a' : `${key(rule)} ${rule.access}`,
  });
  const lines: ReturnType<typeof lineOf>[] = rules.some(isForAll) ? [] : [{ file: 'devices.deny', line: 'a' }];
  let open = false;
  let exceptions: FullRule[] = [];
  for (const rule of [...rules, ...defaults]) {
    if (isForAll(rule)) {
      open = rule.allow;
      exceptions = [];
    } else if (rule.allow !== open) {
      exceptions.push(rule);
    } else {
      const rest = exceptions.filter((each) => overlap(each, rule));
      const wider = rest.find((each) => key(each) !== key(rule));
      if (wider !== undefined && !defaults.includes(rule)) {
        const verb = rule.allow ? 'allow' : 'deny';
        throw invalid(`device rule "${verb} ${lineOf(rule).line}": a cgroup v1 device list cannot make this exception to "${lineOf(wider).line}"`);
      }
      exceptions = exceptions.flatMap((each) => {
        if (key(each) !== key(rule)) return [each];
        const access = [...each.access].filter((letter) => !rule.access.includes(letter)).join('');
        return access === '' ? [] : [{ ...each, access }];
      });
    }
    lines.push(lineOf(rule));
  }
  return lines;
}

function overlap(a: FullRule, b: FullRule): boolean {
  const same = (one: number | undefined, other: number | undefined) => one === undefined || other === undefined || one === other;
  return a.type === b.type && same(a.major, b.major) && same(a.minor, b.minor) && [...a.access].some((letter) => b.access.includes(letter));
}
