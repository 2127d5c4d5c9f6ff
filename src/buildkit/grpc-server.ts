/** A gRPC server on connections that the HTTP door has taken over. */
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';
import type * as Grpc from '@grpc/grpc-js';
import { EngineError } from '../base/errors.ts';
import { failureOf } from './failure.ts';
import { methodsOf, type Message, type Method } from './messages.ts';

/** One call of a client. */
export interface ServerCall {
  /** In lower case; repeated ones are joined with commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Aborted when the client has gone, or wants no answer any more. */
  readonly signal: AbortSignal;
}

/** One message in; one or more out. What it throws is the call's failure. */
export type Handler = (request: Message, call: ServerCall) => Promise<Message> | Message;
export type StreamHandler = (request: Message, call: ServerCall) => AsyncIterable<object>;
/** Messages in both directions, as they come. */
export type DuplexHandler = (call: ServerCall, stream: Grpc.ServerDuplexStream<Message, object>) => void;

export interface Handlers {
  readonly unary?: Readonly<Record<string, Handler>>;
  readonly stream?: Readonly<Record<string, StreamHandler>>;
  readonly duplex?: Readonly<Record<string, DuplexHandler>>;
}

const MAX_MESSAGE = 64 * 1024 * 1024;

export class GrpcServer {
  readonly #grpc: typeof Grpc;
  readonly #server: Grpc.Server;
  readonly #injector: ReturnType<Grpc.Server['createConnectionInjector']>;

  constructor() {
    this.#grpc = createRequire(import.meta.url)('@grpc/grpc-js') as typeof Grpc;
    this.#server = new this.#grpc.Server({ 'grpc.max_receive_message_length': MAX_MESSAGE, 'grpc.max_send_message_length': MAX_MESSAGE });
    this.#injector = this.#server.createConnectionInjector(this.#grpc.ServerCredentials.createInsecure());
  }

  add(service: string, handlers: Handlers): void {
    const methods = methodsOf(service);
    const named = { ...handlers.unary, ...handlers.stream, ...handlers.duplex };
    const definition = Object.fromEntries(Object.keys(named).map((name) => [name, definitionOf(methods[name]!)]));
    this.#server.addService(definition, {
      ...mapped(
        handlers.unary,
        (handler): Grpc.handleUnaryCall<Message, object> =>
          (call, callback) =>
            void this.#answer(handler, call, callback),
      ),
      ...mapped(
        handlers.stream,
        (handler): Grpc.handleServerStreamingCall<Message, object> =>
          (call) =>
            void this.#send(handler, call),
      ),
      ...mapped(
        handlers.duplex,
        (handler): Grpc.handleBidiStreamingCall<Message, object> =>
          (call) =>
            handler(callOf(call), call),
      ),
    });
  }

  /** Serves a connection until it ends. */
  serve(connection: Duplex): void {
    this.#injector.injectConnection(connection);
  }

  close(): void {
    this.#injector.destroy();
    this.#server.forceShutdown();
  }

  async #answer(handler: Handler, call: Grpc.ServerUnaryCall<Message, object>, callback: Grpc.sendUnaryData<object>): Promise<void> {
    const context = callOf(call);
    try {
      callback(null, await handler(call.request, context));
    } catch (error) {
      callback(this.#statusOf(error));
    } finally {
      context.done();
    }
  }

  async #send(handler: StreamHandler, call: Grpc.ServerWritableStream<Message, object>): Promise<void> {
    const context = callOf(call);
    try {
      const head = new this.#grpc.Metadata();
      head.set('buildkit-current-timestamp', new Date().toISOString());
      call.sendMetadata(head); // the client may wait for it before anything happens
      for await (const message of handler(call.request, context)) {
        if (!call.write(message) && !context.signal.aborted) await drained(call, context.signal);
      }
      call.end();
    } catch (error) {
      call.emit('error', this.#statusOf(error));
    } finally {
      context.done();
    }
  }

  #statusOf(error: unknown): Partial<Grpc.StatusObject> {
    const { code, message, status } = failureOf(error);
    const metadata = new this.#grpc.Metadata();
    if (status !== undefined) metadata.set('grpc-status-details-bin', status);
    return { code, details: message, metadata };
  }
}

function definitionOf(method: Method): Grpc.MethodDefinition<object, object> {
  return {
    path: method.path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: method.request.encode,
    requestDeserialize: method.request.decode,
    responseSerialize: method.response.encode,
    responseDeserialize: method.response.decode,
  };
}

function mapped<T, R>(handlers: Readonly<Record<string, T>> | undefined, wrap: (handler: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(handlers ?? {}).map(([name, handler]) => [name, wrap(handler)]));
}

interface AnyCall {
  readonly metadata: Grpc.Metadata;
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
  off(event: 'cancelled', listener: () => void): unknown;
}

/** `done`: what becomes of the connection from now on is nothing to the call. */
function callOf(call: AnyCall): ServerCall & { readonly done: () => void } {
  const stop = new AbortController();
  const cancel = (): void => stop.abort(new EngineError('cancelled', 'context canceled'));
  if (call.cancelled) cancel();
  else call.on('cancelled', cancel);
  const headers = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(call.metadata.getMap())) headers[name] = call.metadata.get(name).map(String).join(', ');
  return { headers, signal: stop.signal, done: () => void call.off('cancelled', cancel) };
}

function drained(call: Grpc.ServerWritableStream<Message, object>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.on('drain', done);
    signal.addEventListener('abort', done);
  });
}
