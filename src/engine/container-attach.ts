/** Use case: somebody takes the streams of a container's program, which may not run yet. */
import { DETACH_KEYS } from '../base/detach-keys.ts';
import { PassThrough, type Duplex } from 'node:stream';
import { EngineError } from '../base/errors.ts';
import { askOnce } from '../kernel/linux/monitor-client.ts';
import { EarlyStream, type StreamChoice } from './early-stream.ts';
import { isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Attached, AttachOptions } from './containers-contract.ts';
import { LogFormatter } from './log-format.ts';
import { readLogPieces } from './logs.ts';
import type { EngineParts } from './parts.ts';
import { attachSocket } from './start-process.ts';

export async function attachContainer(parts: EngineParts, record: ContainerRecord, options: AttachOptions): Promise<Attached> {
  const { Tty: tty, OpenStdin } = record.config;
  const choice: StreamChoice = {
    stdin: (options.stdin ?? false) && OpenStdin,
    stdout: options.stdout ?? false,
    stderr: (options.stderr ?? false) && !tty,
    ...(tty ? { detachKeys: options.detachKeys || DETACH_KEYS } : {}),
  };
  if (parts.store.load(record.id)?.paused) throw new EngineError('conflict', `container ${record.id} is paused, unpause the container before attach`);
  const early = options.logs ? await pastFrames(parts, record, choice) : [];
  if (options.stream === false) return { tty, stream: ended(early) };
  const running = isRunning(parts, record);
  const stream = new EarlyStream(choice);
  for (const chunk of early) stream.push(chunk);
  if (running) await connect(parts, record, stream);
  else parts.live.attachEarly(record.id, stream);
  return { tty, stream };
}

async function connect(parts: EngineParts, record: ContainerRecord, stream: EarlyStream): Promise<void> {
  stream.connectTo(await attachSocket(parts.store.paths(record.id).socket, stream.choice));
}

/** What the log has, as it would have come over the attachment. */
async function pastFrames(parts: EngineParts, { id, config }: ContainerRecord, { stdout, stderr }: StreamChoice): Promise<Buffer[]> {
  const out: Buffer[] = [];
  const formatter = new LogFormatter({ stdout, stderr, framed: !config.Tty });
  for await (const piece of readLogPieces(parts.store.paths(id).log, {}, () => false)) out.push(formatter.format(piece));
  return out.filter(({ length }) => length > 0);
}

function ended(chunks: readonly Buffer[]): Duplex {
  const stream = new PassThrough();
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return stream;
}

/** Of the container's terminal. */
export async function resizeContainer(parts: EngineParts, record: ContainerRecord, rows: number, cols: number): Promise<void> {
  if (!isRunning(parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
  await askOnce(parts.store.paths(record.id).socket, `resize ${rows} ${cols}`);
}
