/** Use cases: builds, and what their cache has. */
import { parseDockerfile } from '../build/dockerfile/parse.ts';
import type { Dockerfile } from '../build/dockerfile/ast.ts';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { StepRecord } from '../build/cache.ts';
import type { BuildDescription, BuildFailureDetail, BuildRequest, BuildResult, Builds, SourceFile } from '../build/contract.ts';
import type { BaseImage, BuildPlan, ImageNeed, ImageSettings, PlanOptions, Source } from '../build/dockerfile/plan.ts';
import { planStages } from '../build/dockerfile/plan-stages.ts';
import { keyOf } from '../build/keys.ts';
import { Vertex, type OnBuildEvent } from '../build/progress.ts';
import { hostPlatform, parsePlatform } from '../image/platform.ts';
import { familiarReference, parseReference, repositoryName, withDefaultTag } from '../image/reference.ts';
import { findBase, type BaseFound } from './build-bases.ts';
import { BuildContexts } from './build-contexts.ts';
import type { BuildWarning } from '../build/dockerfile/ast.ts';
import { describedInputs, describedWarnings, emptyDescription } from './build-describe.ts';
import { exportBuilt } from './build-export.ts';
import { failure, inFile, rangesOf } from './build-failure.ts';
import { cacheUsage, collectCache, pruneCache } from './build-gc.ts';
import { exportCache, importCache, INLINE, recordsDocument, type ImportedRecord } from './build-cache-transfer.ts';
import { builtImage, type BuiltImage } from './build-image.ts';
import { ignoredPatterns, pathMatcher } from './build-language.ts';
import { workFolder, type BuildParts } from './build-parts.ts';
import { solve } from './build-solve.ts';

export function buildsOf(parts: () => BuildParts): Builds {
  const running = new Map<string, AbortController>();
  return {
    build: (request) => build(parts(), running, request),
    describe: (request, what) => new Build(parts(), request, request.signal ?? new AbortController().signal).describe(what),
    cancel: async (id) => running.get(id)?.abort(new EngineError('cancelled', 'context canceled')),
    usage: async () => cacheUsage(parts()),
    prune: (options = {}) => pruneCache(parts(), options),
  };
}

async function build(parts: BuildParts, running: Map<string, AbortController>, request: BuildRequest): Promise<BuildResult> {
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  if (request.id !== undefined && running.has(request.id)) throw new EngineError('conflict', `build ${request.id} is at work already`);
  if (request.id !== undefined) running.set(request.id, stop);
  try {
    return await new Build(parts, request, signal).run();
  } catch (error) {
    throw signal.aborted && !(error instanceof EngineError && error.kind === 'cancelled') ? cancelled(signal, error) : error;
  } finally {
    if (request.id !== undefined) running.delete(request.id);
  }
}

function cancelled(signal: AbortSignal, cause: unknown): EngineError {
  return signal.reason instanceof EngineError ? signal.reason : new EngineError('cancelled', 'context canceled', { cause });
}

class Build {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #signal: AbortSignal;
  readonly #say: OnBuildEvent;
  readonly #bases = new Map<string, Promise<BaseFound>>();
  #number = 0;

  constructor(parts: BuildParts, request: BuildRequest, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#signal = signal;
    this.#say = request.onEvent ?? (() => {});
  }

  async run(): Promise<BuildResult> {
    const { store } = this.#parts.engine.images();
    const request = this.#request;
    // what is made on the way is nobody's until the end
    using _hold = await store.hold(this.#signal);
    using work = workFolder(this.#parts, 'build');
    await using contexts = this.#contexts(work.path);
    const { file, source, ignore, vertex } = await this.#definition(contexts);
    const plan = await this.#plan(file, source, ignore);
    for (const warning of plan.warnings) {
      vertex.warn({
        short: shortOf(warning),
        detail: warning.description === '' ? [] : [warning.description],
        url: warning.url,
        source,
        ranges: rangesOf(warning.location),
      });
    }
    await this.#sources(plan, source);
    const done = new Set<Digest>();
    const state = await solve(this.#parts, {
      request,
      plan,
      image: (needed) => this.#base(needed),
      contexts,
      ignored: (name) => (name === 'context' && contexts.source(name)?.kind !== 'local' ? pathMatcher(ignoredPatterns(ignore)) : undefined),
      ignorePatterns: ignoredPatterns(ignore),
      excluded: pathMatcher,
      imported: await this.#imported(),
      done,
      work: work.path,
      source,
      say: this.#say,
      signal: this.#signal,
    });
    const epoch = epochOf(request);
    const built = builtImage(plan.target, state, epoch);
    const records = [...done].flatMap((key) => this.#parts.cache.find(key) ?? []);
    const inline = request.cacheTo?.some(({ type }) => type === 'inline') === true;
    const shown = inline ? { ...built, config: { ...built.config, [INLINE]: recordsDocument(inResult(records, built)) } } : built;
    const result = await exportBuilt(this.#parts, shown, request, (name) => this.#vertex(name), this.#signal);
    await this.#exportCache(records, built);
    collectCache(this.#parts);
    const unused = plan.unusedArgs.length === 0 ? [] : [`[Warning] One or more build-args [${plan.unusedArgs.join(' ')}] were not consumed`];
    return { ...result, warnings: unused };
  }

  async #imported(): Promise<ReadonlyMap<Digest, ImportedRecord>> {
    const all = new Map<Digest, ImportedRecord>();
    for (const place of this.#request.cacheFrom ?? []) {
      if (place.type === 'inline') continue;
      const vertex = this.#vertex(`importing cache manifest from ${place.attributes['ref'] ?? place.attributes['src'] ?? place.type}`);
      // as BuildKit: without it the build takes longer
      const found = await vertex.run(() => importCache(this.#parts, place, this.#request, this.#signal)).catch(() => undefined);
      for (const [key, record] of found ?? []) all.set(key, record);
    }
    return all;
  }

  async #exportCache(records: readonly StepRecord[], built: BuiltImage): Promise<void> {
    for (const place of this.#request.cacheTo ?? []) {
      if (place.type === 'inline') continue;
      const chosen = place.attributes['mode'] === 'max' ? records : inResult(records, built);
      const name = place.type === 'local' ? 'exporting cache to client directory' : 'exporting cache to registry';
      const vertex = this.#vertex(name);
      const work = vertex.run(() => exportCache(this.#parts, place, chosen, this.#request, this.#signal));
      await (place.attributes['ignore-error'] === 'true' ? work.catch(() => {}) : work);
    }
  }

  async describe(what: 'targets' | 'outline' | 'lint'): Promise<BuildDescription> {
    using work = workFolder(this.#parts, 'build');
    await using contexts = this.#contexts(work.path);
    const { file, source, ignore } = await this.#definition(contexts);
    const description = emptyDescription(source, file);
    if (what === 'targets') return description;
    if (what === 'outline') return { ...description, ...describedInputs(file, await this.#plan(file, source, ignore), this.#request.buildArgs ?? {}) };
    try {
      const { warnings } = await this.#plan(file, source, ignore, { allStages: this.#request.target === undefined });
      return { ...description, warnings: describedWarnings(warnings) };
    } catch (error) {
      const { ranges } = (error as { readonly detail?: BuildFailureDetail }).detail ?? {};
      if (ranges === undefined) throw error;
      return { ...description, warnings: describedWarnings(file.warnings), error: { message: (error as Error).message, ranges } };
    }
  }

  #contexts(work: string): BuildContexts {
    return new BuildContexts(this.#request.contexts, {
      files: this.#parts.engine.images().driver.rooted,
      work,
      signal: this.#signal,
      show: (name, task) => {
        const vertex = this.#vertex(name);
        return vertex.run(async () => {
          let last = 0;
          const result = await task((transferred) => {
            last = transferred;
            vertex.note({ kind: 'status', id: 'transferring context:', current: transferred, total: 0 });
          });
          vertex.note({ kind: 'status', id: 'transferring context:', current: last, total: last, done: true });
          return result;
        });
      },
    });
  }

  #vertex(name: string): Vertex {
    return new Vertex(this.#say, name, [], keyOf('vertex', name, this.#number++, this.#request.id));
  }

  async #definition(contexts: BuildContexts) {
    const { dockerfile = {}, classic = false } = this.#request;
    const name = 'text' in dockerfile ? (dockerfile.name ?? 'Dockerfile') : (dockerfile.path ?? 'Dockerfile');
    const vertex = this.#vertex('[internal] load build definition from Dockerfile');
    const read = await vertex.run(async () => {
      const found = 'text' in dockerfile ? { text: dockerfile.text, ignore: undefined } : await contexts.dockerfile(dockerfile.context ?? 'context', name);
      const size = Buffer.byteLength(found.text);
      vertex.note({ kind: 'status', id: 'transferring dockerfile:', current: size, total: size, done: true });
      return found;
    });
    const source: SourceFile = { filename: name.replace(/^.*\//, ''), data: Buffer.from(read.text) };
    const file = inFile(source, () => parseDockerfile(read.text), { unreadable: true, classic });
    return { file, source, ignore: read.ignore, vertex };
  }

  async #plan(file: Dockerfile, source: SourceFile, ignore: string | undefined, more: Pick<PlanOptions, 'allStages'> = {}): Promise<BuildPlan> {
    const request = this.#request;
    const buildArgs = Object.fromEntries(Object.entries(request.buildArgs ?? {}).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
    const known = new Map<string, BaseImage>();
    const named = Object.fromEntries(
      Object.entries(request.contexts).flatMap(([name, context]) => {
        if (name === 'context') return [];
        return [[name, context.kind === 'image' ? `docker-image://${context.name}` : `local:${name}`]];
      }),
    );
    for (;;) {
      const { missing, plan } = inFile(source, () =>
        planStages(file, {
          ...more,
          buildArgs,
          target: request.target,
          buildPlatform: hostPlatform(),
          ...(request.platform === undefined || request.platform === '' ? {} : { targetPlatform: parsePlatform(request.platform) }),
          labels: request.labels ?? {},
          namedContexts: named,
          images: known,
          noCache: request.noCache === true ? [] : request.noCache === false ? undefined : request.noCache,
          ...(request.network === 'none' || request.network === 'host' ? { network: request.network } : {}),
          ignore: ignoredPatterns(ignore),
        }),
      );
      if (plan !== undefined) return plan;
      await Promise.all(
        missing.map(async (need) => {
          const { config } = await this.#need(need, source);
          const { architecture, os, variant, author } = config;
          known.set(need.key, {
            settings: (config.config ?? {}) as ImageSettings,
            platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
            ...(author === undefined ? {} : { author }),
          });
        }),
      );
    }
  }

  /** Images that something is copied from: what cannot be had is said before anything is done. */
  async #sources({ stages }: BuildPlan, source: SourceFile): Promise<void> {
    const needs = stages.flatMap(({ steps }) =>
      steps.flatMap((step) => {
        const from = step.kind === 'copy' ? [step.from] : step.kind === 'run' ? step.mounts.map(({ origin }) => origin) : [];
        return from.flatMap((each) => (each?.kind === 'image' ? { ...each, location: step.location } : []));
      }),
    );
    await Promise.all(needs.map((need) => this.#need(need, source)));
  }

  async #need(need: ImageNeed, source: SourceFile): Promise<BaseFound> {
    try {
      return await this.#base(need);
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind === 'cancelled') throw error;
      const text =
        this.#request.classic === true ? error.message : `${need.name}: failed to resolve source metadata for ${shownName(need.name)}: ${error.message}`;
      throw failure(error, text, source, rangesOf(need.location));
    }
  }

  #base({ key, name, platform }: Pick<Extract<Source, { kind: 'image' }>, 'key' | 'name' | 'platform'>): Promise<BaseFound> {
    const known = this.#bases.get(key);
    if (known !== undefined) return known;
    const vertex = this.#vertex(`[internal] load metadata for ${shownName(name)}`);
    const { pull = false, credentials } = this.#request;
    const report = (id: string, current: number, total: number) => vertex.note({ kind: 'status', id, current, total, done: current === total });
    const found = vertex.run(() => findBase(this.#parts.engine.images(), name, { platform, pull, credentials, signal: this.#signal, report }));
    found.catch(() => {}); // whoever asked is told
    this.#bases.set(key, found);
    return found;
  }
}

/** `mode=min`: the steps whose layers the result has. */
function inResult(records: readonly StepRecord[], { layers }: BuiltImage): StepRecord[] {
  const there = new Set(layers.map(({ diffId }) => diffId));
  return records.filter(({ layer }) => there.has(layer.diffId));
}

/** As BuildKit shows it: `docker.io/library/busybox:latest`. */
function shownName(name: string): string {
  try {
    const reference = withDefaultTag(parseReference(name));
    return reference.tag === undefined ? familiarReference(reference) : `${repositoryName(reference)}:${reference.tag}`;
  } catch {
    return name;
  }
}

function epochOf({ buildArgs, exporters }: BuildRequest): number | undefined {
  const text = exporters
    ?.map((exporter) => ('attributes' in exporter ? exporter.attributes?.['source-date-epoch'] : undefined))
    .find((each) => each !== undefined);
  const epoch = text ?? buildArgs?.['SOURCE_DATE_EPOCH'];
  if (epoch === undefined || epoch === '') return undefined;
  if (!/^\d{1,12}$/.test(epoch)) throw invalid(`invalid SOURCE_DATE_EPOCH: ${epoch}`);
  return Number(epoch) * 1000;
}

/** As BuildKit says it in a line. */
function shortOf({ rule, message, location: [first] }: BuildWarning): string {
  const text = rule === '' ? message : `${rule}: ${message}`;
  return first === undefined || first.start <= 0 ? text : `${text} (line ${first.start})`;
}
