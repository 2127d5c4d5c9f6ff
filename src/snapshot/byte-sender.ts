/** Bytes on their way to a worker's task. */
import { letGo } from '../base/memory.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** Bytes that go to the worker at a time. */
const PIECE = 512 << 10;
/** Bytes that may be on their way to the worker before `write` makes the caller wait. */
const WINDOW = 2 << 20;

export type Post = (message: ToWorker, transfer?: readonly ArrayBuffer[]) => void;

/** Gathers bytes into pieces, and has no more of them under way than its window allows. */
export class ByteSender {
  readonly #post: Post;
  #sent: number;
  /** What is not worth a message yet. */
  #piece: Uint8Array | undefined;
  #gathered = 0;
  readonly #free: ArrayBuffer[] = [];
  #taken = 0;
  #room: (() => void) | undefined;
  #error: Error | undefined;

  /** `from`: how many bytes the task has already. */
  constructor(post: Post, from = 0) {
    this.#post = post;
    this.#sent = this.#taken = from;
  }

  /** The task tells how far it is. */
  onTaken(event: Extract<FromWorker, { event: 'taken' }>): void {
    this.#taken = event.total;
    if (event.memory !== undefined) this.#free.push(event.memory);
    if (this.#sent - this.#taken < WINDOW) this.#room?.();
  }

  /** The task has ended. With an error `write` rejects from now on. */
  end(error?: Error): void {
    this.#error = error;
    this.#room?.();
    for (const memory of this.#free.splice(0)) letGo(new Uint8Array(memory));
  }

  /** Resolves when there is room for more. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#throwError();
    // sockets give small pieces, and each message costs as much as copying a hundred kilobytes
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE - this.#gathered);
      this.#piece ??= new Uint8Array(this.#free.pop() ?? new ArrayBuffer(PIECE));
      this.#piece.set(part, this.#gathered);
      this.#gathered += part.length;
      at += part.length;
      if (this.#gathered === PIECE) this.flush();
    }
    while (this.#sent - this.#taken >= WINDOW && this.#error === undefined) await new Promise<void>((resolve) => (this.#room = resolve));
    this.#throwError();
  }

  /** Posts what has been gathered. */
  flush(): void {
    if (this.#piece === undefined || this.#error !== undefined) return;
    const bytes = this.#piece.subarray(0, this.#gathered);
    this.#sent += this.#gathered;
    this.#gathered = 0;
    this.#piece = undefined;
    this.#post({ op: 'chunk', bytes }, [bytes.buffer as ArrayBuffer]);
  }

  #throwError(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}
