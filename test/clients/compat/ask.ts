/** One request to an engine's socket, and the whole of its answer. */
import { request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Undefined for what is no JSON. */
  readonly json: unknown;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  /** Instead of a JSON document. */
  readonly bytes?: AsyncIterable<Buffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the reading of an answer that has no end. */
  readonly signal?: AbortSignal;
}

export type Asker = (ask: Ask) => Promise<Answer>;

/** `path` is with or without its version. */
export function asker(socketPath: string): Asker {
  return ({ method = 'GET', path, body, bytes, headers = {}, signal }) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const type = bytes === undefined ? (text === undefined ? {} : { 'content-type': 'application/json' }) : { 'content-type': 'application/x-tar' };
      const outgoing = request({ socketPath, method, path, headers: { ...type, ...headers }, agent: false, ...(signal === undefined ? {} : { signal }) });
      const chunks: Buffer[] = [];
      outgoing.on('response', (response) => {
        const done = () => resolve(answer(response.statusCode ?? 0, response.headers, Buffer.concat(chunks).toString()));
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', done);
        response.on('error', (error) => (signal?.aborted ? done() : reject(error)));
      });
      outgoing.on('error', (error) => {
        if (!signal?.aborted) reject(error);
      });
      if (bytes === undefined) return void outgoing.end(text);
      void (async () => {
        for await (const chunk of bytes) if (!outgoing.write(chunk)) await new Promise((drained) => outgoing.once('drain', drained));
        outgoing.end();
      })().catch(reject);
    });
}

function answer(status: number, headers: Answer['headers'], text: string): Answer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status, headers, text, json };
}
