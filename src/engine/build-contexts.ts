/** Contexts of one build: opened when something of them is needed first, and gone with the build. */
import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { EngineError, invalid } from '../base/errors.ts';
import type { ContextSource, LocalFolder } from '../build/contract.ts';
import { readInRoot } from '../kernel/linux/read-in-root.ts';
import type { RootedFiles } from '../snapshot/contract.ts';
import { archiveKind, plainTar } from './build-archive.ts';
import type { FileRoot } from './build-copy-sources.ts';
import { fetchRemote } from './build-remote.ts';
import { lookup } from './build-items.ts';
import type { OriginNotes } from './build-origin.ts';

/** A text without end is no Dockerfile. */
const MAX_DOCKERFILE = 1 << 20;

interface OpenContext {
  readonly path: string;
  /** It was one file: the Dockerfile. */
  readonly single?: boolean;
}

export interface ContextWish {
  readonly followPaths?: readonly string[] | undefined;
  readonly excludePatterns?: readonly string[] | undefined;
}

/** How a context shows that it is being opened. */
export type ContextShow = <T>(name: string, work: (report: (transferred: number) => void) => Promise<T>) => Promise<T>;

export interface ContextsParts {
  readonly files: RootedFiles;
  readonly work: string;
  readonly signal: AbortSignal;
  readonly show: ContextShow;
  /** Gets what was opened. */
  readonly notes: Pick<OriginNotes, 'locals' | 'git' | 'http'>;
}

export class BuildContexts implements AsyncDisposable {
  readonly #sources: Readonly<Record<string, ContextSource>>;
  readonly #files: RootedFiles;
  readonly #work: string;
  readonly #signal: AbortSignal;
  readonly #show: ContextShow;
  readonly #notes: Pick<OriginNotes, 'locals' | 'git' | 'http'>;
  readonly #opened = new Map<string, Promise<OpenContext>>();
  readonly #folders: LocalFolder[] = [];

  /** `work`: a folder of this build's. */
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
      open: async (use) => use((await this.#open(name, wish)).path),
    };
  }

  /** The Dockerfile in a context; `ignore` is what is beside it. Throws `invalid` in BuildKit's words. */
  async dockerfile(name: string, path: string): Promise<{ readonly text: string; readonly ignore: string | undefined }> {
    const source = this.source(name);
    if (source === undefined) throw invalid('failed to read dockerfile: no build context was given');
    if (source.kind === 'local') {
      this.#notes.locals.add(name);
      const wanted = { followPaths: [path, `${path}.dockerignore`, '.dockerignore'], name: '[internal] load build definition from Dockerfile' };
      await using folder = await source.open(wanted, this.#signal);
      const read = await this.#read(folder.path, path, false);
      const main = name === 'context' ? undefined : this.source('context');
      if (main?.kind !== 'local' || (await lookup(this.#files, folder.path, `${path}.dockerignore`)) !== undefined) return read;
      // the Dockerfile may be elsewhere: without one of its own, the context's counts
      const ignore = await this.#show('[internal] load .dockerignore', async (report) => {
        const wish = { followPaths: ['.dockerignore'], name: '[internal] load .dockerignore' };
        await using beside = await main.open(wish, this.#signal);
        report(beside.transferred ?? 0);
        return (await lookup(this.#files, beside.path, '.dockerignore')) === undefined ? undefined : readInRoot(beside.path, '.dockerignore');
      });
      return { text: read.text, ignore };
    }
    const opened = await this.#open(name, {});
    return this.#read(opened.path, opened.single === true ? 'Dockerfile' : path, opened.single === true);
  }

  async #read(root: string, path: string, single: boolean): Promise<{ text: string; ignore: string | undefined }> {
    const stat = await lookup(this.#files, root, `${path}`);
    if (stat === undefined) {
      throw invalid(`failed to read dockerfile: open ${path.replace(/^.*\//, '')}: no such file or directory`);
    }
    if (stat.size > MAX_DOCKERFILE) throw invalid(`failed to read dockerfile: ${path} has more than ${MAX_DOCKERFILE} bytes`);
    const text = readInRoot(root, path);
    if (single) return { text, ignore: undefined };
    for (const beside of [`${path}.dockerignore`, '.dockerignore']) {
      if ((await lookup(this.#files, root, beside)) !== undefined) return { text, ignore: readInRoot(root, beside) };
    }
    return { text, ignore: undefined };
  }

  #open(name: string, wish: ContextWish): Promise<OpenContext> {
    const known = this.#opened.get(name);
    if (known !== undefined) return known;
    const opening = this.#make(name, wish);
    this.#opened.set(name, opening);
    return opening;
  }

  async #make(name: string, wish: ContextWish): Promise<OpenContext> {
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
          return folder;
        });
      case 'tar':
        return this.#show(`[internal] ${shown}`, (report) => this.#tar(source.bytes, `${this.#work}/context-${number}`, report));
      case 'remote':
        return this.#show(`[internal] load remote build context`, async (report) => {
          const folder = `${this.#work}/context-${number}`;
          mkdirSync(folder, { mode: 0o755 });
          const fetched = await fetchRemote(source.url, `${this.#work}/remote-${number}`, this.#signal).catch(asContext);
          if (fetched.kind === 'folder') {
            this.#notes.git(source.url, fetched.commit);
            return { path: fetched.path };
          }
          const hash = createHash('sha256');
          const opened = await this.#tar(hashed(fetched.bytes, hash), folder, report);
          this.#notes.http(source.url, hash.digest('hex'));
          return opened;
        });
      default:
        throw new EngineError('internal', `context ${name} is an image`);
    }
  }

  async #tar(bytes: AsyncIterable<Uint8Array>, folder: string, report: (transferred: number) => void): Promise<OpenContext> {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    let transferred = 0;
    const signal = this.#signal;
    const counted = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of bytes) {
        if (signal.aborted) throw signal.reason;
        transferred += chunk.length;
        report(transferred);
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
    };
    const source = counted();
    const head: Buffer[] = [];
    for (let size = 0; size < MAX_HEAD;) {
      const next = await source.next();
      if (next.done === true) break;
      // who unpacks takes the memory
      head.push(Buffer.from(next.value));
      size += next.value.length;
    }
    const kind = isEmptyTar(head) ? 'none' : await archiveKind(once(head));
    if (kind === undefined) return this.#single(head, source, folder);
    const all = async function* (): AsyncGenerator<Uint8Array> {
      for (const chunk of head) yield Uint8Array.from(chunk);
      // a program has its input for longer than the next piece takes
      for await (const chunk of source) yield kind === 'bzip2' || kind === 'xz' ? Uint8Array.from(chunk) : chunk;
    };
    await this.#files.unpack(folder, '/', plainTar(kind, all()), {});
    return { path: folder };
  }

  async #single(head: readonly Buffer[], rest: AsyncIterable<Buffer>, folder: string): Promise<OpenContext> {
    const pieces = [...head];
    let size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    for await (const piece of rest) {
      pieces.push(Buffer.from(piece));
      size += piece.length;
      if (size > MAX_DOCKERFILE) throw invalid('the build context is neither an archive nor a Dockerfile');
    }
    writeFileSync(`${folder}/Dockerfile`, Buffer.concat(pieces));
    return { path: folder, single: true };
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

/** An archive without entries: its end mark alone. */
function isEmptyTar(head: readonly Buffer[]): boolean {
  return head.reduce((size, { length }) => size + length, 0) >= MAX_HEAD && head.every((piece) => piece.every((byte) => byte === 0));
}

/** Enough to tell an archive. */
const MAX_HEAD = 1024;

async function* once(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}
