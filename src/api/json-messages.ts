/** Docker's JSON message stream: what pulls, pushes, loads and imports say while they run. */
import { EngineError } from '../base/errors.ts';
import { humanSize } from '../base/human-size.ts';
import type { OnProgress, ProgressEvent } from '../engine/images-contract.ts';
import type { JsonMessage } from '../engine/types/image.ts';
import type { ApiRequest, ResponseStream } from './contract.ts';
import { statusOf } from './errors.ts';

/** Milliseconds between two lines about how far the same step of the same layer is, as dockerd's. */
const INTERVAL = 100;
const BAR = 50;

export interface MessageOptions {
  /** Every error goes into the stream. Else one before the first line is an answer of its own. */
  readonly errorsInStream?: boolean;
  /** What becomes of an event; undefined for nothing. */
  readonly message?: (event: ProgressEvent) => JsonMessage | undefined;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

/** Runs `work` and answers with what it says. */
export async function streamMessages(request: ApiRequest, work: (say: OnProgress) => Promise<unknown>, options: MessageOptions = {}): Promise<void> {
  const { errorsInStream = false, message = messageOf, now = Date.now } = options;
  const out = new MessageQueue(request);
  const thinned = throttle(now);
  const say: OnProgress = (event) => {
    if (!thinned(event)) return;
    const line = message(event);
    if (line !== undefined) out.add(isStep(event) ? `${event.id} ${event.status}` : undefined, line);
  };
  try {
    await work(say);
  } catch (error) {
    if (!out.opened && !errorsInStream) throw error;
    out.add(undefined, errorMessage(error));
  }
  await out.end();
}

/** An event as dockerd writes it. */
export function messageOf(event: ProgressEvent): JsonMessage {
  const { status, id, current, total, aux } = event;
  if (aux !== undefined) return { progressDetail: {}, aux };
  if (id === undefined) return { status };
  if (status.startsWith('Pulling from ')) return { status, id };
  if (current === undefined) return { status, progressDetail: {}, id };
  return { status, progressDetail: { current, ...(total === undefined ? {} : { total }) }, progress: progressText(current, total), id };
}

export function errorMessage(error: unknown): JsonMessage {
  const message = error instanceof Error ? error.message : String(error);
  const status = statusOf(error);
  return { errorDetail: { ...(status === 500 ? {} : { code: status }), message }, error: message };
}

/** `[=====>      ]  1.2MB/3.4MB`, for clients that do not draw it themselves. */
export function progressText(current: number, total = 0): string {
  const now = humanSize(current).padStart(8);
  if (total <= 0) return now;
  const filled = Math.min(BAR, Math.floor(Math.floor((current / total) * 100) / 2));
  return `[${'='.repeat(filled)}>${' '.repeat(BAR - filled)}] ${now}${current > total ? '' : `/${humanSize(total)}`}`;
}

function isStep({ current }: ProgressEvent): boolean {
  return current !== undefined;
}

/** Of what comes too often only the first and the last go through. */
function throttle(now: () => number): (event: ProgressEvent) => boolean {
  const last = new Map<string, { status: string; at: number; ended: boolean }>();
  return (event) => {
    const { id = '', status, current, total } = event;
    if (!isStep(event)) return true;
    const known = last.get(id);
    const ended = current === total;
    const fresh = known === undefined || known.status !== status;
    if (!fresh && (known.ended || (!ended && now() - known.at < INTERVAL))) return false;
    last.set(id, { status, at: now(), ended });
    return true;
  };
}

/** Lines on their way to a client, who may be slow: of a step's progress only the newest line waits. */
export class MessageQueue {
  readonly #request: ApiRequest;
  #stream: ResponseStream | undefined;
  #waiting: { readonly key: string | undefined; line: JsonMessage }[] = [];
  #soon: NodeJS.Immediate | undefined;
  #writing: Promise<void> | undefined;

  constructor(request: ApiRequest) {
    this.#request = request;
  }

  get opened(): boolean {
    return this.#stream !== undefined;
  }

  #open(): ResponseStream {
    this.#stream ??= this.#request.stream({ type: 'application/json' });
    return this.#stream;
  }

  add(key: string | undefined, line: JsonMessage): void {
    const same = key === undefined ? undefined : this.#waiting.find((other) => other.key === key);
    if (same === undefined) this.#waiting.push({ key, line });
    else same.line = line;
    const stream = this.#open();
    // what is said at the same time goes at the same time
    if (this.#writing === undefined) this.#soon ??= setImmediate(() => this.#write(stream));
  }

  /** Resolves when all is written, or nobody is there any more. */
  async end(): Promise<void> {
    const stream = this.#open();
    clearImmediate(this.#soon);
    await this.#writing;
    stream.end(this.#lines());
  }

  #lines(): string {
    const lines = this.#waiting.map(({ line }) => `${JSON.stringify(line)}\r\n`);
    this.#waiting = [];
    return lines.join('');
  }

  #write(stream: ResponseStream): void {
    this.#soon = undefined;
    this.#writing = this.#written(stream);
  }

  async #written(stream: ResponseStream): Promise<void> {
    try {
      while (this.#waiting.length > 0) await stream.write(this.#lines());
    } catch (error) {
      // who does not listen any more is told nothing; the request's signal ends the work
      if (!(error instanceof EngineError) || error.kind !== 'cancelled') throw error;
      this.#waiting = [];
    } finally {
      this.#writing = undefined;
    }
  }
}
