/** What clients ask of a Dockerfile besides its build: `--check`, `--call=outline`, `--call=targets`. Answers are JSON documents. */
import { invalid } from '../base/errors.ts';
import type { BuildDescription } from '../build/contract.ts';
import { describedJson } from '../build/describe-json.ts';

const KINDS = { 'frontend.lint': 'lint', 'frontend.outline': 'outline', 'frontend.targets': 'targets' } as const;
const VERSION = '1.0.0';

export type Subrequest = keyof typeof KINDS;

/** What is to be described for it. Throws `invalid` for one that is not known. */
export function descriptionFor(request: string): (typeof KINDS)[Subrequest] {
  if (!Object.hasOwn(KINDS, request)) throw invalid(`unsupported request ${JSON.stringify(request)}`);
  return KINDS[request as Subrequest];
}

/** The answer as metadata of a result. */
export function subrequestAnswer(request: string, description: BuildDescription): Readonly<Record<string, Buffer>> {
  const kind = descriptionFor(request);
  const failed = kind === 'lint' && (description.warnings.length > 0 || description.error !== undefined);
  return {
    'result.json': Buffer.from(describedJson(kind, description)),
    version: Buffer.from(VERSION),
    ...(failed ? { 'result.statuscode': Buffer.from('1') } : {}),
  };
}
