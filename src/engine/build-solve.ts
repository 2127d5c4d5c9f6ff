/** Runs a plan: the stages that its target needs, side by side where they can be, each step once. */
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildFailureDetail, SourceFile } from '../build/contract.ts';
import type { SourceRange } from '../build/dockerfile/ast.ts';
import type { PlannedStage, Source, Step } from '../build/dockerfile/plan.ts';
import { keyOf } from '../build/keys.ts';
import { Vertex, type OnBuildEvent } from '../build/progress.ts';
import type { OriginNotes } from './build-origin.ts';
import type { ImportedRecord } from './build-cache-transfer.ts';
import type { Lent } from './build-lent.ts';
import { once, type Todo } from './build-once.ts';
import type { BuildParts, StepOutcome } from './build-parts.ts';
import { afterConfig, afterLayer, filesState, imageState, SCRATCH, type StageState } from './build-stage.ts';
import { Todos, type TodosInput } from './build-todo.ts';
import { inBuildersWords } from './build-words.ts';

export interface SolveInput extends TodosInput {
  /** For steps that this build begins. */
  readonly lent: Lent;
  /** Records from elsewhere, by their keys. */
  readonly imported: ReadonlyMap<Digest, ImportedRecord>;
  /** Gets the keys of the steps that were done, or found done. */
  readonly done: Set<Digest>;
  readonly notes: OriginNotes;
  readonly source: SourceFile;
  readonly say: OnBuildEvent;
  readonly signal: AbortSignal;
}

/** Throws the first failure, with its place in the Dockerfile; then nothing is at work any more. */
export async function solve(parts: BuildParts, input: SolveInput): Promise<StageState> {
  const solver = new Solver(parts, input);
  return solver.all();
}

class Solver {
  readonly #parts: BuildParts;
  readonly #input: SolveInput;
  readonly #stages = new Map<number, Promise<StageState>>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #todos: Todos;
  /** What the older builder's clients are told: how many steps there are, and the file's lines. */
  readonly #told: { readonly total: number; readonly lines: readonly string[] } | undefined;
  #number = 0;
  #begun = 0;

  constructor(parts: BuildParts, input: SolveInput) {
    this.#parts = parts;
    this.#input = input;
    this.#signal = AbortSignal.any([input.signal, this.#stop.signal]);
    this.#todos = new Todos(parts, input, (index) => this.#stage(index), this.#signal);
    if (input.request.classic !== true) return;
    const total = input.plan.stages.reduce((sum, { steps }) => sum + 1 + steps.length, 0);
    this.#told = { total, lines: input.source.data.toString().split('\n') };
  }

  async all(): Promise<StageState> {
    const { stages, target } = this.#input.plan;
    for (const stage of stages) {
      const running = this.#stage(stage.index);
      // who reads lines wants them in the file's order
      if (this.#input.request.classic === true) await running.catch(() => {});
    }
    let failed: { readonly error: unknown } | undefined;
    await Promise.all(
      [...this.#stages.values()].map((running) =>
        running.catch((error: unknown) => {
          failed ??= { error };
          this.#stop.abort(new EngineError('cancelled', 'context canceled'));
        }),
      ),
    );
    if (failed !== undefined) throw (failed as { error: unknown }).error;
    return this.#stage(target.index);
  }

  #stage(index: number): Promise<StageState> {
    const known = this.#stages.get(index);
    if (known !== undefined) return known;
    const stage = this.#input.plan.stages.find((each) => each.index === index);
    if (stage === undefined) return Promise.reject(new EngineError('internal', `stage ${index} is not in the plan`));
    const running = this.#runStage(stage);
    this.#stages.set(index, running);
    return running;
  }

  async #runStage(stage: PlannedStage): Promise<StageState> {
    this.#begins(() => `FROM ${stage.baseName}${stage.name === '' ? '' : ` AS ${stage.name}`}`);
    let state = await this.#base(stage);
    const { layers } = this.#input.notes;
    layers.set(stage, state.layers);
    this.#done(state, false);
    for (const step of stage.steps) {
      if (this.#signal.aborted) throw this.#signal.reason;
      this.#begins((lines) => (step.onbuild ? step.title.replace(/^\[[^\]]*\] /, '') : written(lines, step.location)));
      const vertex = step.kind === 'config' ? undefined : this.#vertex(step.title, state.vertex);
      try {
        state = await this.#step(stage, step, state, vertex);
        layers.set(step, state.layers);
      } catch (error) {
        const said = inBuildersWords(error, step, this.#input.request.classic === true);
        vertex?.fail(said);
        throw this.#placed(said, step.location, vertex);
      }
    }
    return state;
  }

  #vertex(name: string, input: Digest | undefined): Vertex {
    return new Vertex(this.#input.say, name, input === undefined ? [] : [input], keyOf('vertex', name, input, this.#number++));
  }

  /** For clients of the older builder. */
  #begins(text: (lines: readonly string[]) => string): void {
    if (this.#told === undefined) return;
    const { total, lines } = this.#told;
    this.#input.say({ kind: 'step', number: ++this.#begun, total, text: text(lines) });
  }

  #done({ id }: StageState, cached: boolean): void {
    if (this.#told !== undefined) this.#input.say({ kind: 'stepped', id, cached });
  }

  async #base({ base, baseName, fromTitle, location }: PlannedStage): Promise<StageState> {
    switch (base.kind) {
      case 'scratch':
        return SCRATCH;
      case 'stage':
        return this.#stage(base.index);
      case 'image': {
        const vertex = this.#vertex(`${fromTitle}FROM ${baseName}`, undefined);
        vertex.start();
        vertex.end({ cached: true });
        const { layers, config } = await this.#input.image(base);
        return imageState(config, layers, vertex.digest);
      }
      case 'named-context':
        return this.#files(base, baseName).catch((error: unknown) => {
          throw this.#placed(error, location, undefined);
        });
      default:
        throw this.#placed(invalid(`${baseName} is not an image`), location, undefined);
    }
  }

  /** A context's files as what a stage begins with. */
  async #files(base: Source, name: string): Promise<StageState> {
    const vertex = this.#vertex(`[context ${name}] load from client`, undefined);
    const todo = await this.#todos.files(base, vertex.name);
    return filesState(name, await this.#once(todo, SCRATCH, vertex), todo.key, vertex.digest);
  }

  async #step(stage: PlannedStage, step: Step, state: StageState, vertex: Vertex | undefined): Promise<StageState> {
    if (step.kind === 'config' || vertex === undefined) {
      const changed = afterConfig(state, step);
      this.#done(changed, false);
      return changed;
    }
    const todo = await this.#todos.of(step, state, vertex.name);
    const outcome = await this.#once(todo, state, vertex, stage.ignoreCache);
    const changed = afterLayer(state, step, outcome, { record: todo.key, vertex: vertex.digest });
    this.#done(changed, outcome.cached);
    return changed;
  }

  #once(todo: Todo, { record: parent }: StageState, vertex: Vertex, ignoreCache = false): Promise<StepOutcome> {
    const { done, imported, work, lent } = this.#input;
    done.add(todo.key);
    return once(this.#parts, todo, vertex, { parent, imported, lent, alone: ignoreCache ? work.id : undefined, signal: this.#signal });
  }

  #placed(error: unknown, location: readonly SourceRange[], vertex: Vertex | undefined): unknown {
    if (!(error instanceof EngineError)) return error;
    const known = (error.detail ?? {}) as BuildFailureDetail;
    if (known.source !== undefined || known.elsewhere === true || error.kind === 'cancelled') return error;
    const ranges = location.map(({ start, end }) => ({ start: { line: start, character: 0 }, end: { line: end, character: 0 } }));
    const detail: BuildFailureDetail = { ...known, source: this.#input.source, ranges, ...(vertex === undefined ? {} : { vertex: vertex.digest }) };
    return new EngineError(error.kind, error.message, { detail, cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
}

/** Lines of the Dockerfile as one. */
function written(lines: readonly string[], location: readonly SourceRange[]): string {
  const parts = location.flatMap(({ start, end }) => lines.slice(start - 1, end));
  return parts.map((line) => line.replace(/[\\`]\s*$/, '').trim()).join(' ');
}
