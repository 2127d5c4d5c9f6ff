/** What a Dockerfile says of itself: its targets, what a target can be given, what the checks find. Nothing is built. */
import type { BuildDescription, DescribedArg, SourceFile, SourceRange } from '../build/contract.ts';
import type { ArgInstruction, BuildWarning, Dockerfile } from '../build/dockerfile/ast.ts';
import { expand } from '../build/dockerfile/expand.ts';
import type { BuildPlan, RunStep } from '../build/dockerfile/plan.ts';

type Lines = readonly { readonly start: number; readonly end: number }[];

export function describedTargets(file: Dockerfile): BuildDescription['targets'] {
  return file.stages.map((stage, index) => ({
    name: stage.name,
    base: stage.base,
    platform: stage.platform,
    description: stage.comment,
    default: index === file.stages.length - 1,
    ranges: rangesOf(stage.location),
  }));
}

export function describedWarnings(warnings: readonly BuildWarning[]): BuildDescription['warnings'] {
  return warnings.map(({ rule, description, url, message, location }) => ({ rule, description, url, detail: message, ranges: rangesOf(location) }));
}

/** What the plan's target can be given: the arguments of its stages, and the global ones that one of them or a FROM uses. */
export function describedInputs(file: Dockerfile, plan: BuildPlan): Pick<BuildDescription, 'target' | 'args' | 'secrets' | 'ssh'> {
  const args = new Map<string, DescribedArg>();
  const stages = plan.stages.map(({ index, args: values }) => ({ stage: file.stages[index]!, values }));
  const own = stages.flatMap(({ stage, values }) => stage.instructions.flatMap((each) => (each.kind === 'arg' ? [{ instruction: each, values }] : [])));
  const used = new Set(own.flatMap(({ instruction }) => instruction.args.map(({ key }) => key)));
  for (const { stage } of stages) {
    for (const text of [stage.base, stage.platform]) for (const name of expand(text, plan.globalArgs, { escape: file.escape }).matched) used.add(name);
  }
  const add = (instruction: ArgInstruction, value: (key: string) => string | undefined): void => {
    for (const { key, comment = '' } of instruction.args) {
      if (args.has(key)) continue; // in a stage it is the same one again
      args.set(key, { name: key, value: value(key) ?? '', description: comment, ranges: rangesOf(instruction.location) });
    }
  };
  for (const each of file.globalArgs) {
    const wanted = each.args.filter(({ key }) => used.has(key));
    add({ ...each, args: wanted }, (key) => plan.globalArgs.get(key));
  }
  for (const { instruction, values } of own) add(instruction, (key) => values.findLast((each) => each.key === key)?.value);
  const runs = plan.stages.flatMap(({ steps }) => steps.filter((step): step is RunStep => step.kind === 'run'));
  const mounts = (type: 'secret' | 'ssh', otherwise: string) => {
    const found = new Map<string, { readonly name: string; readonly required: boolean; readonly ranges: readonly SourceRange[] }>();
    for (const run of runs) {
      for (const mount of run.mounts) {
        if (mount.type !== type) continue;
        const name = mount.id || mount.target.replace(/^.*\//, '') || otherwise;
        if (found.get(name)?.required !== true) found.set(name, { name, required: mount.required, ranges: rangesOf(run.location) });
      }
    }
    return [...found.values()];
  };
  const target = file.stages[plan.target.index]!;
  return { target: { name: target.name, description: target.comment }, args: [...args.values()], secrets: mounts('secret', ''), ssh: mounts('ssh', 'default') };
}

/** Nothing but the file. */
export function emptyDescription(source: SourceFile, file: Dockerfile): BuildDescription {
  return { source, targets: describedTargets(file), target: { name: '', description: '' }, args: [], secrets: [], ssh: [], warnings: [], error: undefined };
}

function rangesOf(location: Lines): SourceRange[] {
  return location.map(({ start, end }) => ({ start: { line: start, character: 0 }, end: { line: end, character: 0 } }));
}
