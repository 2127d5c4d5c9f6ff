/** Network namespaces that are made before somebody needs one. */
import { keepingAlive } from '../base/keep-alive.ts';
import type { NetworkKernel, NetworkNamespace } from '../kernel/network-contract.ts';

export interface NamespacePoolOptions {
  readonly kernel: NetworkKernel;
  /** As `kernel.create`, so many times, without keeping this thread from its work. Each is given when it is there; rejects where one could not be made. */
  readonly make: (count: number, made: (namespace: NetworkNamespace) => void) => Promise<void>;
  /** How many are kept ready. */
  readonly size: number;
  /** Milliseconds after one was taken before the next is made: not while somebody starts a container. */
  readonly delay: number;
}

export class NamespacePool implements Disposable {
  readonly #options: NamespacePoolOptions;
  readonly #ready: NetworkNamespace[] = [];
  #timer: NodeJS.Timeout | undefined;
  #making = false;
  #closed = false;

  constructor(options: NamespacePoolOptions) {
    this.#options = options;
  }

  /** One of the caller's own, with `lo` up. Rejects with SyscallError. Where none is kept ready, this thread makes it. */
  async take(): Promise<NetworkNamespace> {
    this.refill();
    const { size, make, kernel } = this.#options;
    const ready = this.#ready.pop();
    if (ready !== undefined) return ready;
    if (size === 0) return kernel.create();
    let own: NetworkNamespace | undefined;
    // those that nobody waits for keep no program alive
    await keepingAlive(make(1, (made) => void (own = made)));
    return own!;
  }

  /** As `take`; undefined when none is ready: who can do without is not to wait for one. */
  takeReady(): NetworkNamespace | undefined {
    this.refill();
    return this.#ready.pop();
  }

  /** Begins to make what is missing. */
  refill(): void {
    if (this.#closed || this.#making) return;
    // not put off by the next: where containers start all the time there would never be any
    this.#timer ??= setTimeout(() => void this.#fill(), this.#options.delay).unref();
  }

  async #fill(): Promise<void> {
    this.#timer = undefined;
    this.#making = true;
    try {
      while (!this.#closed && this.#ready.length < this.#options.size) {
        await this.#options.make(this.#options.size - this.#ready.length, (made) => {
          if (this.#closed) made[Symbol.dispose]();
          else this.#ready.push(made);
        });
      }
    } catch {
      // too many, or no memory: whoever takes one is told
    } finally {
      this.#making = false;
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const namespace of this.#ready.splice(0)) namespace[Symbol.dispose]();
  }
}
