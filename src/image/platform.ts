/** Platforms as containerd and Docker read, normalise, order and match them. Pure: what the CPU can do is told. */
import { EngineError, invalid } from '../base/errors.ts';
import type { Descriptor, Platform } from './contract.ts';

const OS_PATTERN = '^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$';
const PART_PATTERN = '^[A-Za-z0-9_.-]+$';
const KNOWN_OS = new Set('aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos'.split(' '));
const KNOWN_ARCH = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc riscv riscv64 ' +
    's390 s390x sparc sparc64 wasm'
  ).split(' '),
);

/** What the x86-64 psABI asks of each level, by the names of /proc/cpuinfo. */
const AMD64_LEVELS: readonly (readonly string[])[] = [
  ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'],
  ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave'],
  ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'],
];

/** This machine's platform. With `cpuFlags` (of /proc/cpuinfo), amd64 has the highest variant that the CPU can run. */
export function hostPlatform(cpuFlags?: ReadonlySet<string>, arch: string = process.arch): Platform {
  const architecture = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le', mipsel: 'mipsle' }[arch] ?? arch;
  if (architecture !== 'amd64' || cpuFlags === undefined) return normalizePlatform({ os: 'linux', architecture });
  const missing = AMD64_LEVELS.findIndex((level) => !level.every((flag) => cpuFlags.has(flag)));
  return normalizePlatform({ os: 'linux', architecture, variant: `v${missing === -1 ? 4 : missing + 1}` });
}

/** `linux/arm64/v8`, `arm64`, `linux`, `windows(10.0.17763)/amd64`. What is left out is taken from `host`. */
export function parsePlatform(text: string, host: Platform = hostPlatform()): Platform {
  const quoted = JSON.stringify(text);
  if (text.includes('*')) throw invalid(`${quoted}: wildcards not yet supported: invalid argument`);
  const parts = text.split('/');
  const os = new RegExp(OS_PATTERN).exec(parts[0]!);
  if (os === null) {
    throw invalid(
      `${JSON.stringify(parts[0])} is an invalid OS component of ${quoted}: OSAndVersion specifier component must match ${JSON.stringify(OS_PATTERN)}: invalid argument`,
    );
  }
  for (const part of parts.slice(1, 4)) {
    if (new RegExp(PART_PATTERN).test(part)) continue;
    throw invalid(
      `${JSON.stringify(part)} is an invalid component of ${quoted}: platform specifier component must match ${JSON.stringify(PART_PATTERN)}: invalid argument`,
    );
  }
  const [, name = '', version = '', features = ''] = os;
  const options = {
    ...(version === '' ? {} : { 'os.version': version }),
    ...(features === '' ? {} : { 'os.features': features.slice(1).split('+') }),
  };
  if (parts.length === 1) {
    const [osName, arch] = [normalOs(name), normalArch(text, '')];
    if (KNOWN_OS.has(osName)) return { ...withVariant(host.architecture, host.variant ?? ''), os: osName, ...options };
    if (KNOWN_ARCH.has(arch.architecture)) return { os: host.os, ...withVariant(arch.architecture, plainArm(arch)) };
    throw invalid(`${quoted}: unknown operating system or architecture: invalid argument`);
  }
  if (parts.length > 3) throw invalid(`${quoted}: cannot parse platform specifier: invalid argument`);
  const arch = normalArch(parts[1]!, parts[2] ?? '');
  const variant = parts.length === 2 ? plainArm(arch) : arch.architecture === 'arm64' && arch.variant === '' ? 'v8' : arch.variant;
  return { os: normalOs(name), ...withVariant(arch.architecture, variant), ...options };
}

/** What of a document is its platform, in the order of an image's config. */
export function platformOf({ architecture, os, variant }: Pick<Platform, 'architecture' | 'os' | 'variant'>): Platform {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/** `linux/arm64/v8` */
export function formatPlatform(platform: Platform): string {
  if (platform.os === '') return 'unknown';
  return [platform.os, platform.architecture, platform.variant ?? ''].filter((part) => part !== '').join('/');
}

/** Canonical names: `x86_64` is amd64, `aarch64` and `arm64/v8` are arm64, `armhf` and `arm` are arm/v7. */
export function normalizePlatform(platform: Platform): Platform {
  const { variant: _, ...rest } = platform;
  const arch = normalArch(platform.architecture, platform.variant ?? '');
  return { ...rest, os: normalOs(platform.os), ...withVariant(arch.architecture, arch.variant) };
}

/** What a platform can run, best first: itself, lower variants, then the 32-bit sibling. */
export function compatiblePlatforms(platform: Platform): Platform[] {
  const wanted = normalizePlatform(platform);
  const { variant, ...base } = wanted;
  const of = (architecture: string, variants: readonly string[]) => variants.map((name) => ({ ...base, ...withVariant(architecture, name) }));
  const version = /^v?(\d{1,2})$/.exec(variant ?? '')?.[1];
  switch (wanted.architecture) {
    case 'amd64':
      return [wanted, ...of('amd64', down('v', Number(version ?? 1) - 1, 1)), ...of('386', [''])].map(normalizePlatform);
    case 'arm':
      return [wanted, ...of('arm', down('v', Number(version ?? 0) - 1, 5))].map(normalizePlatform);
    case 'arm64':
      return [wanted, ...of('arm64', arm64Below(variant ?? 'v8')), ...armOf(base, variant ?? 'v8')].map(normalizePlatform);
    default:
      return [wanted];
  }
}

export function platformMatches(has: Platform, wanted: Platform): boolean {
  return compatiblePlatforms(wanted).some((candidate) => isSame(candidate, normalizePlatform(has)));
}

/**
 * The entry of an index to take: the best that the platform can run, the first of equals. An entry without a platform
 * fits any, but anything that names one is better. Attestations (unknown/unknown) and what is no image are passed over.
 * Throws `not-found` in Docker's words, in which `named` is the platform.
 */
export function choosePlatform(entries: readonly Descriptor[], wanted: Platform, named = wanted): Descriptor {
  const images = entries.filter((entry) => !isAttestation(entry));
  for (const candidate of compatiblePlatforms(wanted)) {
    const found = images.find((entry) => entry.platform !== undefined && isSame(candidate, normalizePlatform(entry.platform)));
    if (found !== undefined) return found;
  }
  const any = images.find((entry) => entry.platform === undefined);
  if (any !== undefined) return any;
  const has = [...new Set(images.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)])))];
  throw new EngineError('not-found', `no matching manifest for ${formatPlatform(named)} in the manifest list entries`, {
    detail: { platforms: has },
    ...(has.length === 0 ? {} : { hint: `it is there for ${has.slice(0, 20).join(', ')}` }),
  });
}

/** BuildKit's: what says something of an image and is none. */
function isAttestation(entry: Descriptor): boolean {
  return entry.annotations?.['vnd.docker.reference.type'] !== undefined || (entry.platform?.os === 'unknown' && entry.platform.architecture === 'unknown');
}

function isSame(a: Platform, b: Platform): boolean {
  return a.os === b.os && a.architecture === b.architecture && (a.variant ?? '') === (b.variant ?? '');
}

function normalOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === '' ? 'linux' : lower === 'macos' ? 'darwin' : lower;
}

function normalArch(architecture: string, variant: string): { architecture: string; variant: string } {
  const [arch, level] = [architecture.toLowerCase(), variant.toLowerCase()];
  switch (arch) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: level === 'v1' ? '' : level };
    case 'aarch64':
    case 'arm64':
      return { architecture: 'arm64', variant: level === '8' || level === 'v8' ? '' : level };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      return { architecture: 'arm', variant: level === '' ? 'v7' : /^[5678]$/.test(level) ? `v${level}` : level };
    default:
      return { architecture: arch, variant: level };
  }
}

/** `arm` as a user writes it stays without a variant; it matches as v7 all the same. */
function plainArm({ architecture, variant }: { architecture: string; variant: string }): string {
  return architecture === 'arm' && variant === 'v7' ? '' : variant;
}

function withVariant(architecture: string, variant: string): { architecture: string; variant?: string } {
  return variant === '' ? { architecture } : { architecture, variant };
}

function down(prefix: string, from: number, to: number): string[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => `${prefix}${from - index}`);
}

/** v9.x runs v9 and below and v8.(x+5) and below; v8.x runs v8 and below. */
function arm64Below(variant: string): string[] {
  const match = /^v([89])(?:\.(\d))?$/.exec(variant);
  if (match === null) return [];
  const minor = Number(match[2] ?? 0);
  const minors = (major: string, from: number) => [...down(`v${major}.`, from, 1), ...(from >= 0 ? [`v${major}`] : [])];
  return match[1] === '9' ? [...minors('9', minor - 1), ...minors('8', minor + 5)] : minors('8', minor - 1);
}

function armOf(base: Platform, variant: string): Platform[] {
  return compatiblePlatforms({ ...base, architecture: 'arm', variant: /^v[89]\./.test(variant) ? 'v8' : variant });
}
