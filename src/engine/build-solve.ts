/** Runs a plan: the stages that its target needs, side by side where they can be, each step once. */
import { nanoOf } from '../base/time.ts';
import { posix } from 'node:path';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { LayerRef } from '../build/contract.ts';
import type { BuildFailureDetail, BuildRequest, SourceFile } from '../build/contract.ts';
import type { SourceRange } from '../build/dockerfile/ast.ts';
import type { BuildPlan, CopySource, CopyStep, HistoryLine, PlannedStage, RunStep, Source, Step, WorkdirStep } from '../build/dockerfile/plan.ts';
import { keyOf } from '../build/keys.ts';
import { Vertex, type OnBuildEvent, type StepNote } from '../build/progress.ts';
import { chainIds } from '../image/chain-id.ts';
import { rfc3339 } from './build-image.ts';
import type { HistoryEntry } from '../image/contract.ts';
import type { BaseFound } from './build-bases.ts';
import type { OriginNotes } from './build-origin.ts';
import type { ImportedRecord } from './build-cache-transfer.ts';
import type { BuildContexts } from './build-contexts.ts';
import { copyKey, copyStep, linksOnTheWay } from './build-copy.ts';
import type { FileRoot, FoundSource } from './build-copy-sources.ts';
import { viewOf, mountable } from './build-layer.ts';
import type { Lent } from './build-lent.ts';
import { runMounts } from './build-mounts.ts';
import type { BuildParts, StepOutcome } from './build-parts.ts';
import { grantedToSteps } from './build-grants.ts';
import { fetchSource } from './build-fetch.ts';
import { runStep } from './build-run.ts';
import { inBuildersWords } from './build-words.ts';
import { makeWorkdir } from './build-workdir.ts';

/** What a stage has come to. */
export interface StageState {
  readonly layers: readonly LayerRef[];
  /** Without `created` where that is the exporter's to say. */
  readonly history: readonly HistoryEntry[];
  /** From where on the history is this build's; what is before is the base's. */
  readonly own: number;
  /** How many of the layers, from the bottom, are of the image that it all begins with. */
  readonly baseLayers: number;
  /** Of the last step's record. */
  readonly record: Digest | undefined;
  readonly vertex: Digest | undefined;
}

export interface SolveInput {
  readonly request: BuildRequest;
  readonly plan: BuildPlan;
  /** Looked up once, whoever asks. */
  image(source: Extract<Source, { kind: 'image' }>): Promise<BaseFound>;
  readonly contexts: BuildContexts;
  /** For steps that this build begins. */
  readonly lent: Lent;
  /** Of each context: what of it the .dockerignore leaves out. */
  readonly ignored: (context: string) => FileRoot['ignored'];
  readonly ignorePatterns: readonly string[];
  readonly excluded: (patterns: readonly string[]) => ((path: string) => boolean) | undefined;
  /** Records from elsewhere, by their keys. */
  readonly imported: ReadonlyMap<Digest, ImportedRecord>;
  /** Gets the keys of the steps that were done, or found done. */
  readonly done: Set<Digest>;
  readonly notes: OriginNotes;
  readonly work: string;
  readonly source: SourceFile;
  readonly say: OnBuildEvent;
  readonly signal: AbortSignal;
}

/** Throws the first failure, with its place in the Dockerfile; then nothing is at work any more. */
export async function solve(parts: BuildParts, input: SolveInput): Promise<StageState> {
  const solver = new Solver(parts, input);
  return solver.all();
}

const SCRATCH: StageState = { layers: [], history: [], own: 0, baseLayers: 0, record: undefined, vertex: undefined };

class Solver {
  readonly #parts: BuildParts;
  readonly #input: SolveInput;
  readonly #stages = new Map<number, Promise<StageState>>();
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  /** What each RUN gets. */
  #devices: ReadonlyMap<RunStep, readonly string[]> = new Map();
  #number = 0;
  #begun = 0;

  constructor(parts: BuildParts, input: SolveInput) {
    this.#parts = parts;
    this.#input = input;
    this.#signal = AbortSignal.any([input.signal, this.#stop.signal]);
  }

  async all(): Promise<StageState> {
    const { stages, target } = this.#input.plan;
    this.#devices = grantedToSteps(this.#input.plan, this.#input.request.entitlements ?? []);
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
    this.#begins(`FROM ${stage.baseName}${stage.name === '' ? '' : ` AS ${stage.name}`}`);
    let state = await this.#base(stage);
    const { layers } = this.#input.notes;
    layers.set(stage, state.layers);
    this.#done(state, false);
    for (const step of stage.steps) {
      if (this.#signal.aborted) throw this.#signal.reason;
      this.#begins(step.onbuild ? step.title.replace(/^\[[^\]]*\] /, '') : this.#written(step.location));
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
  #begins(text: string): void {
    const { stages } = this.#input.plan;
    const total = stages.reduce((sum, { steps }) => sum + 1 + steps.length, 0);
    if (this.#input.request.classic === true) this.#input.say({ kind: 'step', number: ++this.#begun, total, text });
  }

  /** Lines of the Dockerfile as one. */
  #written(location: readonly SourceRange[]): string {
    const lines = this.#input.source.data.toString().split('\n');
    const parts = location.flatMap(({ start, end }) => lines.slice(start - 1, end));
    return parts.map((line) => line.replace(/[\\`]\s*$/, '').trim()).join(' ');
  }

  #done({ layers, history }: StageState, cached: boolean): void {
    if (this.#input.request.classic !== true) return;
    const id = keyOf(
      layers.map(({ diffId }) => diffId),
      history.map(({ created_by }) => created_by),
    );
    this.#input.say({ kind: 'stepped', id, cached });
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
        const history = historyOf(config.history ?? [], layers.length);
        return { layers, history, own: history.length, baseLayers: layers.length, record: undefined, vertex: vertex.digest };
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
    const root = await this.#root(base);
    const step = { add: false, destination: '/', chown: '', chmod: '', unpack: undefined };
    const copy = { layers: [], step, sources: [{ kind: 'path' as const, root, path: '/' }], now: nanoOf(Date.now()) };
    const key = keyOf('context', await copyKey(this.#parts, copy));
    const todo = { key, description: vertex.name, work: (signal: AbortSignal) => copyStep(this.#parts, copy, signal) };
    const { layer, createdAt } = await this.#once(todo, SCRATCH, vertex, false, []);
    const created = rfc3339(createdAt);
    return { layers: [layer], history: [{ created, created_by: `context ${name}` }], own: 0, baseLayers: 0, record: key, vertex: vertex.digest };
  }

  async #step(stage: PlannedStage, step: Step, state: StageState, vertex: Vertex | undefined): Promise<StageState> {
    if (step.kind === 'config' || vertex === undefined) {
      const changed = { ...state, history: [...state.history, ...step.history.map(lineOf)] };
      this.#done(changed, false);
      return changed;
    }
    const todo = await this.#todo(step, state, vertex);
    const nonce = stage.ignoreCache ? [this.#input.work] : [];
    const outcome = await this.#once(todo, state, vertex, stage.ignoreCache, nonce);
    const created = rfc3339(outcome.createdAt);
    const history = step.history.map((line) => (line.empty_layer === true ? lineOf(line) : { created, ...lineOf(line) }));
    const layers = [...state.layers, outcome.layer];
    const changed = { ...state, layers, history: [...state.history, ...history], record: todo.key, vertex: vertex.digest };
    this.#done(changed, outcome.cached);
    return changed;
  }

  async #once(todo: Todo, state: StageState, vertex: Vertex, ignoreCache: boolean, nonce: readonly string[]): Promise<StepOutcome> {
    const { cache, flights, engine } = this.#parts;
    const images = engine.images();
    this.#input.done.add(todo.key);
    let record = ignoreCache ? undefined : cache.find(todo.key);
    const elsewhere = ignoreCache || record !== undefined ? undefined : this.#input.imported.get(todo.key);
    if (elsewhere !== undefined) {
      // a layer that cannot be had is made
      record = await elsewhere.take(this.#signal).catch(() => undefined);
      if (record !== undefined) cache.put({ ...record, parent: state.record });
    }
    if (record !== undefined && images.driver.has(record.layer.diffId) && images.store.blobs.has(record.layer.descriptor.digest)) {
      cache.touch(record);
      vertex.end({ cached: true });
      return { layer: record.layer, createdAt: record.createdAt, cached: true };
    }
    const work = async (signal: AbortSignal, tell: (note: StepNote) => void): Promise<StepOutcome> => {
      const layer = await this.#input.lent.to(() => todo.work(signal, tell));
      const createdAt = Date.now();
      const size = images.driver.contentSize(layer.diffId);
      cache.put({ key: todo.key, parent: state.record, description: todo.description, layer, size, createdAt, usageCount: 1 });
      return { layer, createdAt, cached: false };
    };
    vertex.start();
    const outcome = await flights.join([todo.key, ...nonce].join(' '), work, { signal: this.#signal, listener: (note) => vertex.note(note) });
    vertex.end();
    return outcome;
  }

  async #todo(step: RunStep | CopyStep | WorkdirStep, state: StageState, vertex: Vertex): Promise<Todo> {
    const parts = this.#parts;
    const layers = state.layers.map(({ diffId }) => diffId);
    const below = chainIds(layers).at(-1) ?? 'scratch';
    const description = vertex.name;
    if (step.kind === 'workdir') {
      const { user } = step;
      return {
        key: keyOf('workdir', below, step.path, user),
        description,
        work: (signal) => makeWorkdir(parts, layers, { path: step.path, user }, signal),
      };
    }
    if (step.kind === 'copy') {
      const sources = await this.#sources(step);
      // where a link leads elsewhere the layer depends on those below after all
      const alone = step.link && !(await linksOnTheWay(parts, layers, step.destination));
      const excluded = this.#input.excluded(step.exclude);
      const copy = { layers: alone ? [] : layers, step, sources, excluded, now: nanoOf(Date.now()) };
      const key = keyOf(alone ? 'link' : below, await copyKey(parts, copy), step.exclude);
      return { key, description, work: (signal) => copyStep(parts, copy, signal) };
    }
    const { request } = this.#input;
    const network = step.network === 'default' ? (request.network ?? 'default') : step.network;
    const settings = {
      network: network === 'bridge' ? 'default' : network,
      privileged: step.security === 'insecure',
      addHosts: request.addHosts ?? [],
      ulimits: (request.ulimits ?? []).map(({ type, soft, hard }) => ({ type: `RLIMIT_${type.toUpperCase()}`, soft, hard })),
      shmSize: request.shmSize,
      cgroupParent: request.cgroupParent,
      limits: request.limits ?? {},
    };
    const mounts = await runMounts(parts, step, {
      request,
      work: this.#input.work,
      root: (source) => this.#root(source),
      layers: (source) => this.#layersOf(source),
    });
    const { argv, env, cwd, user, proxyEnv } = step;
    const devices = this.#devices.get(step) ?? [];
    const { cgroupParent: _, limits: _limits, ...counted } = settings;
    return {
      key: keyOf('run', below, argv, env, cwd, user, mounts.key, counted, ...(devices.length === 0 ? [] : [devices])),
      description,
      work: (signal, tell) =>
        mounts.use(signal, (given) =>
          runStep(
            parts,
            { layers, argv, env: [...env, ...proxyEnv, ...given.env], cwd, user, devices, mounts: given.mounts, ...settings, onStarted: given.started },
            { signal, tell },
          ),
        ),
    };
  }

  async #layersOf(source: Source): Promise<readonly LayerRef[]> {
    if (source.kind === 'stage') return (await this.#stage(source.index)).layers;
    if (source.kind === 'image') return (await this.#input.image(source)).layers;
    return [];
  }

  async #root(source: Source): Promise<FileRoot> {
    const { contexts, ignored, ignorePatterns } = this.#input;
    if (source.kind === 'context') {
      return contexts.root('context', { excludePatterns: ignorePatterns, followPaths: this.#followed('context') }, ignored('context'));
    }
    if (source.kind === 'named-context') return contexts.root(source.name, { followPaths: this.#followed(source.name) }, ignored(source.name));
    const layers = await mountable(
      this.#parts,
      (await this.#layersOf(source)).map(({ diffId }) => diffId),
    );
    return { owned: false, open: (use) => viewOf(this.#parts, layers, undefined, use) };
  }

  /** What of a context the plan needs; undefined: all of it. */
  #followed(name: string): readonly string[] | undefined {
    const paths = new Set<string>();
    const matches = (source: Source | undefined) =>
      name === 'context' ? source?.kind === 'context' : source?.kind === 'named-context' && source.name === name;
    for (const { steps } of this.#input.plan.stages) {
      for (const step of steps) {
        if (step.kind === 'copy' && matches(step.from)) {
          for (const source of step.sources) if (source.kind === 'path' || source.kind === 'parents') paths.add(followedPath(source));
        } else if (step.kind === 'run') for (const mount of step.mounts) if (matches(mount.origin)) paths.add(posix.normalize(`/${mount.source}`).slice(1));
      }
    }
    return paths.has('') || paths.has('.') ? undefined : [...paths];
  }

  async #sources(step: CopyStep): Promise<FoundSource[]> {
    const out: FoundSource[] = [];
    let root: FileRoot | undefined;
    for (const source of step.sources) {
      if (source.kind === 'file') out.push({ kind: 'file', path: source.path, content: Buffer.from(source.content) });
      else if (source.kind === 'path') {
        root ??= await this.#root(step.from);
        out.push({ kind: 'path', root, path: source.path });
      } else if (source.kind === 'parents') {
        root ??= await this.#root(step.from);
        out.push({ kind: 'path', root, path: posix.join(source.path, source.pattern), below: source.path, optional: !source.required });
      } else out.push(await fetchSource(source, `${this.#input.work}/fetched-${this.#number++}`, this.#input, this.#signal));
    }
    return out;
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

/** Below a `**` there may be anything: all that is above it is needed. */
function followedPath(source: Extract<CopySource, { kind: 'path' | 'parents' }>): string {
  const path = source.kind === 'path' ? source.path : posix.join(source.path, source.pattern);
  const parts = posix.normalize(`/${path}`).slice(1).split('/');
  const any = parts.indexOf('**');
  return (any < 0 || source.kind === 'path' ? parts : parts.slice(0, any)).join('/');
}

/** A step, ready to be looked up and to be run. */
interface Todo {
  readonly key: Digest;
  readonly description: string;
  work(signal: AbortSignal, tell: (note: StepNote) => void): Promise<LayerRef>;
}

function lineOf({ created_by, comment, author, empty_layer }: HistoryLine): HistoryEntry {
  return {
    created_by,
    ...(author === undefined ? {} : { author }),
    ...(comment === undefined ? {} : { comment }),
    ...(empty_layer === undefined ? {} : { empty_layer }),
  };
}

/** A base may say less of its history than it has layers. */
function historyOf(history: readonly HistoryEntry[], layers: number): HistoryEntry[] {
  const told = history.filter(({ empty_layer }) => empty_layer !== true).length;
  return [...history, ...Array.from({ length: Math.max(0, layers - told) }, (): HistoryEntry => ({ created: new Date(0).toISOString(), created_by: '' }))];
}
