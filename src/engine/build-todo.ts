/** What steps are to do: for each the key of its result, by all that it depends on, and the work. */
import { posix } from 'node:path';
import { nanoOf } from '../base/time.ts';
import type { BuildRequest, LayerRef } from '../build/contract.ts';
import type { BuildPlan, CopySource, CopyStep, RunStep, Source, WorkdirStep } from '../build/dockerfile/plan.ts';
import { keyOf } from '../build/keys.ts';
import type { BaseFound } from './build-bases.ts';
import type { BuildContexts } from './build-contexts.ts';
import { copyKey, copyStep, linksOnTheWay } from './build-copy.ts';
import type { FileRoot, FoundSource } from './build-copy-sources.ts';
import { fetchSource, type FetchParts } from './build-fetch.ts';
import { grantedToSteps } from './build-grants.ts';
import { mountable, viewOf } from './build-layer.ts';
import { runMounts } from './build-mounts.ts';
import type { Todo } from './build-once.ts';
import type { BuildParts, WorkFolder } from './build-parts.ts';
import { runStep, type RunInput } from './build-run.ts';
import type { StageState } from './build-stage.ts';
import { makeWorkdir } from './build-workdir.ts';

export interface TodosInput {
  readonly request: BuildRequest;
  readonly plan: BuildPlan;
  /** Looked up once, whoever asks. */
  image(source: Extract<Source, { kind: 'image' }>): Promise<BaseFound>;
  readonly contexts: BuildContexts;
  /** Of each context: what of it the .dockerignore leaves out. */
  readonly ignored: (context: string) => FileRoot['ignored'];
  readonly ignorePatterns: readonly string[];
  readonly excluded: (patterns: readonly string[]) => ((path: string) => boolean) | undefined;
  /** Gets what was fetched. */
  readonly notes: FetchParts['notes'];
  /** A folder of this build's. */
  readonly work: WorkFolder;
}

export class Todos {
  readonly #parts: BuildParts;
  readonly #input: TodosInput;
  readonly #stage: (index: number) => Promise<StageState>;
  readonly #signal: AbortSignal;
  /** What each RUN gets. */
  readonly #devices: ReadonlyMap<RunStep, readonly string[]>;
  readonly #shared: Pick<RunInput, 'addHosts' | 'ulimits' | 'shmSize'>;
  #fetched = 0;

  /** `stage`: what another one comes to. Throws `denied` for a step that wants what the build is not granted. */
  constructor(parts: BuildParts, input: TodosInput, stage: (index: number) => Promise<StageState>, signal: AbortSignal) {
    this.#parts = parts;
    this.#input = input;
    this.#stage = stage;
    this.#signal = signal;
    const { addHosts = [], ulimits = [], shmSize, entitlements = [] } = input.request;
    this.#devices = grantedToSteps(input.plan, entitlements);
    this.#shared = { addHosts, ulimits: ulimits.map(({ type, soft, hard }) => ({ type: `RLIMIT_${type.toUpperCase()}`, soft, hard })), shmSize };
  }

  /** On top of what a stage has come to. */
  of(step: RunStep | CopyStep | WorkdirStep, state: StageState, description: string): Promise<Todo> {
    if (step.kind === 'run') return this.#run(step, state, description);
    return step.kind === 'copy' ? this.#copy(step, state, description) : this.#workdir(step, state, description);
  }

  /** A context's files as what a stage begins with. */
  async files(base: Source, description: string): Promise<Todo> {
    const root = await this.#root(base);
    const step = { add: false, destination: '/', chown: '', chmod: '', unpack: undefined };
    const copy = { layers: [], step, sources: [{ kind: 'path' as const, root, path: '/' }], now: nanoOf(Date.now()) };
    const key = keyOf('context', await copyKey(this.#parts, copy));
    return { key, description, work: (signal) => copyStep(this.#parts, copy, signal) };
  }

  async #workdir({ path, user }: WorkdirStep, state: StageState, description: string): Promise<Todo> {
    const work = (signal: AbortSignal): Promise<LayerRef> => makeWorkdir(this.#parts, diffIdsOf(state), { path, user }, signal);
    return { key: keyOf('workdir', below(state), path, user), description, work };
  }

  async #copy(step: CopyStep, state: StageState, description: string): Promise<Todo> {
    const parts = this.#parts;
    const layers = diffIdsOf(state);
    const sources = await this.#sources(step);
    // where a link leads elsewhere the layer depends on those below after all
    const alone = step.link && !(await linksOnTheWay(parts, layers, step.destination));
    const excluded = this.#input.excluded(step.exclude);
    const copy = { layers: alone ? [] : layers, step, sources, excluded, now: nanoOf(Date.now()) };
    const key = keyOf(alone ? 'link' : below(state), await copyKey(parts, copy), step.exclude);
    return { key, description, work: (signal) => copyStep(parts, copy, signal) };
  }

  async #run(step: RunStep, state: StageState, description: string): Promise<Todo> {
    const parts = this.#parts;
    const { request } = this.#input;
    const network = step.network === 'default' ? (request.network ?? 'default') : step.network;
    const settings = { network: network === 'bridge' ? 'default' : network, privileged: step.security === 'insecure', ...this.#shared };
    const mounts = await runMounts(parts, step, {
      request,
      root: (source) => this.#root(source),
      layers: (source) => this.#layersOf(source),
    });
    const { argv, env, cwd, user, proxyEnv } = step;
    const devices = this.#devices.get(step) ?? [];
    const layers = diffIdsOf(state);
    const given = JSON.stringify([below(state), mounts.key, settings, devices]);
    const make = () => keyOf('run', below(state), argv, env, cwd, user, mounts.key, settings, ...(devices.length === 0 ? [] : [devices]));
    return {
      key: parts.plans.keyOf(step, given, make),
      description,
      work: (signal, tell) =>
        mounts.use(signal, (given) => {
          const all = [...env, ...proxyEnv, ...given.env];
          const { cgroupParent, limits = {} } = request;
          const how = { ...settings, cgroupParent, limits, mounts: given.mounts, onStarted: given.started };
          return runStep(parts, { layers, argv, env: all, cwd, user, devices, ...how }, { signal, tell });
        }),
    };
  }

  async #layersOf(source: Source): Promise<readonly LayerRef[]> {
    if (source.kind === 'stage') return (await this.#stage(source.index)).layers;
    if (source.kind === 'image') return (await this.#input.image(source)).layers;
    return [];
  }

  async #root(source: Source): Promise<FileRoot> {
    const { contexts, ignored, ignorePatterns, plan } = this.#input;
    if (source.kind === 'context') {
      return contexts.root('context', { excludePatterns: ignorePatterns, followPaths: followed(plan, 'context') }, ignored('context'));
    }
    if (source.kind === 'named-context') return contexts.root(source.name, { followPaths: followed(plan, source.name) }, ignored(source.name));
    const layers = await mountable(
      this.#parts,
      (await this.#layersOf(source)).map(({ diffId }) => diffId),
    );
    return { owned: false, open: (use) => viewOf(this.#parts, layers, undefined, use) };
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
      } else out.push(await fetchSource(source, `${this.#input.work.path}/fetched-${this.#fetched++}`, this.#input, this.#signal));
    }
    return out;
  }
}

function diffIdsOf({ layers }: StageState) {
  return layers.map(({ diffId }) => diffId);
}

function below({ chain }: StageState): string {
  return chain ?? 'scratch';
}

/** What of a context the plan needs; undefined: all of it. */
function followed({ stages }: BuildPlan, name: string): readonly string[] | undefined {
  const paths = new Set<string>();
  const matches = (source: Source | undefined) => (name === 'context' ? source?.kind === 'context' : source?.kind === 'named-context' && source.name === name);
  for (const { steps } of stages) {
    for (const step of steps) {
      if (step.kind === 'copy' && matches(step.from)) {
        for (const source of step.sources) if (source.kind === 'path' || source.kind === 'parents') paths.add(followedPath(source));
      } else if (step.kind === 'run') for (const mount of step.mounts) if (matches(mount.origin)) paths.add(posix.normalize(`/${mount.source}`).slice(1));
    }
  }
  return paths.has('') || paths.has('.') ? undefined : [...paths];
}

/** Below a `**` there may be anything: all that is above it is needed. */
function followedPath(source: Extract<CopySource, { kind: 'path' | 'parents' }>): string {
  const path = source.kind === 'path' ? source.path : posix.join(source.path, source.pattern);
  const parts = posix.normalize(`/${path}`).slice(1).split('/');
  const any = parts.indexOf('**');
  return (any < 0 || source.kind === 'path' ? parts : parts.slice(0, any)).join('/');
}
