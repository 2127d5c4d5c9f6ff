/** Use case: somebody takes the streams of a container's program, which may not run yet. */
import { checkDetachKeys, DETACH_KEYS } from '../base/detach-keys.ts';
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
  checkDetachKeys('detach', options.detachKeys);
  const choice: StreamChoice = {
    stdin: (options.stdin ?? false) && OpenStdin,
    stdout: options.stdout ?? false,
    stderr: (options.stderr ?? false) && !tty,
    ...(tty ? { detachKeys: options.detachKeys || DETACH_KEYS } : {}),
  };
  if (parts.store.load(record.id)?.paused) throw new EngineError('conflict', `container ${record.id} is paused, unpause the container before attach`);
  const stream = new EarlyStream(choice);
  const go = async () => {
    if (options.stream === false || parts.store.load(record.id) === undefined) stream.nobodyComes();
    else if (stream.destroyed) return;
    else if (isRunning(parts, record)) stream.connectTo(await attachSocket(parts.store.paths(record.id).socket, choice));
    else parts.live.attachEarly(record.id, stream);
  };
  if (options.logs) await whenReadOrFull((full) => stream.begin(pastFrames(parts, record, choice), full).then(go), stream);
  else await go();
  return { tty, stream };
}

/** A log may be longer than there is memory: what comes after it goes on when its reader has taken it. */
async function whenReadOrFull(work: (full: () => void) => Promise<void>, stream: EarlyStream): Promise<void> {
  const full = Promise.withResolvers<void>();
  const all = work(full.resolve);
  all.catch((error: Error) => stream.destroy(error));
  await Promise.race([all, full.promise]);
}

/** What the log has, as it would have come over the attachment; each is good for as long as it is wanted. */
async function* pastFrames(parts: EngineParts, { id, config }: ContainerRecord, { stdout, stderr }: StreamChoice): AsyncGenerator<Buffer> {
  const formatter = new LogFormatter({ stdout, stderr, framed: !config.Tty });
  for await (const piece of readLogPieces(parts.store.paths(id).log, {}, () => false)) yield formatter.format(piece);
}

/** Of the container's terminal. */
export async function resizeContainer(parts: EngineParts, record: ContainerRecord, rows: number, cols: number): Promise<void> {
  if (!isRunning(parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
  await askOnce(parts.store.paths(record.id).socket, `resize ${rows} ${cols}`);
}
