/** The door's side of the thread that writes clients' files. */
import { existsSync, realpathSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../base/errors.ts';
import { CHUNK, type TreeOrder, type TreeReport } from './tree-protocol.ts';
import { TreeRound, type RoundListener } from './tree-round.ts';

/** Chunks that wait to be used again. */
const MAX_SPARE = 16;

export class TreeThread {
  readonly #worker: Worker;
  readonly #rounds = new Map<number, TreeRound>();
  readonly #spare: Buffer<ArrayBuffer>[] = [];
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
  begin(root: string, listener: RoundListener): TreeRound {
    const number = this.#next++;
    const round = new TreeRound(
      {
        // memory that is not shared with other buffers can be given away
        take: () => this.#spare.pop() ?? (Buffer.allocUnsafeSlow(CHUNK) as Buffer<ArrayBuffer>),
        send: (chunk, length) => this.#post({ kind: 'bytes', round: number, chunk, length }, [chunk.buffer]),
        finish: () => this.#post({ kind: 'finish', round: number }),
        abandon: () => {
          this.#rounds.delete(number);
          this.#post({ kind: 'abandon', round: number });
        },
      },
      listener,
    );
    this.#rounds.set(number, round);
    if (this.#dead) round.failed(ended());
    this.#post({ kind: 'begin', round: number, root });
    return round;
  }

  remove(root: string, folder: string): void {
    this.#post({ kind: 'remove', root, folder });
  }

  close(): void {
    void this.#worker.terminate();
  }

  #post(order: TreeOrder, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, transfer);
  }

  #reported({ round: number, chunk, ...report }: TreeReport): void {
    if (chunk !== undefined && this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(chunk.buffer));
    const round = this.#rounds.get(number);
    if (report.answer === undefined) this.#rounds.delete(number); // its end
    round?.reported(report);
  }

  #died(): void {
    this.#dead = true;
    for (const round of this.#rounds.values()) round.failed(ended());
    this.#rounds.clear();
  }
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
