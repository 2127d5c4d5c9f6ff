/** The body of a request. */
import type { ClientRequest } from 'node:http';
import { drained } from '../base/drained.ts';
import type { HttpCall } from './http.ts';

/** Milliseconds: who does not answer `Expect` by then is sent the body all the same. */
const CONTINUE_WAIT = 1000;

/**
 * Sends the body and ends the request. A stream waits until the daemon wants it, so that a refusal is not lost in a broken
 * pipe. Rejects with what the stream throws.
 */
export async function sendBody(request: ClientRequest, { json, body }: HttpCall): Promise<void> {
  if (body === undefined) {
    if (json === undefined) return void request.end();
    return sendBytes(request, 'application/json', Buffer.from(JSON.stringify(json)));
  }
  const { type, bytes } = body;
  if (bytes instanceof Uint8Array) return sendBytes(request, type, bytes);
  request.setHeader('content-type', type);
  request.setHeader('expect', '100-continue');
  request.flushHeaders();
  if (!(await wanted(request))) return void request.end();
  for await (const chunk of bytes) {
    if (request.destroyed) return;
    if (!request.write(chunk)) await drained(request);
  }
  request.end();
}

function sendBytes(request: ClientRequest, type: string, bytes: Uint8Array): void {
  request.setHeader('content-type', type);
  request.setHeader('content-length', bytes.length);
  request.end(bytes);
}

/** False when there is a refusal already, or nobody there. */
function wanted(request: ClientRequest): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), CONTINUE_WAIT);
    const settle = (value: boolean) => {
      clearTimeout(timer);
      resolve(value);
    };
    request.once('continue', () => settle(true));
    // who answers and has nothing against it may still want the rest
    request.once('response', ({ statusCode = 0 }) => settle(statusCode < 400));
    request.once('close', () => settle(false));
  });
}
