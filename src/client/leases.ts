/** Leases over HTTP: held by a connection, which is made again when a daemon has been started anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../base/errors.ts';
import { LEASE_LABEL, type Lease, type LeaseOptions, type Leases, type LeaseSummary } from '../engine/leases-contract.ts';
import { path, type HttpAnswer, type HttpClient } from './http.ts';
import { jsonDocuments } from './json-documents.ts';

/** Milliseconds: how long a daemon may take to come back, at least, and between two tries. */
const COMING_BACK = 10_000;
const POLL = 100;

interface Held {
  readonly Id: string;
  readonly Grace: number;
}

/** `No such endpoint` of daemons without leases, as such. */
async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || error.message !== 'page not found') throw error;
    throw new EngineError('unavailable', 'the daemon has no leases', { cause: error, hint: 'they are kobako’s: Docker has none' });
  }
}

export function leasesClient(http: HttpClient): Leases {
  return {
    list: () => asked(() => http.json<readonly LeaseSummary[]>({ method: 'GET', path: '/kobako/leases' })),
    end: async (id) => void (await asked(() => http.status({ method: 'DELETE', path: path`/kobako/leases/${id}` }))),
  };
}

export async function leaseClient(http: HttpClient, { id, grace }: LeaseOptions = {}): Promise<Lease> {
  const stop = new AbortController();
  const { held, over } = await connect(http, { id, grace }, stop.signal);
  return new RemoteLease(http, held, over, stop);
}

interface Connected {
  readonly held: Held;
  /** Settles when the connection has ended, whatever ended it; gives why the lease is lost, if it said so. */
  readonly over: Promise<string | undefined>;
}

async function connect(
  http: HttpClient,
  query: { readonly id?: string | undefined; readonly grace?: number | undefined },
  signal: AbortSignal,
): Promise<Connected> {
  const answer = await asked(() => http.send({ method: 'POST', path: '/kobako/leases', query, signal }));
  // the lease ends with the program, and not the other way round
  answer.unref();
  const documents = jsonDocuments(answer.body);
  const { value } = await documents.next();
  const held = value as Held | undefined;
  if (typeof held?.Id !== 'string') {
    answer.discard();
    throw new EngineError('unavailable', 'the daemon gave no lease');
  }
  return { held, over: drained(answer, documents) };
}

async function drained(answer: HttpAnswer, documents: AsyncGenerator<unknown>): Promise<string | undefined> {
  let lost: string | undefined;
  try {
    for await (const document of documents) lost = (document as { readonly Lost?: string } | null)?.Lost;
  } catch {
    // an end like any other
  } finally {
    answer.discard();
  }
  return lost;
}

class RemoteLease implements Lease {
  readonly id: string;
  readonly grace: number;
  readonly #http: HttpClient;
  readonly #stop: AbortController;
  readonly #lost = new AbortController();

  constructor(http: HttpClient, { Id, Grace }: Held, over: Connected['over'], stop: AbortController) {
    this.id = Id;
    this.grace = Grace;
    this.#http = http;
    this.#stop = stop;
    void this.#hold(over);
  }

  get labels(): Readonly<Record<string, string>> {
    return { [LEASE_LABEL]: this.id };
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async end(): Promise<void> {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(new EngineError('conflict', `lease ${this.id} has ended`));
    try {
      await leasesClient(this.#http).end(this.id);
    } catch (error) {
      // somebody else has ended it
      if (!(error instanceof EngineError && error.kind === 'not-found')) throw error;
    } finally {
      this.#stop.abort();
    }
  }

  release(): void {
    this.#lost.abort(new EngineError('cancelled', `lease ${this.id} has been released`));
    this.#stop.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  async #hold(first: Connected['over']): Promise<void> {
    try {
      for (let over = first; !this.#lost.signal.aborted; over = (await this.#again()).over) {
        const why = await over;
        if (why !== undefined) throw new EngineError('conflict', why);
      }
    } catch (error) {
      this.#lost.abort(error);
    }
  }

  /** The daemon may be starting anew, or has ended the lease. */
  async #again(): Promise<Connected> {
    for (const end = Date.now() + Math.max(COMING_BACK, this.grace * 1000); ; await sleep(POLL, undefined, { ref: false })) {
      this.#lost.signal.throwIfAborted();
      try {
        return await connect(this.#http, { id: this.id }, this.#stop.signal);
      } catch (error) {
        const away = error instanceof EngineError && error.kind === 'unavailable' && Date.now() < end;
        if (!away) throw error;
      }
    }
  }
}
