/** What a build has on the disk, and lends its steps: another build may wait for one of these when this one is over. */
export class Lent implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  #users = 1;

  /** It goes with the build, and with the last step that was begun by it. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  /** Runs a step; where it is the last that uses them, what is lent is gone when this resolves. */
  async to<T>(work: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work();
    } finally {
      await this.#leave();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leave();
  }

  async #leave(): Promise<void> {
    if (--this.#users === 0) await this.#stack.disposeAsync();
  }
}
