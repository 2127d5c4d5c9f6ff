/** An attachment by WebSocket (RFC 6455): both ways the plain bytes of the process, standard output and error in one. */
import type { IncomingMessage } from 'node:http';
import { Transform, type Duplex, type Readable } from 'node:stream';
import { invalid } from '../../base/errors.ts';
import { FrameReader } from '../../base/frames.ts';
import type { ApiRequest } from '../contract.ts';

/** Of one message from the client, in bytes: as dockerd's. */
const MAX_MESSAGE = 32 << 20;

/** Throws `invalid` for a request that does not ask for a WebSocket of version 13. */
export function checkHandshake({ headers }: ApiRequest): void {
  if (headers['upgrade']?.toLowerCase() !== 'websocket' || !/\bupgrade\b/i.test(headers['connection'] ?? '')) throw invalid('not websocket protocol');
  if (headers['sec-websocket-version'] !== '13') throw invalid('missing or bad WebSocket Version');
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) throw invalid('mismatch challenge/response');
}

/** The client's connection after the handshake: what is written is sent, strings as text messages, bytes as binary ones. */
export async function asWebSocket(request: ApiRequest): Promise<Duplex> {
  const { createWebSocketStream, WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: MAX_MESSAGE });
  const socket = request.hijack({ bare: true });
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const gone = () => reject(invalid('the client has gone'));
  socket.once('close', gone);
  if (socket.destroyed) gone();
  const head = { method: request.method, url: request.path, headers: request.headers } as Partial<IncomingMessage>;
  server.handleUpgrade(head as IncomingMessage, socket, Buffer.alloc(0), (webSocket) => {
    socket.off('close', gone);
    // a regular end, as Docker's, where nothing else is said
    const close = webSocket.close.bind(webSocket);
    webSocket.close = (code = 1000, reason) => close(code, reason);
    const stream = createWebSocketStream(webSocket, { decodeStrings: false });
    // what its client has sent has been read: there is no half of a WebSocket, and nobody to write to
    stream.once('end', () => stream.destroy());
    resolve(stream);
  });
  return promise;
}

/** What a process without a terminal writes, out of its frames. */
export function unframed(stream: Duplex): Readable {
  const reader = new FrameReader((_, payload) => void plain.push(payload));
  const plain = new Transform({
    transform(chunk: Buffer, _, done) {
      try {
        reader.push(chunk);
      } catch (error) {
        return done(error as Error);
      }
      done();
    },
  });
  plain.on('error', () => stream.destroy());
  stream.on('close', () => plain.end());
  return stream.pipe(plain);
}
