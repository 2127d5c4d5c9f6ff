/** The variables of FROM: global ARGs and the predefined ones; and what of the build arguments is the builder's own. */
import { formatPlatform } from '../../image/platform.ts';
import type { Platform } from '../../image/contract.ts';
import type { ArgInstruction } from './ast.ts';
import { expand } from './expand.ts';
import { placed } from './failure.ts';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];
/** Arguments that say something to the builder and are no variables of RUN. */
export const NO_VARIABLES: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** A config's `Env` by name; the last of a name counts. */
export function variablesOf(env: readonly string[]): Map<string, string> {
  return new Map(
    env.map((pair) => {
      const equals = pair.indexOf('=');
      return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** `BUILDPLATFORM` … `TARGETVARIANT`, `TARGETSTAGE`; a build argument of the same name takes precedence. */
export function predefinedArgs(build: Platform, target: Platform, stage: string, buildArgs: Readonly<Record<string, string>>): Map<string, string> {
  const of = (prefix: string, platform: Platform): [string, string][] => [
    [`${prefix}PLATFORM`, formatPlatform(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, platform['os.version'] ?? ''],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ''],
  ];
  const all: [string, string][] = [...of('BUILD', build), ...of('TARGET', target), ['TARGETSTAGE', stage]];
  return new Map(all.map(([name, value]) => [name, own(buildArgs, name) ?? value]));
}

/** The predefined ones and the global ARGs in order, each able to use those before it. `declared` are the names of all ARGs. */
export function globalScope(
  predefined: ReadonlyMap<string, string>,
  args: readonly ArgInstruction[],
  buildArgs: Readonly<Record<string, string>>,
  escape: string,
): { readonly values: Map<string, string>; readonly declared: ReadonlySet<string> } {
  const values = new Map(predefined);
  const declared = new Set<string>();
  for (const instruction of args) {
    for (const { key, value } of instruction.args) {
      const given = own(buildArgs, key) ?? (value === undefined ? undefined : placed(instruction.location, () => expand(value, values, { escape }).text));
      if (given !== undefined) values.set(key, given);
      declared.add(key);
    }
  }
  return { values, declared };
}

/** What HTTP_PROXY and its like among the build arguments give to RUN, in both cases. */
export function proxyVariables(buildArgs: Readonly<Record<string, string>>): string[] {
  return PROXIES.flatMap((name) => {
    const value = Object.entries(buildArgs).findLast(([key, each]) => key.toUpperCase() === name && each !== '')?.[1];
    return value === undefined ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`];
  });
}

/** Whether the builder takes a build argument itself, so that no ARG need do so. */
export function isBuildersOwn(name: string): boolean {
  return name.startsWith('BUILDKIT_') || name === 'SOURCE_DATE_EPOCH' || PROXIES.includes(name.toUpperCase());
}

/** A build argument's value; undefined where it is not given. */
export function own(buildArgs: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
}
