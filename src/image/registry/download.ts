/** A blob as a stream that goes on where it was cut off. */
import { EngineError, invalid } from '../../base/errors.ts';
import type { BlobStream, Descriptor } from '../contract.ts';
import { NetworkError } from './network-error.ts';
import { askedToWait, attemptsFor, backOff, mayPass, type RetryPolicy } from './retry.ts';
import type { HttpResponse } from './transport.ts';

/** Bytes. What counts as progress: a server that breaks off after every few bytes is not waited for without end. */
const PROGRESS = 64 << 10;

/** Asks for the blob from an offset on; answers of 200 and 206 are let through. */
export type FetchRange = (offset: number) => Promise<HttpResponse>;

/** Opens a blob from an offset on. */
export async function openBlob(descriptor: Descriptor, offset: number, fetch: FetchRange, retries: RetryPolicy, signal?: AbortSignal): Promise<BlobStream> {
  const download = new Download(descriptor, fetch, retries, signal);
  const first = await download.open(offset);
  return { size: first.size, [Symbol.asyncIterator]: () => download.read(first, offset) };
}

interface Part {
  readonly response: HttpResponse;
  readonly offset: number;
  readonly size: number | undefined;
}

class Download {
  readonly #descriptor: Descriptor;
  readonly #fetch: FetchRange;
  readonly #retries: RetryPolicy;
  readonly #signal: AbortSignal | undefined;
  /** In a row, without progress. */
  #failures = 0;
  #failedAt = 0;

  constructor(descriptor: Descriptor, fetch: FetchRange, retries: RetryPolicy, signal: AbortSignal | undefined) {
    this.#descriptor = descriptor;
    this.#fetch = fetch;
    this.#retries = retries;
    this.#signal = signal;
  }

  async open(offset: number): Promise<Part> {
    for (;;) {
      try {
        return this.#check(await this.#fetch(offset), offset);
      } catch (error) {
        await this.#failed(error, offset);
      }
    }
  }

  async *read(first: Part, offset: number): AsyncGenerator<Buffer, void, void> {
    const { size, digest } = this.#descriptor;
    let part = first;
    let at = offset;
    for (;;) {
      let skip = at - part.offset;
      try {
        if (at === size && size === part.offset) return part.response.body.cancel();
        const promised = part.response.headers['content-length'] !== undefined;
        for await (const chunk of part.response.body) {
          const rest = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - rest.length;
          if (at + rest.length > size) throw invalid(`blob ${digest}: the registry sends more than the ${size} bytes that were promised`);
          at += rest.length;
          if (rest.length > 0) yield rest;
          // where the end is not told before, it is not waited for
          if (at === size && !promised) return;
        }
        if (at === size) return;
        throw new NetworkError('unexpected EOF', { code: 'SHORT', passing: true });
      } catch (error) {
        await this.#failed(error, at);
      }
      part = await this.open(at);
    }
  }

  /** Waits, for what may pass; else throws. */
  async #failed(error: unknown, at: number): Promise<void> {
    if (at - this.#failedAt >= PROGRESS) this.#failures = 0;
    this.#failedAt = at;
    this.#failures++;
    const wait = askedToWait(error);
    if (mayPass(error) && this.#failures < attemptsFor(error, this.#retries) && wait <= this.#retries.maxWaitMs) {
      return backOff(this.#retries, this.#failures, this.#signal, wait);
    }
    if (!(error instanceof NetworkError)) throw error;
    const { digest, size } = this.#descriptor;
    const words = `blob ${digest}: ${error.message} (${at} of ${size} bytes arrived)`;
    throw new EngineError('unavailable', words, { cause: error, detail: error.detail, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }

  #check(response: HttpResponse, wanted: number): Part {
    const { size, digest } = this.#descriptor;
    const refuse = (words: string) => {
      response.body.cancel();
      return invalid(`blob ${digest}: ${words}`);
    };
    const encoding = response.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') throw refuse(`the registry sends it with Content-Encoding ${encoding}, which was not asked for`);
    const length = response.headers['content-length'] === undefined ? undefined : Number(response.headers['content-length']);
    if (response.status === 206) {
      const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
      if (range === null || Number(range[1]) !== wanted) throw refuse(`the registry was asked for bytes from ${wanted} on and sends others`);
      const whole = range[3] === '*' ? undefined : Number(range[3]);
      if (whole !== undefined && whole !== size) throw refuse(`the registry has ${whole} bytes where ${size} were promised`);
      return { response, offset: wanted, size: whole };
    }
    if (length !== undefined && length > size) throw refuse(`the registry sends ${length} bytes where ${size} were promised`);
    return { response, offset: 0, size: length };
  }
}
