/** `docker build --check`: nothing is built, and an error does not hide what was found before it. */
import { EngineError } from '../../base/errors.ts';
import type { BuildWarning } from './ast.ts';
import { leadingDirectives, parseCheck } from './directives.ts';
import { parseDockerfile } from './parse.ts';
import type { ImageNeed, PlanOptions } from './plan.ts';
import { checkSettings, planStages } from './plan-stages.ts';
import { Findings, reported } from './rules.ts';

/** `missing`: as of `planStages`. `error` is what a build would fail with, its place in the detail (`locationOf`). */
export type CheckResult =
  | { readonly missing: readonly ImageNeed[]; readonly warnings: undefined }
  | { readonly missing: readonly []; readonly warnings: readonly BuildWarning[]; readonly error: EngineError | undefined };

/** Looks at all stages where no target is named. Throws `invalid` for settings of the checks that cannot be read. */
export function checkDockerfile(text: string, options: PlanOptions): CheckResult {
  const findings = new Findings();
  const check = checkSettings(options, () => parseCheck(leadingDirectives(text).get('check') ?? ''));
  let error: EngineError | undefined;
  try {
    const { missing } = planStages(parseDockerfile(text, findings), { allStages: !options.target, ...options }, findings);
    if (missing.length > 0) return { missing, warnings: undefined };
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) throw thrown;
    error = thrown;
  }
  return { missing: [], warnings: reported(findings.warnings, check), error };
}
