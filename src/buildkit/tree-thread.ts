/** The door's side of the thread that writes clients' files. */
import { existsSync, realpathSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EngineError, invalid } from '../base/errors.ts';
import type { RoundAnswer } from './receive-round.ts';
import { packPackets, type TreeOrder, type TreeReport } from './tree-protocol.ts';

export class TreeThread {
  readonly #worker: Worker;
  readonly #rounds = new Map<number, PromiseWithResolvers<RoundAnswer | undefined>[]>();
  #next = 0;
  #dead = false;

  constructor() {
    this.#worker = new Worker(findWorker(), { name: 'kobako contexts' });
    this.#worker.unref();
    this.#worker.on('message', (report: TreeReport) => this.#reported(report));
    this.#worker.on('error', () => {}); // 'exit' follows
    this.#worker.once('exit', () => this.#died());
  }

  /** It has ended: what it knew of its folders is lost. */
  get dead(): boolean {
    return this.#dead;
  }

  /** A round on the folder `root`, which is this thread's own. */
  begin(root: string): TreeRound {
    const round = this.#next++;
    this.#rounds.set(round, []);
    this.#worker.postMessage({ kind: 'begin', round, root } satisfies TreeOrder);
    return {
      push: (packets) => {
        const bytes = packPackets(packets);
        return this.#ask({ kind: 'packets', round, bytes }, [bytes.buffer]) as Promise<RoundAnswer>;
      },
      finish: async () => {
        await this.#ask({ kind: 'finish', round });
        this.#rounds.delete(round);
      },
      abandon: () => {
        this.#worker.postMessage({ kind: 'abandon', round } satisfies TreeOrder);
        this.#rounds.delete(round);
      },
    };
  }

  remove(root: string, folder: string): void {
    this.#worker.postMessage({ kind: 'remove', root, folder } satisfies TreeOrder);
  }

  close(): void {
    void this.#worker.terminate();
  }

  #ask(order: Extract<TreeOrder, { round: number }>, transfer: ArrayBuffer[] = []): Promise<RoundAnswer | undefined> {
    const waiting = this.#rounds.get(order.round);
    if (this.#dead || waiting === undefined) return Promise.reject(ended());
    const answer = Promise.withResolvers<RoundAnswer | undefined>();
    waiting.push(answer);
    this.#worker.postMessage(order, transfer);
    return answer.promise;
  }

  #reported({ round, answer, failure }: TreeReport): void {
    const waiting = this.#rounds.get(round)?.shift();
    if (failure === undefined) waiting?.resolve(answer);
    else waiting?.reject(invalid(failure));
  }

  #died(): void {
    this.#dead = true;
    for (const waiting of this.#rounds.values()) for (const each of waiting) each.reject(ended());
    this.#rounds.clear();
  }
}

export interface TreeRound {
  /** Rejects with `invalid` for what breaks the rules; then the round is over. */
  push(packets: readonly Uint8Array[]): Promise<RoundAnswer>;
  finish(): Promise<void>;
  abandon(): void;
}

/** The worker beside a bundle, or its source beside this one. */
function findWorker(): string {
  const here = typeof __dirname === 'string' ? __dirname : import.meta.dirname;
  const found = [`${here}/tree-worker.cjs`, `${here}/tree-worker.ts`].find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);
  throw new EngineError('unavailable', 'the worker for contexts is missing', { hint: 'run npm ci: it builds dist/tree-worker.cjs' });
}

function ended(): EngineError {
  return new EngineError('unavailable', 'the thread that writes contexts has ended');
}
