/** `--security-opt`, in Docker's own little language. */
import { invalid } from '../base/errors.ts';
import type { RunOptions } from './run-options.ts';

export type SecurityOptions = Pick<RunOptions, 'noNewPrivileges' | 'systemPathsUnconfined'> &
  Partial<Pick<RunOptions, 'seccomp' | 'apparmor' | 'selinux' | 'writableCgroups'>>;

/** `profile` gives the text of what `seccomp=` names. Throws `invalid` in Docker's words for what is no option. */
export function parseSecurityOptions(options: readonly string[], profile: (given: string) => string): SecurityOptions {
  const out: { -readonly [K in keyof SecurityOptions]: SecurityOptions[K] } = { noNewPrivileges: false, systemPathsUnconfined: false };
  const labels: string[] = [];
  for (const option of options) {
    const [, key = '', value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(option) ?? [];
    if (key === 'no-new-privileges' && (value === undefined || /^(true|false)$/.test(value))) out.noNewPrivileges = value !== 'false';
    else if (key === 'seccomp' && value) out.seccomp = /^(unconfined|builtin)$/.test(value) ? value : profile(value);
    else if (key === 'apparmor' && value) out.apparmor = value;
    else if (key === 'systempaths' && value === 'unconfined') out.systemPathsUnconfined = true;
    else if (key === 'writable-cgroups' && /^(true|false)$/.test(value ?? '')) out.writableCgroups = value === 'true';
    else if (key === 'label' && value) labels.push(value);
    else throw invalid(`Invalid --security-opt: ${JSON.stringify(option)}`);
  }
  if (labels.length > 0 && !labels.includes('disable')) out.selinux = selinuxLabel(labels);
  return out;
}

/** `user:U`, `role:R`, `type:T`, `level:L` put together, with the usual values for what is not given. */
function selinuxLabel(labels: readonly string[]): string {
  const parts: Record<string, string> = { user: 'system_u', role: 'system_r', type: 'container_t', level: 's0' };
  for (const label of labels) {
    const colon = label.indexOf(':');
    const key = label.slice(0, colon);
    if (!Object.hasOwn(parts, key)) throw invalid(`invalid --security-opt: "label=${label}"`);
    parts[key] = label.slice(colon + 1);
  }
  return `${parts['user']}:${parts['role']}:${parts['type']}:${parts['level']}`;
}
