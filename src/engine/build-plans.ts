/** The Dockerfiles that were built last, read and planned: building one again as it was asks for neither. */
import type { Digest } from '../base/digest.ts';
import type { Dockerfile } from '../build/dockerfile/ast.ts';
import { parseDockerfile } from '../build/dockerfile/parse.ts';
import type { PlanOptions, PlanResult, Step } from '../build/dockerfile/plan.ts';
import { planStages } from '../build/dockerfile/plan-stages.ts';
import type { Findings } from '../build/dockerfile/rules.ts';

const MOST_FILES = 16;
const MOST_PLANS = 8;
/** Characters. */
const LONGEST = 64 << 10;

export class Plans {
  /** By their texts; what was asked for last comes last. */
  readonly #files = new Map<string, Dockerfile>();
  readonly #plans = new WeakMap<Dockerfile, Map<string, PlanResult>>();
  readonly #keys = new WeakMap<Step, { readonly given: string; readonly key: Digest }>();

  /** As `parseDockerfile`. */
  parsed(text: string, findings: Findings): Dockerfile {
    const known = this.#files.get(text);
    if (known !== undefined) findings.warnings.push(...known.warnings);
    const read = known ?? parseDockerfile(text, findings);
    // the findings are the caller's
    const file = known ?? { ...read, warnings: [...read.warnings] };
    if (text.length <= LONGEST) keep(this.#files, text, file, MOST_FILES);
    return file;
  }

  /** As `planStages`, for a file that `parsed` gave; of a plan that was made before, `findings` gets nothing. */
  planned(file: Dockerfile, options: PlanOptions, findings: Findings): PlanResult {
    const plans = this.#plans.get(file) ?? new Map<string, PlanResult>();
    this.#plans.set(file, plans);
    const name = JSON.stringify([options, ...(options.images ?? [])]);
    const result = plans.get(name) ?? planStages(file, options, findings);
    keep(plans, name, result, MOST_PLANS);
    return result;
  }

  /** A step's key; made where it is not known for this step, with `given`: all that it depends on besides. */
  keyOf(step: Step, given: string, make: () => Digest): Digest {
    const known = this.#keys.get(step);
    if (known?.given === given) return known.key;
    const key = make();
    this.#keys.set(step, { given, key });
    return key;
  }
}

function keep<T>(known: Map<string, T>, name: string, value: T, most: number): void {
  known.delete(name);
  known.set(name, value);
  for (const oldest of known.keys()) {
    if (known.size <= most) return;
    known.delete(oldest);
  }
}
