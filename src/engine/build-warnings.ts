/** What the checks of a Dockerfile find, as events tell it. */
import type { BuildRequest, SourceFile } from '../build/contract.ts';
import type { BuildWarning } from '../build/dockerfile/ast.ts';
import { leadingDirectives, parseCheck } from '../build/dockerfile/directives.ts';
import { checkSettings } from '../build/dockerfile/plan-stages.ts';
import { type Findings, reported } from '../build/dockerfile/rules.ts';
import type { Vertex } from '../build/progress.ts';
import { rangesOf } from './build-failure.ts';

export function shownWarning(warning: BuildWarning, source: SourceFile): Parameters<Vertex['warn']>[0] {
  const { description, url, location } = warning;
  return { short: shortOf(warning), detail: description === '' ? [] : [description], url, source, ranges: rangesOf(location) };
}

/** What was found until a Dockerfile failed, but for what it or the client does not want to hear of. */
export function warningsOfFailed(text: string, { warnings }: Findings, buildArgs: BuildRequest['buildArgs'] = {}): readonly BuildWarning[] {
  const given = buildArgs['BUILDKIT_DOCKERFILE_CHECK'];
  try {
    const own = () => parseCheck(leadingDirectives(text).get('check') ?? '');
    return reported(warnings, checkSettings({ buildArgs: given === undefined ? {} : { BUILDKIT_DOCKERFILE_CHECK: given } }, own));
  } catch {
    return []; // the settings are what is wrong
  }
}

/** As BuildKit says it in a line. */
function shortOf({ rule, message, location: [first] }: BuildWarning): string {
  const text = rule === '' ? message : `${rule}: ${message}`;
  return first === undefined || first.start <= 0 ? text : `${text} (line ${first.start})`;
}
