/** What a client is told of a build: vertices as BuildKit shows them. */
import type { Digest } from '../base/digest.ts';
import { EngineError } from '../base/errors.ts';
import type { BuildEvent, SourceFile, SourceRange } from './contract.ts';
import { keyOf } from './keys.ts';

export type OnBuildEvent = (event: BuildEvent) => void;

/** What a step tells while it is at work; a listener puts it under its own vertex. */
export type StepNote =
  | { readonly kind: 'log'; readonly stream: 1 | 2; readonly data: Buffer }
  | { readonly kind: 'status'; readonly id: string; readonly current: number; readonly total: number; readonly done?: boolean };

export class Vertex {
  readonly digest: Digest;
  readonly name: string;
  readonly #inputs: readonly Digest[];
  readonly #say: OnBuildEvent;
  #started: number | undefined;
  #completed = false;
  readonly #statuses = new Map<string, number>();

  constructor(say: OnBuildEvent, name: string, inputs: readonly Digest[], digest: Digest = keyOf('vertex', name, inputs)) {
    this.#say = say;
    this.name = name;
    this.digest = digest;
    this.#inputs = inputs;
    this.#tell({});
  }

  start(): void {
    if (this.#started !== undefined) return;
    this.#started = Date.now();
    this.#tell({ started: this.#started });
  }

  /** Its work ended; `cached`: there was none. */
  end({ cached = false }: { readonly cached?: boolean } = {}): void {
    if (this.#completed) return;
    this.#completed = true;
    this.#started ??= Date.now();
    this.#tell({ started: this.#started, completed: Date.now(), ...(cached ? { cached } : {}) });
  }

  fail(error: unknown): void {
    if (this.#completed) return;
    this.#completed = true;
    this.#started ??= Date.now();
    const text = error instanceof EngineError && error.kind === 'cancelled' ? 'context canceled' : (error as Error).message;
    this.#tell({ started: this.#started, completed: Date.now(), error: text });
  }

  note(note: StepNote): void {
    if (note.kind === 'log') return this.#say({ kind: 'log', vertex: this.digest, stream: note.stream, data: note.data, timestamp: Date.now() });
    const { id, current, total, done } = note;
    const now = Date.now();
    const started = this.#statuses.get(id) ?? now;
    this.#statuses.set(id, started);
    this.#say({ kind: 'status', vertex: this.digest, id, current, total, timestamp: now, started, ...(done === true ? { completed: now } : {}) });
  }

  warn(warning: {
    readonly short: string;
    readonly detail: readonly string[];
    readonly url: string;
    readonly source: SourceFile;
    readonly ranges: readonly SourceRange[];
  }): void {
    this.#say({ kind: 'warning', vertex: this.digest, level: 1, ...warning });
  }

  /** Runs work as this vertex. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    return this.runButFor(() => false, work);
  }

  /** As `run`; an error that is `other`'s is thrown, and no failure of this vertex. */
  async runButFor<T>(other: (error: unknown) => boolean, work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      const result = await work();
      this.end();
      return result;
    } catch (error) {
      if (other(error)) this.end();
      else this.fail(error);
      throw error;
    }
  }

  #tell(state: { readonly started?: number; readonly completed?: number; readonly cached?: boolean; readonly error?: string }): void {
    this.#say({ kind: 'vertex', digest: this.digest, name: this.name, inputs: this.#inputs, ...state });
  }
}
