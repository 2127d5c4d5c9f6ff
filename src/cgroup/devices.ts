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
    return {
      allow: rule.allow,
      type,
      major: number(rule.major, 'major'),
      minor: number(rule.minor, 'minor'),
      access: [...'rwm'].filter((letter) => access.includes(letter)).join(''),
    };
  });
}

/** Lines for v1's devices.allow and devices.deny, in their order. `a` resets the list, as the kernel has it. */
export function deviceLines(rules: readonly FullRule[]): { file: 'devices.allow' | 'devices.deny'; line: string }[] {
  return rules.map((rule) => {
    const file = rule.allow ? 'devices.allow' : 'devices.deny';
    const all = rule.type === 'a' && rule.major === undefined && rule.minor === undefined && rule.access === 'rwm';
    // the kernel takes `a` alone; with numbers it would ignore them
    if (rule.type === 'a' && !all) throw invalid('a device rule of type a is for all devices and all of rwm');
    return { file, line: all ? 'a' : `${rule.type} ${rule.major ?? '*'}:${rule.minor ?? '*'} ${rule.access}` };
  });
}
