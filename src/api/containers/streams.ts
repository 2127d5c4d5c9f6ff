/** Where a connection becomes the streams of a process: attach and exec. */
import { Transform, type Duplex, type Readable } from 'node:stream';
import { EngineError, invalid } from '../../base/errors.ts';
import type { Attached, AttachOptions } from '../../engine/containers-contract.ts';
import type { ApiRequest, Route } from '../contract.ts';
import { decodeExecCreate, decodeExecStart } from './create-body.ts';
import { asWebSocket, checkHandshake, unframed } from './websocket.ts';

/** How long a client may take to go once its process has. */
const LINGER_MS = 10_000;
/** How long a process may take none of what a client has sent that has gone. */
const UNREAD_MS = 60_000;
const MULTIPLEXED_SINCE = 42;
/** By WebSocket: the streams that are asked for, not all; binary messages, not text. */
const CHOSEN_SINCE = 42;
const BINARY_SINCE = 28;
const CANNOT_RUN = 'OCI runtime exec failed: exec failed: unable to start container process: ';

export const streamRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    hijack: true,
    handler: async (request, { containers }) => {
      for await (const _ of request.body); // some clients send one that means nothing
      const attached = await containers.attach(request.params['id']!, attachOptions(request));
      connect(take(request, attached.tty), attached, Promise.resolve(''));
    },
  },
  {
    method: 'GET',
    path: '/containers/{id}/attach/ws',
    hijack: true,
    handler: async (request, { containers }) => {
      checkHandshake(request);
      const asked = attachOptions(request);
      const all = request.version < CHOSEN_SINCE && { stdin: true, stdout: true, stderr: true };
      const { tty, stream } = await containers.attach(request.params['id']!, { ...asked, ...all });
      const output = tty ? stream : unframed(stream);
      // strings are sent as text
      if (request.version < BINARY_SINCE) output.setEncoding('utf8');
      const client = await asWebSocket(request).catch((error: unknown) => {
        stream.destroy();
        throw error;
      });
      connect(client, { tty: true, stream, output }, Promise.resolve(''));
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
      const { Detach: detach, Tty: tty = false, ConsoleSize: consoleSize } = decodeExecStart(await request.json());
      const exec = request.params['id']!;
      // as Docker: the stream has begun before the program is looked for. And before it runs, since there are clients
      // (docker-py) that lose what comes with the head
      let open = false;
      const last = Promise.withResolvers<string>();
      const opened = (attached: Attached) => {
        open = true;
        // as dockerd: frames are what the start asks for, whatever the exec was made with
        const output = attached.tty === tty ? attached.stream : tty ? unframed(attached.stream) : enframed(attached.stream);
        connect(take(request, tty), { tty, stream: attached.stream, output }, last.promise);
      };
      try {
        await execs.start(exec, { detach, ...(consoleSize ? { consoleSize } : {}), opened });
        last.resolve('');
        if (!open) request.end(200);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        const message = `${cannotRun(error) ? CANNOT_RUN : ''}${error.message}`;
        if (!open) throw new EngineError(error.kind, message, { cause: error, detail: error.detail });
        last.resolve(`${message}\r\n`);
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

function attachOptions({ query }: ApiRequest): AttachOptions {
  return {
    stdin: query.flag('stdin'),
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
    logs: query.flag('logs'),
    stream: query.flag('stream'),
    detachKeys: query.text('detachKeys'),
  };
}

function cannotRun({ detail }: EngineError): boolean {
  return (detail as { exitCode?: number } | undefined)?.exitCode !== undefined;
}

function take(request: ApiRequest, tty: boolean): Duplex {
  const multiplexed = !tty && request.headers['upgrade'] !== undefined && request.version >= MULTIPLEXED_SINCE;
  return request.hijack({ type: multiplexed ? 'application/vnd.docker.multiplexed-stream' : 'application/vnd.docker.raw-stream' });
}

interface Output {
  /** Of the process, where it is not as the stream has it. */
  readonly output?: Readable;
}

/** The client's connection and the process's streams are one from now on. `last` is what the client hears after all else. */
function connect(client: Duplex, { tty, stream, output = stream }: Attached & Output, last: Promise<string>): void {
  if (client.destroyed) return void stream.destroy();
  client.on('error', () => {}); // its close follows
  client.on('close', () => {
    // what it sent before it went is still the process's
    const all = client.readableEnded && !stream.writableFinished && !stream.destroyed;
    if (!all) return stream.destroy();
    stream.resume().once('finish', () => stream.destroy());
    destroyUnlessTaken(stream);
  });
  stream.on('error', () => client.destroy());
  client.pipe(stream);
  output.pipe(client, { end: false });
  let over = false;
  const end = async () => {
    if (over) return;
    over = true;
    const text = await last;
    if (client.destroyed) return;
    if (text === '') client.end();
    else client.end(tty ? text : framed(text));
    linger(client);
  };
  output.on('end', end).on('close', end);
}

/** What nobody takes would be kept for as long as the process runs, and one of the few places at its monitor with it. */
export function destroyUnlessTaken(stream: Duplex): void {
  let left = stream.writableLength;
  const timer = setInterval(() => {
    if (stream.writableLength === left) stream.destroy();
    left = stream.writableLength;
  }, UNREAD_MS).unref();
  stream.once('close', () => clearInterval(timer));
}

/** What a terminal shows, in frames of standard output. */
function enframed(stream: Duplex): Readable {
  const frames = new Transform({ transform: (chunk: Buffer, _, done) => done(null, framed(chunk)) });
  frames.on('error', () => stream.destroy());
  stream.on('close', () => frames.end());
  return stream.pipe(frames);
}

function framed(content: string | Buffer): Buffer {
  const payload = typeof content === 'string' ? Buffer.from(content) : content;
  const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(payload.length, 4);
  return Buffer.concat([head, payload]);
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
