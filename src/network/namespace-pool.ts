/** Network namespaces that are made before somebody needs one. */
import type { NetworkKernel, NetworkNamespace } from '../kernel/network-contract.ts';

export interface NamespacePoolOptions {
  readonly kernel: NetworkKernel;
  /** As `kernel.create`, without keeping this thread from its work. */
  readonly make: () => Promise<NetworkNamespace>;
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
    return this.#ready.pop() ?? (size > 0 ? await make() : kernel.create());
  }

  /** As `take`; undefined when none is ready: who can do without is not to wait for one. */
  takeReady(): NetworkNamespace | undefined {
    this.refill();
    return this.#ready.pop();
  }

  /** Begins to make what is missing, one at a time. */
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
        const made = await this.#options.make();
        if (this.#closed) made[Symbol.dispose]();
        else this.#ready.push(made);
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
