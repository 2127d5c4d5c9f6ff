/** Which stage begins with which, and which takes files from which; what a target needs. */
import { formatPlatform, parsePlatform } from '../../image/platform.ts';
import { familiarReference, formatReference, parseReference, withDefaultTag } from '../../image/reference.ts';
import type { Platform } from '../../image/contract.ts';
import { EngineError } from '../../base/errors.ts';
import type { Dockerfile, Instruction, SourceRange, Stage } from './ast.ts';
import { expand } from './expand.ts';
import { placed, wrong, wrongAt } from './failure.ts';
import { mountFrom } from './mount.ts';
import type { PlanOptions, Source } from './plan.ts';
import { checkConstantPlatform, checkFromArguments, checkRedundantPlatform } from './from-checks.ts';
import type { Findings } from './rules.ts';
import { nearest, withSuggestion } from './suggest.ts';
import { goQuote } from '../../base/go-quote.ts';

/** A stage with its references resolved. */
export interface StageNode {
  readonly stage: Stage;
  /** FROM's name, expanded. */
  readonly baseName: string;
  /** `--platform`'s; undefined where there is none. */
  readonly platform: Platform | undefined;
  readonly base: Source;
  /** The named context that stands in for the whole stage: its instructions are not done. */
  readonly replaced: boolean;
  /** ONBUILDs of the base, once they are known; they come before the stage's own. */
  triggers: readonly Instruction[];
  /** The nodes that it takes files from, and the instruction that says so. */
  readonly uses: Map<StageNode, Instruction>;
}

export class StageGraph {
  readonly nodes: StageNode[] = [];
  /** Images that files are taken from, each time one is named. */
  foreign = 0;
  readonly #byName = new Map<string, StageNode>();
  readonly #dockerfile: Dockerfile;
  readonly #options: PlanOptions;
  readonly #scope: ReadonlyMap<string, string>;
  readonly #target: Platform;

  /** Throws `invalid`, at the FROM that is to blame. */
  constructor(dockerfile: Dockerfile, options: PlanOptions, scope: ReadonlyMap<string, string>, declared: ReadonlySet<string>, findings: Findings) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    this.#scope = scope;
    this.#target = options.targetPlatform ?? options.buildPlatform;
    if (dockerfile.stages.length > MAX_STAGES) throw wrong('the Dockerfile has too many stages');
    for (const stage of dockerfile.stages) {
      const node = placed(stage.location, () => this.#node(stage, declared, findings));
      this.nodes.push(node);
      if (stage.name !== '') this.#byName.set(stage.name, node);
    }
    for (const node of this.nodes) {
      if (!node.replaced) for (const instruction of node.stage.instructions) this.#use(node, instruction);
    }
    this.refuseCircles();
  }

  target(): StageNode {
    const name = this.#options.target ?? '';
    if (name === '') return this.nodes.at(-1)!;
    const found = this.#byName.get(name.toLowerCase());
    if (found !== undefined) return found;
    throw wrong(withSuggestion(`target stage ${goQuote(name)} could not be found`, name, this.nodes.map(titleOf)));
  }

  /** The base where it is a stage. */
  baseOf(node: StageNode): StageNode | undefined {
    return node.base.kind === 'stage' ? this.nodes[node.base.index] : undefined;
  }

  /** All that a node needs, itself among them, in the order of the file. */
  reachable(from: StageNode): StageNode[] {
    const seen = new Set<StageNode>([from]);
    for (const node of seen) {
      const base = this.baseOf(node);
      if (base !== undefined) seen.add(base);
      for (const used of node.uses.keys()) seen.add(used);
    }
    return this.nodes.filter((node) => seen.has(node));
  }

  /** Gives a stage the triggers of its base. */
  addTriggers(node: StageNode, triggers: readonly Instruction[]): void {
    node.triggers = triggers;
    for (const instruction of triggers) this.#use(node, instruction);
  }

  /** What `COPY --from` or a mount's `from` names: a stage (COPY: also by its number), a named context or an image. */
  origin(name: string, byNumber: boolean): Source {
    if (byNumber && /^[+-]?[0-9]+$/.test(name)) {
      const index = Number(name);
      if (index < 0 || index >= this.nodes.length) throw wrong(`invalid stage index ${index}`);
      return { kind: 'stage', index };
    }
    const node = this.#byName.get(name.toLowerCase());
    return node === undefined ? this.#image(name, undefined) : { kind: 'stage', index: node.stage.index };
  }

  #node(stage: Stage, declared: ReadonlySet<string>, findings: Findings): StageNode {
    const options = { escape: this.#dockerfile.escape };
    const names = new Set([...declared, ...this.#scope.keys()]);
    const expanded = expand(stage.base, this.#scope, options);
    checkFromArguments(names, expanded, stage, findings);
    if (expanded.text === '') throw wrong(`base name (${stage.base}) should not be blank`);

    let platform: Platform | undefined;
    if (stage.platform !== '') {
      const named = expand(stage.platform, this.#scope, options);
      checkFromArguments(names, named, stage, findings);
      checkRedundantPlatform(stage, named, this.#scope, findings);
      platform = this.#platform(stage, named.text, named.unmatched);
      checkConstantPlatform(stage, named, platform, findings);
    }
    const common = { stage, baseName: expanded.text, platform, triggers: [], uses: new Map<StageNode, Instruction>() };
    const context = stage.name === '' ? undefined : this.#context(stage.name, platform);
    if (context !== undefined) return { ...common, base: context, replaced: true };
    const earlier = this.#byName.get(expanded.text);
    const base: Source = earlier === undefined ? this.#image(expanded.text, platform) : { kind: 'stage', index: earlier.stage.index };
    return { ...common, base, replaced: false };
  }

  #platform(stage: Stage, text: string, unmatched: ReadonlySet<string>): Platform {
    const suggestion = () => {
      const match = [...unmatched].map((name) => nearest(name, this.#scope.keys())).find((each) => each !== '');
      return match === undefined ? '' : ` (did you mean ${match}?)`;
    };
    if (text === '') throw wrong(`empty platform value from expression ${stage.platform}${suggestion()}`);
    try {
      return parsePlatform(text, this.#options.buildPlatform);
    } catch (error) {
      // BuildKit quotes the line twice
      if (error instanceof EngineError) {
        throw wrongAt(stage.location, `failed to parse platform ${stage.platform}: ${error.message}${suggestion()}`, [stage.location]);
      }
      throw error;
    }
  }

  #image(name: string, platform: Platform | undefined): Source {
    if (name === 'scratch') return { kind: 'scratch' };
    let reference;
    try {
      reference = parseReference(name);
    } catch (error) {
      if (error instanceof EngineError) throw wrong(`failed to parse stage name ${goQuote(name)}: ${error.message}`);
      throw error;
    }
    const wanted = platform ?? this.#target;
    const full = formatReference(withDefaultTag(reference));
    return (
      this.#context(familiarReference(withDefaultTag(reference)), platform) ?? { kind: 'image', key: imageKey(full, wanted), name: full, platform: wanted }
    );
  }

  /** The client's context of this name, where it gave one; `:latest` makes no difference. */
  #context(name: string, platform: Platform | undefined): Source | undefined {
    if (name.toLowerCase() === 'scratch' || name.toLowerCase() === 'context') return undefined;
    const wanted = withoutLatest(name);
    const contexts = Object.entries(this.#options.namedContexts ?? {});
    // one for this platform alone comes first: `alpine::linux/arm64`
    const suffix = `::${formatPlatform(platform ?? this.#target)}`;
    const own = contexts.find(([key]) => key.endsWith(suffix) && contextName(key.slice(0, -suffix.length)) === wanted);
    const found = own ?? contexts.find(([key]) => contextName(key) === wanted);
    if (found === undefined) return undefined;
    const [key, value] = found;
    if (!value.startsWith(IMAGE_CONTEXT)) return { kind: 'named-context', name: key, value };
    const image = value.slice(IMAGE_CONTEXT.length);
    if (image === 'scratch') return { kind: 'scratch' };
    // of a result that has no name there is the id
    const full = IMAGE_ID.test(image) ? image : formatReference(withDefaultTag(parseReference(image)));
    const of = platform ?? this.#target;
    return { kind: 'image', key: imageKey(full, of), name: full, platform: of };
  }

  #use(node: StageNode, instruction: Instruction): void {
    for (const source of this.#origins(instruction)) {
      if (source.kind === 'stage') node.uses.set(this.nodes[source.index]!, instruction);
      else this.foreign++;
    }
  }

  #origins(instruction: Instruction): Source[] {
    return placed(instruction.location, () => {
      if (instruction.kind === 'copy' && instruction.from !== '') {
        const { from } = instruction;
        if (expand(from, new Map(), { escape: this.#dockerfile.escape }).text !== from) {
          throw wrong('variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround');
        }
        return [this.origin(from, true)];
      }
      if (instruction.kind !== 'run') return [];
      // BuildKit counts what a mount without an origin is from as a stage of its own
      return instruction.mounts.map(mountFrom).map((from): Source => (from === '' ? { kind: 'scratch' } : this.origin(from, false)));
    });
  }

  /** Throws `invalid`, at each instruction of the circle, where stages take files from one another. */
  refuseCircles(): void {
    const visited = new Set<StageNode>();
    for (const first of this.nodes) {
      // what is on the way from `first`, and of each what is still to be looked at; a stack of our own, as there may be many
      const path: (readonly [StageNode, Iterator<[StageNode, Instruction]>])[] = [];
      const onPath = new Set<StageNode>();
      const location: (readonly SourceRange[])[] = [];
      const enter = (node: StageNode) => {
        visited.add(node);
        path.push([node, node.uses.entries()]);
        onPath.add(node);
      };
      if (!visited.has(first)) enter(first);
      while (path.length > 0) {
        const [node, rest] = path.at(-1)!;
        const next = rest.next();
        if (next.done === true) {
          path.pop();
          onPath.delete(node);
          location.pop();
          continue;
        }
        const [used, instruction] = next.value;
        if (onPath.has(used)) throw wrongAt(instruction.location, `circular dependency detected on stage: ${titleOf(first)}`, location.toReversed());
        if (visited.has(used)) continue;
        location.push(instruction.location);
        enter(used);
      }
    }
  }
}

/** More stages are no Dockerfile that anybody wrote. */
const MAX_STAGES = 10_000;
const IMAGE_CONTEXT = 'docker-image://';
const IMAGE_ID = /^sha256:[0-9a-f]{64}$/;

/** The name, or `stage-0` after the position. */
export function titleOf({ stage }: StageNode): string {
  return stage.name === '' ? `stage-${stage.index}` : stage.name;
}

function withoutLatest(name: string): string {
  return name.endsWith(':latest') ? name.slice(0, -':latest'.length) : name;
}

/** As Docker compares it: `docker.io/library/alpine:latest` is `alpine`. */
function contextName(key: string): string {
  try {
    return withoutLatest(familiarReference(parseReference(key)));
  } catch {
    return key;
  }
}

/** How an image is named among those that are known. `name` is in full. */
export function imageKey(name: string, platform: Platform): string {
  return `${name} ${formatPlatform(platform)}`;
}
