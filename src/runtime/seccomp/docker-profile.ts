/**
 * Docker's seccomp profile format: the OCI one, with rules that apply only on some architectures, kernels, or with some
 * capabilities, and a map of architectures. It is what `--security-opt seccomp=FILE` takes.
 */
import { invalid } from '../../base/errors.ts';
import type { Seccomp, SeccompRule } from '../spec.ts';

/** When a rule applies. In `includes` all must be so, in `excludes` none may be. */
export interface DockerFilter {
  /** Go's names: amd64, arm64, x32, x86, arm … */
  arches?: readonly string[];
  caps?: readonly string[];
  /** `4.8`: this version or a newer one. */
  minKernel?: string;
}

export interface DockerRule extends Omit<SeccompRule, 'names'> {
  /** Old form: one name. */
  name?: string;
  names?: readonly string[];
  includes?: DockerFilter;
  excludes?: DockerFilter;
  comment?: string;
}

export interface DockerProfile extends Omit<Seccomp, 'syscalls'> {
  archMap?: readonly { architecture: string; subArchitectures?: readonly string[] | null }[];
  syscalls?: readonly DockerRule[];
}

export interface ProfileHost {
  readonly arch: 'x86_64' | 'aarch64';
  /** The container's bounding set: `CAP_SYS_ADMIN` … */
  readonly capabilities: readonly string[];
  /** The kernel's release: `6.18`, `6.1.0-18-amd64`. */
  readonly kernel: string;
}

const NAMES = {
  x86_64: { go: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  aarch64: { go: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
} as const;

/**
 * The OCI profile that Docker's engine makes of one of its own, for one container. Checks only what it looks at itself:
 * `compileSeccomp` checks the rest. Undefined when the profile is empty: then Docker runs without a filter.
 */
export function resolveDockerProfile(profile: DockerProfile, host: ProfileHost): Seccomp | undefined {
  const { archMap, syscalls, ...rest } = profile;
  if (!profile.defaultAction && list(syscalls, 'syscalls').length === 0) return undefined;
  const map = list(archMap, 'archMap');
  if (list(profile.architectures, 'architectures').length > 0 && map.length > 0)
    throw invalid("both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'");
  const own = map.find(({ architecture }) => architecture === NAMES[host.arch].scmp);
  const mapped = own === undefined ? [] : [own.architecture, ...list(own.subArchitectures, 'archMap.subArchitectures')];
  const architectures = [...(profile.architectures ?? []), ...mapped];
  return {
    ...rest,
    ...(architectures.length > 0 ? { architectures } : {}),
    syscalls: list(syscalls, 'syscalls')
      .map((rule, i) => object(rule, `syscalls[${i}]`))
      .filter((rule, i) => applies(rule, host, `syscalls[${i}]`))
      .map((rule, i) => plainRule(rule, `syscalls[${i}]`)),
  };
}

function applies(rule: DockerRule, host: ProfileHost, field: string): boolean {
  const includes = rule.includes && object(rule.includes, `${field}.includes`);
  const excludes = rule.excludes && object(rule.excludes, `${field}.excludes`);
  const { go } = NAMES[host.arch];
  if (excludes) {
    if (list(excludes.arches, `${field}.excludes.arches`).includes(go)) return false;
    if (list(excludes.caps, `${field}.excludes.caps`).some((cap) => host.capabilities.includes(cap))) return false;
    if (excludes.minKernel && isAtLeast(host.kernel, excludes.minKernel)) return false;
  }
  if (includes) {
    const arches = list(includes.arches, `${field}.includes.arches`);
    if (arches.length > 0 && !arches.includes(go)) return false;
    if (!list(includes.caps, `${field}.includes.caps`).every((cap) => host.capabilities.includes(cap))) return false;
    if (includes.minKernel && !isAtLeast(host.kernel, includes.minKernel)) return false;
  }
  return true;
}

function plainRule({ name, names, action, errnoRet, args }: DockerRule, field: string): SeccompRule {
  if (name && names?.length) throw invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  return {
    names: name ? [name] : [...list(names, `${field}.names`)],
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
    ...(args === undefined || args === null || args.length === 0 ? {} : { args }),
  };
}

function isAtLeast(kernel: string, least: string): boolean {
  const [major, minor] = version(kernel);
  const [leastMajor, leastMinor] = version(least);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

function version(text: string): [major: number, minor: number] {
  const match = /^(\d{1,9})\.(\d{1,9})/.exec(text);
  if (match === null) throw invalid(`seccomp: ${JSON.stringify(text)} is not a kernel version`);
  return [Number(match[1]), Number(match[2])];
}

function object<T extends object>(value: T, field: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`seccomp: ${field} is not an object`);
  return value;
}

function list<T>(value: readonly T[] | undefined | null, field: string): readonly T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`seccomp: ${field} is not a list`);
  return value;
}
