/** AppArmor and SELinux labels: written to a process's own attributes, they take effect at its exec. */
import { invalid } from '../base/errors.ts';
import type { MachineFacts } from './contract.ts';
import type { Process } from './spec.ts';

export interface Label {
  /** The file below /proc/thread-self. */
  readonly path: string;
  readonly text: string;
  readonly subject: string;
}

/** Throws `invalid` for an AppArmor profile where there is no AppArmor; an SELinux label only is a warning, as in Docker. */
export function labelsOf(process: Process | undefined, machine: MachineFacts, warnings: string[]): Label[] {
  const { apparmorProfile: profile, selinuxLabel: label } = process ?? {};
  const out: Label[] = [];
  if (profile && profile !== 'unconfined') {
    if (!machine.apparmor) throw invalid(`apparmor profile ${profile}: apparmor is not enabled on this machine`);
    out.push({ path: 'attr/apparmor/exec', text: `exec ${profile}`, subject: `apparmor profile ${profile}` });
  }
  if (label && machine.selinux) out.push({ path: 'attr/exec', text: label, subject: `selinux label ${label}` });
  else if (label) warnings.push('selinux is not enabled on this machine: the label is ignored');
  return out;
}
