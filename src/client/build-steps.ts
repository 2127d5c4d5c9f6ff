/** The older builder's lines as steps: `Step 2/5 : RUN make` begins one, and what follows is of it. */
import { createHash } from 'node:crypto';
import type { Digest } from '../base/digest.ts';
import type { BuildEvent } from '../engine/builds-contract.ts';

const STEP = /^Step (\d+)\/(\d+) : ([^\n]*)\n?$/;

export class BuildSteps {
  readonly #say: (event: BuildEvent) => void;
  #step: { readonly digest: Digest; readonly name: string; readonly started: number; cached: boolean } | undefined;

  constructor(say: (event: BuildEvent) => void) {
    this.#say = say;
  }

  /** A piece of the stream; clients of that builder print it as it is. */
  said(text: string): void {
    const [, number, total, instruction] = STEP.exec(text) ?? [];
    if (instruction !== undefined) {
      this.end();
      const name = `[${number}/${total}] ${instruction}`;
      this.#step = { digest: `sha256:${createHash('sha256').update(name).digest('hex')}`, name, started: Date.now(), cached: false };
      return this.#tell({});
    }
    const step = this.#step;
    if (step !== undefined && (text === '\n' || /^ ---> [0-9a-f]{12}\n$/.test(text))) return;
    if (step !== undefined && text === ' ---> Using cache\n') return void (step.cached = true);
    if (/^Successfully (?:built|tagged) /.test(text)) this.end();
    this.#say({ kind: 'log', vertex: this.#step?.digest ?? NO_VERTEX, stream: 1, data: Buffer.from(text), timestamp: Date.now() });
  }

  /** The step that is at work is over; `error`: why it failed. */
  end(error?: string): void {
    if (this.#step === undefined) return;
    this.#tell({ completed: Date.now(), ...(this.#step.cached ? { cached: true } : {}), ...(error === undefined ? {} : { error }) });
    this.#step = undefined;
  }

  #tell(state: { readonly completed?: number; readonly cached?: boolean; readonly error?: string }): void {
    const { digest, name, started } = this.#step!;
    this.#say({ kind: 'vertex', digest, name, inputs: [], started, ...state });
  }
}

/** What comes before and after the steps is of none. */
const NO_VERTEX: Digest = `sha256:${'0'.repeat(64)}`;
