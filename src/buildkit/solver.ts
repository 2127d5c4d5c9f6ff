/**
 * Builds as BuildKit's clients drive them. buildx opens a build with `Control.Solve`, which answers at its end; within it
 * `LLBBridge.Solve` names what the frontend is to build, and `Return` says that this is the result. Nothing is built
 * before it is the result, or is waited for: then its steps and what becomes of it are one build of the engine.
 */
import { createHash, randomBytes } from 'node:crypto';
import { EngineError, invalid } from '../base/errors.ts';
import type { BuildRequest, BuildResult, Builds, Exporter } from '../build/contract.ts';
import { cachePlaces, requestOf, type Attributes } from './attributes.ts';
import { clientStore } from './content.ts';
import { contextsOf } from './contexts.ts';
import { exportersOf, type ExporterEntry } from './exporters.ts';
import type { Images } from '../engine/images-contract.ts';
import { GrpcError } from './grpc-status.ts';
import { Jobs, type HistoryLimits, type Job, type Pending } from './job.ts';
import type { LocalFolders } from './local-folders.ts';
import { codec, type Message } from './messages.ts';
import { credentialsOf, secretOf, sshSocketOf } from './session-parts.ts';
import type { Sessions } from './sessions.ts';
import { descriptionFor, subrequestAnswer } from './subrequest.ts';

const FRONTEND = 'dockerfile.v0';
/** Of operations that name a result of this daemon. */
const RESULT = 'kobako-result://';

interface How {
  readonly exporters: readonly ExporterEntry[];
  readonly cacheFrom: readonly ExporterEntry[];
  readonly cacheTo: readonly ExporterEntry[];
  readonly entitlements: readonly string[];
}

const ONLY_STEPS: How = { exporters: [{ Type: 'cacheonly', Attrs: {} }], cacheFrom: [], cacheTo: [], entitlements: [] };

export interface SolverParts {
  readonly builds: Builds;
  readonly images: Images;
  readonly sessions: Sessions;
  readonly folders: LocalFolders;
  /** For what waits to be sent. */
  readonly scratch: string;
  /** For sockets: its path is short. */
  readonly run: string;
  readonly history?: HistoryLimits | undefined;
}

export class Solver {
  readonly jobs: Jobs;
  readonly #parts: SolverParts;

  constructor(parts: SolverParts) {
    this.jobs = new Jobs(parts.history);
    this.#parts = parts;
  }

  /** `Control.Solve`: resolves when all is done. Gives what the exporters say. Throws what went wrong. */
  async solve(request: Message, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const ref = request['Ref'] as string;
    if (!/^[\w.-]{1,256}$/.test(ref)) throw invalid(`invalid ref ${JSON.stringify(ref)}`);
    // what a client forbids must not be done because it is not understood
    if ((request['SourcePolicy'] as Buffer).length > 0) throw invalid('source policies are not supported');
    const job = this.jobs.get(ref);
    if (job.solving) throw new EngineError('conflict', `job ID ${ref} exists`);
    job.begin(request);
    try {
      const pending = await this.#resultOf(job, request, signal);
      if (pending === undefined) return job.done({});
      const result = await this.#build(job, pending, howOf(request), signal);
      return job.done(result.metadata, result.provenance);
    } catch (error) {
      signal.throwIfAborted();
      job.failed(error);
      throw error;
    } finally {
      job.end();
      this.jobs.tidy();
    }
  }

  /** `LLBBridge.Solve`: names what is to be built. */
  frontend(job: Job, request: Message): Message {
    const frontend = request['Frontend'] as string;
    const definition = request['Definition'] as Message | null;
    if (frontend === '' && isEmpty(definition)) return {};
    if (frontend === '') {
      const known = this.#named(definition!);
      job.pending.set(known.id, known);
      return refOf(known);
    }
    if (frontend !== FRONTEND) throw invalid(`frontend ${JSON.stringify(frontend)} is not supported: ${FRONTEND} is`);
    const pending = pendingOf(job, request['FrontendOpt'], request['FrontendInputs']);
    job.pending.set(pending.id, pending);
    return refOf(pending);
  }

  /** What a client asks besides: the answer as metadata of a result. */
  async subrequest(job: Job, id: string, attributes: Attributes, signal: AbortSignal): Promise<Readonly<Record<string, Buffer>>> {
    const what = descriptionFor(attributes['requestid']!);
    const request = await this.#request(job, job.pending.get(id)!, [], signal);
    return subrequestAnswer(attributes['requestid']!, await this.#parts.builds.describe(request, what));
  }

  /** Runs the steps of a result, and makes nothing of it. */
  async evaluate(job: Job, id: string, signal: AbortSignal): Promise<void> {
    const pending = job.pending.get(id);
    if (pending === undefined) throw new EngineError('not-found', `no such ref: ${id}`);
    await this.#build(job, pending, ONLY_STEPS, signal);
  }

  /** What a build's result is; undefined where there is none. */
  async #resultOf(job: Job, request: Message, signal: AbortSignal): Promise<Pending | undefined> {
    const frontend = request['Frontend'] as string;
    if (frontend === FRONTEND) return pendingOf(job, request['FrontendAttrs'], request['FrontendInputs']);
    if (frontend !== '') throw invalid(`frontend ${JSON.stringify(frontend)} is not supported: ${FRONTEND} is`);
    const definition = request['Definition'] as Message | null;
    if (!isEmpty(definition)) return this.#named(definition!);
    const answer = await unlessAborted(job.returned, signal);
    const error = answer['error'] as Message | null;
    if (error !== null && error['code'] !== 0) throw new GrpcError(error['code'] as number, error['message'] as string);
    const result = answer['result'] as Message | null;
    const id = result === null ? '' : idOf(result);
    if (id === '') return undefined;
    const pending = job.pending.get(id);
    if (pending === undefined) throw new EngineError('not-found', `no such ref: ${id}`);
    return pending;
  }

  async #build(job: Job, pending: Pending, how: How, signal: AbortSignal): Promise<BuildResult> {
    const images: string[] = [];
    try {
      const request = await this.#request(job, pending, images, signal);
      const session = await this.#parts.sessions.get(pending.sessionId, signal);
      const exporters: readonly Exporter[] = exportersOf(how.exporters, session, this.#parts.scratch);
      const store = (folder: string) => clientStore(session, `local:${folder}`);
      const [cacheFrom, cacheTo] = [cachePlaces(how.cacheFrom, 'read', store), cachePlaces(how.cacheTo, 'write', store)];
      return await this.#parts.builds.build({ ...request, exporters, cacheFrom, cacheTo, entitlements: how.entitlements });
    } finally {
      await this.#dropInputs(images);
    }
  }

  /** What is to be built, without what becomes of it. Images that are made for it are added to `images`. */
  async #request(job: Job, pending: Pending, images: string[], signal: AbortSignal): Promise<BuildRequest> {
    const { sessions, folders, run } = this.#parts;
    const session = await sessions.get(pending.sessionId, signal);
    const { attributes, inputs } = pending;
    const input = async (definition: Message, aborted: AbortSignal): Promise<string> => {
      const id = await this.#imageOf(job, this.#named(definition), aborted);
      images.push(id);
      return id;
    };
    return {
      ...requestOf(attributes),
      parameters: attributes,
      ...(await contextsOf({ sessions, folders, session, attributes, inputs, input, signal })),
      secret: (id, aborted) => secretOf(session, id, aborted),
      ssh: (id, aborted) => sshSocketOf(session, id, run, aborted),
      credentials: (host, aborted) => credentialsOf(session, host, aborted),
      onEvent: (event) => job.event(event),
      signal,
    };
  }

  /** The images that only this build needed go, but for those that have got names since. */
  async #dropInputs(ids: readonly string[]): Promise<void> {
    const { images } = this.#parts;
    for (const id of ids) {
      try {
        if (((await images.inspect(id)) as { readonly RepoTags?: readonly string[] }).RepoTags?.length === 0) await images.remove(id);
      } catch {} // somebody uses it, or has removed it
    }
  }

  async #imageOf(job: Job, pending: Pending, signal: AbortSignal): Promise<string> {
    const result = await this.#build(job, pending, { ...ONLY_STEPS, exporters: [{ Type: 'image', Attrs: {} }] }, signal);
    if (result.imageId === undefined) throw new EngineError('internal', 'a build that others build on gave no image');
    return result.imageId;
  }

  /** The result that a definition of ours names. */
  #named(definition: Message): Pending {
    const [first] = definition['def'] as readonly Buffer[];
    const source = first === undefined ? null : (codec('pb.Op').decode(first)['source'] as Message | null);
    const identifier = source === null ? '' : (source['identifier'] as string);
    const found = identifier.startsWith(RESULT) ? this.jobs.pending(identifier.slice(RESULT.length)) : undefined;
    if (found === undefined) throw invalid(`builds of low-level definitions are not supported: Dockerfiles are, by the frontend ${FRONTEND}`);
    return found.pending;
  }
}

function pendingOf(job: Job, attributes: unknown, inputs: unknown): Pending {
  return {
    id: randomBytes(16).toString('hex'),
    sessionId: job.sessionId,
    attributes: attributes as Attributes,
    inputs: inputs as Readonly<Record<string, Message>>,
  };
}

function refOf(pending: Pending): Message {
  const op = codec('pb.Op');
  const source = op.encode({ source: { identifier: `${RESULT}${pending.id}` } });
  const digest = digestOf(source);
  const last = op.encode({ inputs: [{ digest, index: 0 }] });
  // clients take no definition that has an operation without its metadata
  const metadata = { [digest]: {}, [digestOf(last)]: {} };
  return { ref: { id: pending.id, def: { def: [source, last], metadata, Source: {} } } };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Of the one result that there may be. */
function idOf(result: Message): string {
  const ref = result['ref'] as Message | undefined;
  if (ref) return ref['id'] as string;
  const refs = result['refs'] as Message | undefined;
  const each = Object.values((refs?.['refs'] as Readonly<Record<string, Message>> | undefined) ?? {});
  if (each.length > 1) throw invalid('one build makes an image of one platform: several platforms at once are not supported');
  return each[0] === undefined ? ((result['refDeprecated'] as string | undefined) ?? '') : (each[0]['id'] as string);
}

function isEmpty(definition: Message | null): boolean {
  return definition === null || (definition['def'] as readonly Buffer[]).length === 0;
}

function howOf(request: Message): How {
  const cache = request['Cache'] as Readonly<Record<string, readonly ExporterEntry[]>> | null;
  const attributes = request['ExporterAttrsDeprecated'] as Attributes;
  const old = request['ExporterDeprecated'] as string;
  const named = request['Exporters'] as readonly ExporterEntry[];
  return {
    exporters: named.length > 0 || old === '' ? named : [{ Type: old, Attrs: attributes }],
    cacheFrom: cache?.['Imports'] ?? [],
    cacheTo: cache?.['Exports'] ?? [],
    entitlements: request['Entitlements'] as readonly string[],
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
