/** Use cases: builds, and what their cache has. */
import type { Dockerfile } from '../build/dockerfile/ast.ts';
import type { Digest } from '../base/digest.ts';
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildDescription, BuildFailureDetail, BuildRequest, BuildResult, Builds, SourceFile } from '../build/contract.ts';
import type { BaseImage, BuildPlan, ImageNeed, ImageSettings, PlanOptions, Source } from '../build/dockerfile/plan.ts';
import { Findings } from '../build/dockerfile/rules.ts';
import { keyOf } from '../build/keys.ts';
import { provenanceOf, withLayers } from '../build/provenance.ts';
import { Vertex, type OnBuildEvent } from '../build/progress.ts';
import { hostPlatform, parsePlatform } from '../image/platform.ts';
import { findBase, type BaseFound } from './build-bases.ts';
import { BuildContexts } from './build-contexts.ts';
import { describedInputs, describedWarnings, emptyDescription } from './build-describe.ts';
import { exportBuilt, type ExportInput } from './build-export.ts';
import { epochOf } from './build-epoch.ts';
import { failure, inFile, rangesOf } from './build-failure.ts';
import { grantedHere } from './build-grants.ts';
import { OriginNotes, originOf } from './build-origin.ts';
import { cacheRules, cacheUsage, pruneCache } from './build-gc.ts';
import { exportCaches, importCaches, inResult } from './build-caches.ts';
import { INLINE, recordsDocument } from './build-cache-transfer.ts';
import { builtImage } from './build-image.ts';
import { checkFrontend } from './build-frontend.ts';
import { ignoredPatterns, pathMatcher } from './build-language.ts';
import { Lent } from './build-lent.ts';
import { lateWorkFolder, type BuildParts, type WorkFolder } from './build-parts.ts';
import { solve } from './build-solve.ts';
import { metadataText, shownName } from './build-words.ts';
import { shownWarning, warningsOfFailed } from './build-warnings.ts';

export function buildsOf(parts: () => BuildParts): Builds {
  const running = new Map<string, AbortController>();
  return {
    build: (request) => build(parts(), running, request),
    describe: (request, what) => new Build(parts(), request, request.signal ?? new AbortController().signal).describe(what),
    cancel: async (id) => running.get(id)?.abort(new EngineError('cancelled', 'context canceled')),
    usage: async () => cacheUsage(parts()),
    keep: (list) => void parts().kept.push(list),
    gcRules: async () => cacheRules(parts()),
    prune: async (options = {}) => {
      const pruned = await pruneCache(parts(), options);
      parts().engine.events.emit('builder', 'prune', '', { reclaimed: String(pruned.bytes) });
      return pruned;
    },
  };
}

async function build(parts: BuildParts, running: Map<string, AbortController>, request: BuildRequest): Promise<BuildResult> {
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  if (request.id !== undefined && running.has(request.id)) throw new EngineError('conflict', `build ${request.id} is at work already`);
  if (request.id !== undefined) running.set(request.id, stop);
  try {
    return await new Build(parts, { ...request, entitlements: grantedHere(request, parts.forbidden) }, signal).run();
  } catch (error) {
    throw signal.aborted && !(error instanceof EngineError && error.kind === 'cancelled') ? cancelled(signal, error) : error;
  } finally {
    if (request.id !== undefined) running.delete(request.id);
    if (!parts.engine.owned) parts.cache.flush();
    await parts.collector.built();
  }
}

function cancelled(signal: AbortSignal, cause: unknown): EngineError {
  return signal.reason instanceof EngineError ? signal.reason : new EngineError('cancelled', 'context canceled', { cause });
}

/** A Dockerfile as it was found, and how that is shown. */
interface Definition {
  readonly text: string;
  readonly source: SourceFile;
  readonly ignore: string | undefined;
  readonly vertex: Vertex;
}

class Build {
  readonly #parts: BuildParts;
  readonly #request: BuildRequest;
  readonly #signal: AbortSignal;
  readonly #say: OnBuildEvent;
  readonly #bases = new Map<string, Promise<BaseFound>>();
  readonly #notes = new OriginNotes();
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
    await using lent = new Lent();
    const work = lent.use(lateWorkFolder(this.#parts, 'build'));
    const contexts = lent.use(this.#contexts(work));
    const definition = await this.#definition(contexts);
    const { source, ignore } = definition;
    const plan = await this.#toldPlan(definition);
    await this.#sources(plan, source);
    const done = new Set<Digest>();
    const { building } = this.#parts;
    building.add(done);
    using _building = { [Symbol.dispose]: () => void building.delete(done) };
    const caches = { parts: this.#parts, request, vertex: (name: string) => this.#vertex(name), signal: this.#signal };
    const state = await solve(this.#parts, {
      request,
      plan,
      image: (needed) => this.#base(needed),
      contexts,
      lent,
      ignored: (name) => (name === 'context' && contexts.source(name)?.kind !== 'local' ? pathMatcher(ignoredPatterns(ignore)) : undefined),
      ignorePatterns: ignoredPatterns(ignore),
      excluded: pathMatcher,
      imported: await importCaches(caches),
      done,
      notes: this.#notes,
      work,
      source,
      say: this.#say,
      signal: this.#signal,
    });
    const epoch = epochOf(request);
    const built = builtImage(plan.target, state, epoch);
    const wanted = request.cacheTo ?? [];
    const records = wanted.length === 0 ? [] : [...done].flatMap((key) => this.#parts.cache.find(key) ?? []);
    const inline = wanted.some(({ type }) => type === 'inline');
    const shown = inline ? { ...built, config: { ...built.config, [INLINE]: recordsDocument(inResult(records, built)) } } : built;
    const wish = request.provenance;
    const origin = originOf(this.#notes, request, plan, source);
    const provenance: ExportInput['provenance'] = wish && ((layers) => provenanceOf(withLayers(origin, layers), wish));
    const result = await exportBuilt(this.#parts, shown, { request, epoch, provenance, vertex: (name) => this.#vertex(name), signal: this.#signal });
    const cached = await exportCaches(caches, records, built);
    const unused = plan.unusedArgs.length === 0 ? [] : [`[Warning] One or more build-args [${plan.unusedArgs.join(' ')}] were not consumed`];
    // buildx reads this version
    const all = { builderId: '', reproducible: false, ...wish, mode: 'max', version: 'v0.2' } as const;
    return { ...result, metadata: { ...result.metadata, ...cached }, provenance: () => provenanceOf(origin, all), warnings: unused };
  }

  async describe(what: 'targets' | 'outline' | 'lint'): Promise<BuildDescription> {
    using work = lateWorkFolder(this.#parts, 'build');
    await using contexts = this.#contexts(work);
    const definition = await this.#definition(contexts);
    const { source } = definition;
    const file = this.#parsed(definition);
    const description = emptyDescription(source, file);
    if (what === 'targets') return description;
    if (what === 'outline') return { ...description, ...describedInputs(file, await this.#plan(file, definition)) };
    try {
      const { warnings } = await this.#plan(file, definition, { allStages: this.#request.target === undefined });
      return { ...description, warnings: describedWarnings(warnings) };
    } catch (error) {
      const { ranges } = (error as { readonly detail?: BuildFailureDetail }).detail ?? {};
      if (ranges === undefined) throw error;
      return { ...description, warnings: describedWarnings(file.warnings), error: { message: (error as Error).message, ranges } };
    }
  }

  #contexts(work: WorkFolder): BuildContexts {
    return new BuildContexts(this.#request.contexts, {
      files: this.#parts.engine.images().driver.rooted,
      work,
      signal: this.#signal,
      notes: this.#notes,
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

  /** The plan; what the checks find is told, also where there is none. */
  async #toldPlan(definition: Definition): Promise<BuildPlan> {
    const { text, source, vertex } = definition;
    let findings = new Findings();
    try {
      const file = this.#parsed(definition, findings);
      const plan = await this.#plan(file, definition, {}, () => (findings = new Findings()));
      for (const warning of plan.warnings) vertex.warn(shownWarning(warning, source));
      return plan;
    } catch (error) {
      // the older builder has no such checks
      if (this.#request.classic !== true) {
        for (const warning of warningsOfFailed(text, findings, this.#request.buildArgs)) vertex.warn(shownWarning(warning, source));
      }
      throw error;
    }
  }

  #parsed({ text, source }: Definition, findings = new Findings()): Dockerfile {
    return inFile(source, () => this.#parts.plans.parsed(text, findings), { unreadable: true, classic: this.#request.classic === true });
  }

  async #definition(contexts: BuildContexts): Promise<Definition> {
    const { dockerfile = {} } = this.#request;
    const name = 'text' in dockerfile ? (dockerfile.name ?? 'Dockerfile') : (dockerfile.path ?? 'Dockerfile');
    const vertex = this.#vertex('[internal] load build definition from Dockerfile');
    const context = 'text' in dockerfile ? undefined : (dockerfile.context ?? 'context');
    const read = await vertex
      .runButFor(
        // a context that is not the client's has a vertex of its own
        (error) => (context !== undefined && contexts.source(context)?.kind !== 'local') || isNoDockerfile(error),
        async () => {
          const found = context === undefined ? { text: (dockerfile as { text: string }).text, ignore: undefined } : await contexts.dockerfile(context, name);
          const size = Buffer.byteLength(found.text);
          vertex.note({ kind: 'status', id: 'transferring dockerfile:', current: size, total: size, done: true });
          return found;
        },
      )
      .catch((error: unknown) => {
        throw this.#request.classic === true && isNoDockerfile(error) ? invalid(`Cannot locate specified Dockerfile: ${name}`) : error;
      });
    const source: SourceFile = { filename: name.replace(/^.*\//, ''), data: Buffer.from(read.text) };
    // the older builder takes it for a comment
    if (this.#request.classic !== true) checkFrontend(read.text, source, this.#request.buildArgs?.['BUILDKIT_SYNTAX']);
    return { text: read.text, source, ignore: read.ignore, vertex };
  }

  async #plan(
    file: Dockerfile,
    { source, ignore }: Definition,
    more: Pick<PlanOptions, 'allStages'> = {},
    findings: () => Findings = () => new Findings(),
  ): Promise<BuildPlan> {
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
      const { missing, plan } = inFile(
        source,
        () =>
          this.#parts.plans.planned(
            file,
            {
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
            },
            findings(),
          ),
        { classic: request.classic === true },
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
      const text = this.#request.classic === true ? error.message : metadataText(need.name, error.message);
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
    // whoever asked is told of a failure
    found.then(
      ({ digest }) => this.#notes.image(name, platform, digest),
      () => {},
    );
    this.#bases.set(key, found);
    return found;
  }
}

function isNoDockerfile(error: unknown): boolean {
  return error instanceof EngineError && /^failed to read dockerfile: open .*: no such file or directory$/.test(error.message);
}
