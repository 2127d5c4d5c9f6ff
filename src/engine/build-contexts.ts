/** Contexts of one build: opened when something of them is needed first, and gone with the build. */
import { createHash, type Hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { posix } from 'node:path';
import { EngineError, invalid } from '../base/errors.ts';
import type { ClientFile, ContextSource, LocalFiles, LocalFolder } from '../build/contract.ts';
import { fileInRoot } from '../kernel/linux/read-in-root.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { arrivedContext, MAX_DOCKERFILE, type ArrivedContext } from './build-context-tar.ts';
import type { FileRoot } from './build-copy-sources.ts';
import { fetchRemote } from './build-remote.ts';
import type { WorkFolder } from './build-parts.ts';
import type { OriginNotes } from './build-origin.ts';

export interface ContextWish {
  readonly followPaths?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
}

type LocalSource = Extract<ContextSource, { readonly kind: 'local' }>;

export interface DockerfileRead {
  readonly text: string;
  /** Of the .dockerignore beside it. */
  readonly ignore: string | undefined;
}

/** How a context shows that it is being opened. */
export type ContextShow = <T>(name: string, work: (report: (transferred: number) => void) => Promise<T>) => Promise<T>;

export interface ContextsParts {
  readonly files: RootedFiles;
  /** A folder of this build's. */
  readonly work: Pick<WorkFolder, 'path'>;
  readonly signal: AbortSignal;
  readonly show: ContextShow;
  /** Gets what was opened. */
  readonly notes: Pick<OriginNotes, 'locals' | 'git' | 'http'>;
}

export class BuildContexts implements AsyncDisposable {
  readonly #sources: Readonly<Record<string, ContextSource>>;
  readonly #files: RootedFiles;
  readonly #work: Pick<WorkFolder, 'path'>;
  readonly #signal: AbortSignal;
  readonly #show: ContextShow;
  readonly #notes: Pick<OriginNotes, 'locals' | 'git' | 'http'>;
  readonly #opened = new Map<string, Promise<ArrivedContext>>();
  readonly #folders: LocalFolder[] = [];

  constructor(sources: Readonly<Record<string, ContextSource>>, { files, work, signal, show, notes }: ContextsParts) {
    this.#sources = sources;
    this.#files = files;
    this.#work = work;
    this.#signal = signal;
    this.#show = show;
    this.#notes = notes;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#sources, name);
  }

  source(name: string): ContextSource | undefined {
    return this.has(name) ? this.#sources[name] : undefined;
  }

  /** For what is copied. Throws `invalid` for one that is not there. */
  root(name: string, wish: ContextWish, ignored: FileRoot['ignored']): FileRoot {
    return {
      owned: true,
      ignored,
      open: async (use) => use(await (await this.#open(name, wish)).path()),
    };
  }

  /** The Dockerfile in a context; `ignore` is what is beside it. Throws `invalid` in BuildKit's words. */
  async dockerfile(name: string, path: string): Promise<DockerfileRead> {
    const source = this.source(name);
    if (source === undefined) throw invalid('failed to read dockerfile: no build context was given');
    if (source.kind === 'local') return this.#localDockerfile(source, name, path);
    const file = await this.#reader(name);
    const { single } = await this.#open(name, {});
    const read = dockerfileIn(single === true ? 'Dockerfile' : path, file);
    if (name === 'context' || this.source('context')?.kind !== 'tar' || file(`${path}.dockerignore`) !== undefined) return read;
    // as of a client's folders: without one of the Dockerfile's own, the context's counts
    return { text: read.text, ignore: (await this.#reader('context'))('.dockerignore')?.text };
  }

  /** Reads files of a context that is no client's. */
  async #reader(name: string): Promise<(path: string) => ClientFile | undefined> {
    const { path, small } = await this.#open(name, {});
    if (small !== undefined) return (each) => small.file(posix.normalize(`/${each}`).slice(1));
    const root = await path();
    return (each) => fileInRoot(root, each);
  }

  async #localDockerfile(source: LocalSource, name: string, path: string): Promise<DockerfileRead> {
    this.#notes.locals.add(name);
    const own = `${path}.dockerignore`;
    const main = name === 'context' ? undefined : this.source('context');
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#signal, stop.signal]);
    // the Dockerfile may be elsewhere: without one of its own, the context's counts; it is on its way before that is known
    const beside = main?.kind === 'local' ? filesOf(main, ['.dockerignore'], '[internal] load .dockerignore', signal) : undefined;
    beside?.catch(() => {});
    try {
      const files = await filesOf(source, [path, own, '.dockerignore'], '[internal] load build definition from Dockerfile', signal);
      const read = dockerfileIn(path, (each) => files.file(each));
      if (beside === undefined || files.file(own) !== undefined) return read;
      const ignore = await this.#show('[internal] load .dockerignore', async (report) => {
        const { file, transferred } = await beside;
        report(transferred);
        return file('.dockerignore')?.text;
      });
      return { text: read.text, ignore };
    } finally {
      stop.abort();
    }
  }

  #open(name: string, wish: ContextWish): Promise<ArrivedContext> {
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const opening = this.#make(name, wish);
    this.#opened.set(name, opening);
    return opening;
  }

  async #make(name: string, wish: ContextWish): Promise<ArrivedContext> {
    const source = this.source(name);
    const shown = name === 'context' ? 'load build context' : `load from ${name}`;
    if (source === undefined) {
      throw invalid(name === 'context' ? 'no build context was given' : `no build context with the name ${name} was given`);
    }
    const number = this.#opened.size;
    switch (source.kind) {
      case 'local':
        this.#notes.locals.add(name);
        return this.#show(`[internal] ${shown}`, async (report) => {
          const folder = await source.open({ ...wish, name: `[internal] ${shown}`, report }, this.#signal);
          this.#folders.push(folder);
          report(folder.transferred ?? 0);
          return { path: async () => folder.path };
        });
      case 'tar':
        return this.#show(`[internal] ${shown}`, (report) => this.#arrived(source.bytes, () => `${this.#work.path}/context-${number}`, report));
      case 'remote':
        return this.#show(`[internal] load remote build context`, async (report) => {
          const folder = `${this.#work.path}/context-${number}`;
          mkdirSync(folder, { mode: 0o755 });
          const fetched = await fetchRemote(source.url, `${this.#work.path}/remote-${number}`, this.#signal).catch(asContext);
          if (fetched.kind === 'folder') {
            this.#notes.git(source.url, fetched.commit);
            return { path: async () => fetched.path };
          }
          const hash = createHash('sha256');
          const opened = await this.#arrived(hashed(fetched.bytes, hash), () => folder, report);
          this.#notes.http(source.url, hash.digest('hex'));
          return opened;
        });
      default:
        throw new EngineError('internal', `context ${name} is an image`);
    }
  }

  #arrived(bytes: AsyncIterable<Uint8Array>, folder: () => string, report: (transferred: number) => void): Promise<ArrivedContext> {
    return arrivedContext(bytes, { files: this.#files, folder, signal: this.#signal, report });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#opened.values());
    for (const folder of this.#folders) await folder[Symbol.asyncDispose]();
  }
}

/** In BuildKit's words. */
function asContext(error: unknown): never {
  const status = error instanceof EngineError ? /: (invalid response status \d+)$/.exec(error.message)?.[1] : undefined;
  if (status === undefined) throw error;
  throw new EngineError('invalid', `failed to read downloaded context: failed to load cache key: ${status}`, { cause: error });
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
}

async function filesOf(source: LocalSource, followPaths: readonly string[], name: string, signal: AbortSignal): Promise<LocalFiles> {
  const wanted = { followPaths, name };
  if (source.files !== undefined) return source.files(wanted, signal);
  await using folder = await source.open(wanted, signal);
  const known = new Map(followPaths.map((path) => [path, fileInRoot(folder.path, path)]));
  return { file: (path) => known.get(path), transferred: folder.transferred ?? 0 };
}

/** Throws `invalid` where there is none. */
function dockerfileIn(path: string, file: (path: string) => ClientFile | undefined): DockerfileRead {
  const found = file(path);
  if (found === undefined) throw invalid(`failed to read dockerfile: open ${posix.basename(path)}: no such file or directory`);
  if (found.size > MAX_DOCKERFILE) throw invalid(`failed to read dockerfile: ${path} has more than ${MAX_DOCKERFILE} bytes`);
  return { text: found.text, ignore: (file(`${path}.dockerignore`) ?? file('.dockerignore'))?.text };
}
