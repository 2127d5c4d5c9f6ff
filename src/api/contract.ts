/**
 * The HTTP door: routes are data. A route's handler gets a request that is checked as far as HTTP goes, and the engine;
 * it answers once. What a handler throws becomes Docker's status and `{"message": …}` (errors.ts).
 */
import type { Duplex, Readable } from 'node:stream';
import type { Engine } from '../engine/contract.ts';

/** `{name}` matches one part of a path, `{name...}` one or more (image names have slashes). Without the version. */
export interface Route {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  /** The connection may become the process's streams: such routes are served without node:http. */
  readonly hijack?: boolean;
  readonly handler: (request: ApiRequest, engine: Engine) => Promise<void> | void;
}

/** An API version as a number that compares: 1.41 is 41. */
export type ApiVersion = number;

/** A process of this machine that asks. */
export interface ClientProcess {
  readonly args: readonly string[];
  /** How long it has been there, in milliseconds. */
  readonly ageMs: number;
}

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** Of `{name}` parts, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly version: ApiVersion;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  /** Whose connection it is, where that can be told. */
  client(): ClientProcess | undefined;
  /** The body as bytes; read it or leave it. */
  readonly body: Readable;
  /** The body as JSON: undefined when it is empty. Throws `invalid` for what is no JSON, is too long, or has another content type. */
  json(): Promise<unknown>;
  /** Answers with a JSON document. */
  send(value: unknown, status?: number): void;
  /** Answers without a body. Default 204. */
  end(status?: number, headers?: Readonly<Record<string, string>>): void;
  /**
   * Answers with headers and then what comes; each write waits for a slow client. It ends with `end` or when the handler
   * does; `fail`, or what the handler throws, breaks it off. With a Content-Length it is sent as it is, else in chunks.
   */
  stream(options: { readonly status?: number; readonly type: string; readonly headers?: Readonly<Record<string, string>> }): ResponseStream;
  /**
   * Only on routes with `hijack`, once the body is read: the connection itself, after Docker's 101 or 200. Its readable
   * side ends when the client closes its half; writing goes on. `signal` is aborted when the connection is closed. `bare`:
   * the head is the caller's.
   */
  hijack(options?: { readonly type?: 'application/vnd.docker.raw-stream' | 'application/vnd.docker.multiplexed-stream'; readonly bare?: boolean }): Duplex;
}

export interface ResponseStream {
  /** Sends the head at once, even if nothing follows for long. */
  flush(): void;
  /** Resolves when there is room for more. Rejects with `cancelled` when the client has gone. */
  write(chunk: Uint8Array | string): Promise<void>;
  /** No more comes, after a last piece perhaps. */
  end(last?: string): void;
  fail(error: unknown): void;
}

/** Query values as Docker reads them. */
export interface Query {
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  /** '', 0, no, false and none are false, as Docker has it; all else is true. */
  flag(name: string, otherwise?: boolean): boolean;
  /** Throws `invalid` for what is no integer. */
  integer(name: string): number | undefined;
  /** `{"label":["a=b"]}`, or the old form `{"label":{"a=b":true}}`. Throws `invalid`. */
  filters(): Readonly<Record<string, readonly string[]>>;
}
