/** The client's side of a build that a daemon does for it (`src/engine/types/remote-build.ts`): it answers what the daemon asks. */
import { once } from 'node:events';
import { constants, performServerHandshake, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { bytesFromJson, bytesToJson } from '../base/bytes-json.ts';
import { drained } from '../base/drained.ts';
import { EngineError } from '../base/errors.ts';
import type { BuildEvent } from '../engine/builds-contract.ts';
import { REMOTE_FAILURE, REMOTE_WINDOWS, type RemoteFailure, type RemoteReport } from '../engine/types/remote-build.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** By the names of the questions. What they throw, the daemon is told. */
export interface BuildAnswers {
  /** A short answer; undefined: there is none. */
  readonly ask: Readonly<Record<string, (args: Arguments, signal: AbortSignal) => Promise<Uint8Array | undefined>>>;
  readonly read: Readonly<Record<string, (args: Arguments, signal: AbortSignal) => AsyncIterable<Uint8Array>>>;
  readonly take: Readonly<Record<string, (args: Arguments, bytes: AsyncIterable<Buffer>, signal: AbortSignal) => Promise<void>>>;
  /** In both directions. */
  readonly join: Readonly<Record<string, (args: Arguments) => Promise<Duplex>>>;
}

/** Milliseconds for a daemon to clean up after a build that is cancelled. */
const PARTING_MS = 30_000;

export type BuildEnd = Exclude<RemoteReport, { readonly event: BuildEvent }>;

/** Answers on a connection until the build's end, which it gives. Throws `cancelled` at the signal, when the daemon has let go, and `unavailable`. */
export async function answerBuild(connection: Duplex, answers: BuildAnswers, onEvent: (event: BuildEvent) => void, signal: AbortSignal): Promise<BuildEnd> {
  const session = performServerHandshake(connection, { settings: { initialWindowSize: REMOTE_WINDOWS.stream } });
  session.setLocalWindowSize(REMOTE_WINDOWS.connection);
  session.on('error', () => {}); // 'close' follows
  connection.once('close', () => session.destroy());
  let end: BuildEnd | undefined;
  let failure: unknown;
  let reporting: ServerHttp2Stream | undefined;
  const stop = (): void => reporting?.close(constants.NGHTTP2_CANCEL);
  session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {}); // told by its end
    const { name, args } = questionOf(headers[':path']);
    if (name !== 'report') return void answer(stream, name, args, answers);
    reporting = stream;
    if (signal.aborted) return stop();
    reports(stream, onEvent).then(
      (given) => {
        end = given;
        if (!stream.destroyed) stream.respond({ ':status': 204 }, { endStream: true });
      },
      (error: unknown) => {
        failure = error;
        stop();
      },
    );
  });
  const aborted = (): void => {
    stop();
    setTimeout(() => session.destroy(), PARTING_MS).unref();
  };
  signal.addEventListener('abort', aborted, { once: true });
  try {
    if (!session.destroyed) await once(session, 'close');
  } finally {
    signal.removeEventListener('abort', aborted);
  }
  if (end !== undefined) return end;
  if (signal.aborted) throw signal.reason instanceof EngineError ? signal.reason : new EngineError('cancelled', 'context canceled', { cause: signal.reason });
  if (failure instanceof EngineError) throw failure;
  throw new EngineError('unavailable', 'the daemon ended the connection before the build’s end', { cause: failure });
}

function questionOf(path: string | undefined): { readonly name: string; readonly args: Arguments } {
  const [name = '', query = ''] = (path ?? '').slice(1).split('?');
  try {
    return { name, args: bytesFromJson(decodeURIComponent(query)) as Arguments };
  } catch {
    return { name: '', args: {} };
  }
}

/** Undefined when the stream ends before the build. */
async function reports(stream: ServerHttp2Stream, onEvent: (event: BuildEvent) => void): Promise<BuildEnd | undefined> {
  let open = '';
  let end: BuildEnd | undefined;
  stream.setEncoding('utf8');
  for await (const piece of stream as AsyncIterable<string>) {
    const lines = (open + piece).split('\n');
    open = lines.pop()!;
    for (const line of lines) {
      const report = bytesFromJson(line) as RemoteReport;
      if ('event' in report) onEvent(report.event);
      else end = report;
    }
  }
  return end;
}

async function answer(stream: ServerHttp2Stream, name: string, args: Arguments, answers: BuildAnswers): Promise<void> {
  const over = new AbortController();
  stream.once('close', () => over.abort(new EngineError('cancelled', 'context canceled')));
  try {
    const ask = own(answers.ask, name);
    const read = own(answers.read, name);
    const take = own(answers.take, name);
    const join = own(answers.join, name);
    if (ask !== undefined) {
      const given = await ask(args, over.signal);
      stream.respond({ ':status': given === undefined ? 204 : 200 });
      stream.end(given);
    } else if (read !== undefined) {
      await send(stream, read(args, over.signal));
    } else if (take !== undefined) {
      // who needs no more than he has read can still be answered
      await take(args, stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>, over.signal);
      stream.resume();
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
      stream.respond({ ':status': 204 }, { endStream: true });
    } else if (join !== undefined) {
      const there = await join(args);
      there.on('error', () => {});
      there.once('close', () => stream.end());
      stream.once('close', () => there.destroy());
      stream.respond({ ':status': 200 });
      stream.pipe(there).pipe(stream);
    } else {
      throw new EngineError('invalid', `nothing is known of ${JSON.stringify(name)}`);
    }
  } catch (error) {
    if (stream.destroyed || stream.headersSent) return stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    stream.respond({ ':status': 500 });
    stream.end(failureText(error));
    stream.resume(); // what is still on its way would hold up all others
  }
}

function own<T>(known: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(known, name) ? known[name] : undefined;
}

/** A failure on the way is in the trailers: what has gone is sent. */
async function send(stream: ServerHttp2Stream, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  let failure = '';
  stream.once('wantTrailers', () => stream.sendTrailers({ [REMOTE_FAILURE]: encodeURIComponent(failure) }));
  stream.respond({ ':status': 200 }, { waitForTrailers: true });
  try {
    for await (const piece of bytes) {
      if (stream.destroyed) return;
      if (!stream.write(piece)) await drained(stream);
    }
  } catch (error) {
    failure = failureText(error);
  }
  stream.end();
}

function failureText(error: unknown): string {
  const { message } = error as Error;
  const failure: RemoteFailure = error instanceof EngineError ? { kind: error.kind, message, hint: error.hint } : { kind: 'internal', message };
  return bytesToJson(failure);
}
