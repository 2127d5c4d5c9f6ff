/** Where a connection becomes the streams of a process: attach and exec. */
import type { Duplex } from 'node:stream';
import { EngineError, invalid } from '../../base/errors.ts';
import type { Attached } from '../../engine/containers-contract.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { decodeExecCreate, decodeExecStart } from './create-body.ts';

/** How long a client may take to go once its process has. */
const LINGER_MS = 10_000;
const MULTIPLEXED_SINCE = 42;

export const streamRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    hijack: true,
    handler: async (request, { containers }) => {
      const { query } = request;
      for await (const _ of request.body); // some clients send one that means nothing
      const options = {
        stdin: query.flag('stdin'),
        stdout: query.flag('stdout'),
        stderr: query.flag('stderr'),
        logs: query.flag('logs'),
        stream: query.flag('stream'),
        detachKeys: query.text('detachKeys'),
      };
      connect(request, await containers.attach(request.params['id']!, options));
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/resize',
    handler: async (request, { containers }) => {
      await containers.resize(request.params['id']!, ...terminalSize(request));
      request.end(200);
    },
  },
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    handler: async (request, { execs }) => request.send(await execs.create(request.params['id']!, decodeExecCreate(await request.json())), 201),
  },
  {
    method: 'POST',
    path: '/exec/{id}/start',
    hijack: true,
    handler: async (request, { execs }) => {
      const { Detach: detach, ConsoleSize: consoleSize } = decodeExecStart(await request.json());
      const exec = request.params['id']!;
      const known = await execs.inspect(exec);
      try {
        const attached = await execs.start(exec, { detach, ...(consoleSize ? { consoleSize } : {}) });
        if (attached === undefined) return request.end(200);
        connect(request, attached);
      } catch (error) {
        if (detach || !cannotRun(error)) throw error;
        // as Docker: the stream has begun before the program is looked for
        tell(request, known.ProcessConfig.tty, `OCI runtime exec failed: exec failed: unable to start container process: ${error.message}: unknown\r\n`);
      }
    },
  },
  {
    method: 'POST',
    path: '/exec/{id}/resize',
    handler: async (request, { execs }) => {
      await execs.resize(request.params['id']!, ...terminalSize(request));
      request.end(200);
    },
  },
  {
    method: 'GET',
    path: '/exec/{id}/json',
    handler: async (request, { execs }) => request.send(await execs.inspect(request.params['id']!)),
  },
];

function cannotRun(error: unknown): error is EngineError {
  const code = error instanceof EngineError ? (error.detail as { exitCode?: number } | undefined)?.exitCode : undefined;
  return code === 126 || code === 127;
}

function take(request: ApiRequest, tty: boolean): Duplex {
  const multiplexed = !tty && request.headers['upgrade'] !== undefined && request.version >= MULTIPLEXED_SINCE;
  return request.hijack({ type: multiplexed ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream' });
}

/** The client's connection and the process's streams are one from now on. */
function connect(request: ApiRequest, { tty, stream }: Attached): void {
  const client = take(request, tty);
  client.on('error', () => {}); // its close follows
  client.on('close', () => {
    // what it sent before it went is still the process's
    const all = client.readableEnded && !stream.writableFinished && !stream.destroyed;
    if (!all) return stream.destroy();
    stream.resume().once('finish', () => stream.destroy());
  });
  stream.on('error', () => client.destroy());
  client.pipe(stream);
  stream.pipe(client);
  stream.on('end', () => linger(client));
}

function tell(request: ApiRequest, tty: boolean, text: string): void {
  const client = take(request, tty);
  client.on('error', () => {});
  const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  client.end(tty ? text : Buffer.concat([head, Buffer.from(text)]));
  linger(client);
}

/** What the client still sends goes nowhere; closing with it unread would take the last output from him. */
function linger(client: Duplex): void {
  client.unpipe();
  client.resume();
  const timer = setTimeout(() => client.destroy(), LINGER_MS);
  client.once('close', () => clearTimeout(timer));
}

function terminalSize({ query }: ApiRequest): [rows: number, cols: number] {
  const [rows, cols] = [query.integer('h'), query.integer('w')];
  if (rows === undefined || cols === undefined || rows < 0 || cols < 0 || rows > 65535 || cols > 65535) throw invalid('invalid resize height and width');
  return [rows, cols];
}
