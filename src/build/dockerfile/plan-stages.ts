/** A Dockerfile and what the client asks become a plan: stages, each a list of steps. */
import { formatPlatform, normalizePlatform } from '../../image/platform.ts';
import { IgnorePatterns } from '../ignore/patterns.ts';
import type { CheckSettings, Dockerfile } from './ast.ts';
import { readSettings } from './base-settings.ts';
import { parseCheck } from './directives.ts';
import { evaluate } from './evaluate.ts';
import { placed, wrongAt } from './failure.ts';
import { checkCasing, checkDefaultArgs, checkStageNames } from './from-checks.ts';
import { StageGraph, type StageNode } from './graph.ts';
import { parseTrigger } from './parse.ts';
import type { BaseImage, BuildPlan, ImageNeed, PlannedStage, PlanOptions, PlanResult } from './plan.ts';
import { failOnWarnings, Findings, reported } from './rules.ts';
import { globalScope, isBuildersOwn, own as ownArg, predefinedArgs } from './scope.ts';
import { type BuildContext, StageState } from './stage-state.ts';

/** Of all stages. Keeps a hostile base image from stopping the daemon for long. */
const MAX_TRIGGERS = 20_000;

/**
 * What is to be done for the target. Where configs of base images are needed that `options.images` has not, it answers
 * which: fetch them, and ask again. Touches nothing, and throws `invalid` in BuildKit's words; where a line is to blame its
 * place is in the error's detail (`locationOf`). `findings` gets what the checks find, also where it throws.
 */
export function planStages(dockerfile: Dockerfile, options: PlanOptions, findings: Findings = new Findings()): PlanResult {
  const buildArgs = options.buildArgs ?? {};
  const check = checkSettings(options, () => dockerfile.check);
  if (findings.warnings !== dockerfile.warnings) findings.warnings.push(...dockerfile.warnings);
  checkStageNames(dockerfile.stages, findings);
  checkCasing(dockerfile.stages, findings);

  const targetPlatform = options.targetPlatform ?? options.buildPlatform;
  const targetName = options.target || dockerfile.stages.at(-1)!.name || 'default';
  const predefined = predefinedArgs(options.buildPlatform, targetPlatform, targetName, buildArgs);
  checkDefaultArgs(dockerfile, predefined, findings);
  const { values, declared } = globalScope(predefined, dockerfile.globalArgs, buildArgs, dockerfile.escape);
  const graph = new StageGraph(dockerfile, options, values, declared, findings);
  const target = graph.target();
  const single = graph.nodes.length + graph.foreign === 1;

  const { nodes, missing } = resolve(dockerfile, options, graph, target);
  if (missing.length > 0) return { missing, plan: undefined };

  const ignored = options.ignore === undefined ? undefined : new IgnorePatterns(options.ignore);
  const taken = new Set<string>(declared);
  const context: BuildContext = { dockerfile, options, buildArgs, scope: values, findings, graph, taken, single, ignored, work: 0 };
  const states = new Map<StageNode, StageState>();
  for (const node of nodes) {
    const base = graph.baseOf(node);
    const image = imageOf(options, node);
    checkPlatform(node, image, findings);
    const state = placed(node.stage.location, () => new StageState(context, node, base === undefined ? undefined : states.get(base), image));
    states.set(node, state);
    evaluateAll(state);
  }
  const targetState = states.get(target)!;
  for (const [name, value] of Object.entries(options.labels ?? {})) targetState.labels.set(name, value);

  const warnings = reported(findings.warnings, check);
  failOnWarnings(warnings, check);
  const wanted = new Set(graph.reachable(target));
  const stages = nodes.filter((node) => wanted.has(node)).map((node) => planned(states.get(node)!));
  const unusedArgs = Object.keys(buildArgs).filter((name) => !taken.has(name) && !isBuildersOwn(name) && !predefined.has(name));
  const plan: BuildPlan = { stages, target: stages.find(({ index }) => index === target.stage.index)!, warnings, globalArgs: values, unusedArgs };
  return { missing: [], plan };
}

/** The client's settings of the checks; the file's own where it has none. */
export function checkSettings(options: Pick<PlanOptions, 'check' | 'buildArgs'>, own: () => CheckSettings): CheckSettings {
  const given = ownArg(options.buildArgs ?? {}, 'BUILDKIT_DOCKERFILE_CHECK');
  return options.check ?? (given === undefined ? own() : parseCheck(given));
}

/** The stages to go through, their bases' triggers put in; which images are not known yet. */
function resolve(dockerfile: Dockerfile, options: PlanOptions, graph: StageGraph, target: StageNode) {
  const done = new Set<StageNode>();
  let count = 0;
  for (;;) {
    const nodes = options.allStages === true ? graph.nodes : graph.reachable(target);
    const missing = new Map<string, ImageNeed>();
    let added = false;
    for (const node of nodes) {
      const { base } = node;
      if (base.kind === 'image' && imageOf(options, node) === undefined) missing.set(base.key, { ...base, location: node.stage.location });
      if (done.has(node)) continue;
      done.add(node);
      const triggers = triggersOf(options, graph, node);
      if (node.replaced || triggers.length === 0) continue;
      count += triggers.length;
      const { location } = node.stage;
      if (count > MAX_TRIGGERS) throw wrongAt(location, 'the base images have too many ONBUILD triggers');
      const parsed = triggers.map((trigger) => parseTrigger(trigger, dockerfile.escape, location));
      placed(location, () => graph.addTriggers(node, parsed));
      added = true;
    }
    if (added) {
      graph.refuseCircles();
      continue;
    }
    return { nodes, missing: [...missing.values()] };
  }
}

function triggersOf(options: PlanOptions, graph: StageGraph, node: StageNode): readonly string[] {
  const base = graph.baseOf(node);
  const image = imageOf(options, node);
  if (base === undefined) return image === undefined ? [] : (readSettings(image.settings).OnBuild ?? []);
  return base.replaced ? [] : base.stage.instructions.flatMap((each) => (each.kind === 'onbuild' ? [each.expression] : []));
}

function imageOf(options: PlanOptions, { base }: StageNode): BaseImage | undefined {
  return base.kind === 'image' ? options.images?.get(base.key) : undefined;
}

function checkPlatform({ base, baseName, stage }: StageNode, image: BaseImage | undefined, findings: Findings): void {
  if (base.kind !== 'image' || image === undefined) return;
  const [expected, actual] = [normalizePlatform(base.platform), normalizePlatform(image.platform)];
  if (expected.os === actual.os && expected.architecture === actual.architecture) return;
  const message = `Base image ${baseName} was pulled with platform "${formatPlatform(actual)}", expected "${formatPlatform(expected)}" for current build`;
  findings.add('InvalidBaseImagePlatform', stage.location, message);
}

function evaluateAll(state: StageState): void {
  const { triggers, stage, replaced } = state.node;
  if (replaced) return;
  for (const instruction of [...triggers, ...stage.instructions]) {
    state.onbuild = triggers.includes(instruction);
    placed(instruction.location, () => evaluate(state, instruction));
  }
}

function planned(state: StageState): PlannedStage {
  const { node, context, platform, steps, author, args, fromTitle } = state;
  const { stage, base, baseName } = node;
  const { noCache } = context.options;
  const uses = [...node.uses.keys()].map((used) => used.stage.index);
  const needs = new Set(base.kind === 'stage' ? [base.index, ...uses] : uses);
  return {
    ...{ index: stage.index, name: stage.name, fromTitle, base, baseName, platform, location: stage.location, steps, settings: state.finish(), author, args },
    needs: [...needs].toSorted((a, b) => a - b),
    ignoreCache: noCache !== undefined && (noCache.length === 0 || noCache.some((name) => name.toLowerCase() === stage.name)),
  };
}
