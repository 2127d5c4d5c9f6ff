/** The build checks of FROM lines and of the file as a whole. */
import { parseReference } from '../../image/reference.ts';
import type { Platform } from '../../image/contract.ts';
import type { Dockerfile, SourceRange, Stage } from './ast.ts';
import { type Expansion, expand } from './expand.ts';
import type { Findings } from './rules.ts';
import { globalScope } from './scope.ts';
import { nearest } from './suggest.ts';
import { goQuote } from '../../base/go-quote.ts';

/** Among more names than these, none is looked for that may have been meant. */
const MAX_SUGGESTIONS = 500;
const RESERVED = ['context', 'scratch'];

export function checkStageNames(stages: readonly Stage[], findings: Findings): void {
  const seen = new Set<string>();
  for (const { name, location } of stages) {
    if (name === '') continue;
    if (RESERVED.includes(name)) {
      findings.add('ReservedStageName', location, `Stage name should not use the same name as reserved stage ${goQuote(name)}`);
    }
    if (seen.has(name)) findings.add('DuplicateStageName', location, `Duplicate stage name ${goQuote(name)}, stage names should be unique`);
    seen.add(name);
  }
}

/** Keywords all in upper case, or all in lower: what most of them are in. */
export function checkCasing(stages: readonly Stage[], findings: Findings): void {
  const keywords = stages.flatMap((stage) => [stage, ...stage.instructions]);
  const lower = keywords.filter(({ keyword }) => keyword === keyword.toLowerCase()).length;
  const upper = keywords.filter(({ keyword }) => keyword !== keyword.toLowerCase() && keyword === keyword.toUpperCase()).length;
  const casing = lower > upper ? 'lowercase' : 'uppercase';
  for (const { keyword, location } of keywords) {
    if (keyword === (lower > upper ? keyword.toLowerCase() : keyword.toUpperCase())) continue;
    findings.add('ConsistentInstructionCasing', location, `Command '${keyword}' should match the case of the command majority (${casing})`);
  }
}

/** Base names are names also where no build argument is given. */
export function checkDefaultArgs({ stages, globalArgs, escape }: Dockerfile, predefined: ReadonlyMap<string, string>, findings: Findings): void {
  let values: ReadonlyMap<string, string>;
  try {
    ({ values } = globalScope(predefined, globalArgs, {}, escape));
  } catch {
    return; // the build itself fails with that
  }
  for (const { base, location } of stages) {
    try {
      const name = expand(base, values, { escape }).text;
      if (isName(name)) continue;
    } catch {
      return;
    }
    findings.add('InvalidDefaultArgInFrom', location, `Default value for ARG ${base} results in empty or invalid base image name`);
  }
}

function isName(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

export function checkFromArguments(names: ReadonlySet<string>, { unmatched }: Expansion, stage: Stage, findings: Findings): void {
  for (const name of unmatched) {
    if (names.has(name)) continue;
    const match = nearest(name, names);
    findings.add('UndefinedArgInFrom', stage.location, `FROM argument '${name}' is not declared${match === '' ? '' : ` (did you mean ${match}?)`}`);
  }
}

export function checkRedundantPlatform(stage: Stage, { matched, unmatched, text }: Expansion, scope: ReadonlyMap<string, string>, findings: Findings): void {
  if (matched.size !== 1 || unmatched.size > 0 || !matched.has('TARGETPLATFORM') || text !== scope.get('TARGETPLATFORM')) return;
  const message = `Setting platform to predefined ${stage.platform} in FROM is redundant as this is the default behavior`;
  findings.add('RedundantTargetPlatform', stage.location, message);
}

/** A constant platform is right only where the stage's name says so. */
export function checkConstantPlatform(stage: Stage, { matched, unmatched, text }: Expansion, platform: Platform, findings: Findings): void {
  if (matched.size > 0 || unmatched.size > 0 || stage.name.includes(platform.os) || stage.name.includes(platform.architecture)) return;
  findings.add('FromPlatformFlagConstDisallowed', stage.location, `FROM --platform flag should not use constant value ${goQuote(text)}`);
}

export function checkUndefined(
  names: ReadonlySet<string>,
  known: ReadonlySet<string>,
  env: ReadonlyMap<string, string>,
  location: readonly SourceRange[],
  findings: Findings,
): void {
  for (const name of names) {
    if (known.has(name)) continue;
    const match = env.size > MAX_SUGGESTIONS ? '' : nearest(name, env.keys());
    findings.add('UndefinedVar', location, `Usage of undefined variable '$${name}'${match === '' ? '' : ` (did you mean $${match}?)`}`);
  }
}
