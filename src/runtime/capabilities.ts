import { CAPABILITIES } from '../kernel/constants.ts';
import type { PlanBuilder } from './builder.ts';
import type { MachineFacts } from './contract.ts';
import type { Process } from './spec.ts';

/** The capabilities that Docker gives a container. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** All that this kernel knows. */
export function allCapabilities({ lastCap }: MachineFacts): readonly string[] {
  return CAPABILITIES.slice(0, lastCap + 1);
}

/** As after execve(2): root has what is in the bounding set, the program of another begins with nothing but that. */
export function capabilitiesOf(names: readonly string[], uid: number): NonNullable<Process['capabilities']> {
  const bounding = [...names];
  return uid === 0 ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}

export interface CapabilitySets {
  readonly bounding: bigint;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

function mask(names: readonly string[] | undefined, machine: MachineFacts, unknown: Set<string>, inNewUserNs: boolean): bigint {
  let out = 0n;
  for (const name of names ?? []) {
    const bit = CAPABILITIES.indexOf(name as (typeof CAPABILITIES)[number]);
    const grantable = bit >= 0 && bit <= machine.lastCap && (inNewUserNs || (machine.permittedCaps >> BigInt(bit)) & 1n);
    if (grantable) out |= 1n << BigInt(bit);
    else unknown.add(name);
  }
  return out;
}

/**
 * The five sets of a process as bit masks. A capability that the kernel does not know, or that the engine does not have
 * itself, is left out with a warning that names it.
 */
export function capabilitySets(process: Process, machine: MachineFacts, inNewUserNs: boolean, builder: PlanBuilder): CapabilitySets {
  const unknown = new Set<string>();
  const of = (names: readonly string[] | undefined) => mask(names, machine, unknown, inNewUserNs);
  const caps = process.capabilities ?? {};
  const permitted = of(caps.permitted);
  const inheritable = of(caps.inheritable);
  const sets = {
    bounding: of(caps.bounding),
    effective: of(caps.effective) & permitted,
    permitted,
    inheritable,
    // the kernel refuses an ambient capability that is not permitted and inheritable
    ambient: of(caps.ambient) & permitted & inheritable,
  };
  if (unknown.size > 0) builder.warnings.push(`capabilities that this machine cannot give are left out: ${[...unknown].join(', ')}`);
  return sets;
}
