/** One run of a container's health check. */
import { randomHex } from '../base/random-hex.ts';
import { SIGKILL } from '../base/signals.ts';
import type { Socket } from 'node:net';
import { FrameReader } from '../kernel/linux/monitor-client.ts';
import { emitContainer } from './container-events.ts';
import { execInContainer } from './container-exec.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerExit, RunningProcess } from './contract.ts';
import { EarlyStream } from './early-stream.ts';
import type { EngineParts } from './parts.ts';

/** Bytes that are kept of a probe's output, as in Docker. */
const MAX_OUTPUT = 4096;
/** Milliseconds that the last of the output may need after the program's end. */
const OUTPUT_MS = 1000;

export interface ProbeEnd {
  /** -1: there was no answer. */
  readonly exitCode: number;
  readonly output: string;
}

export interface Probe {
  readonly args: readonly string[];
  readonly timeoutMs: number;
  /** Ends it before its time. */
  readonly signal: AbortSignal;
}

/** Runs the command in the container; settles when it has ended. Never rejects. Keeps nobody's process alive. */
export async function runProbe(parts: EngineParts, record: ContainerRecord, { args, timeoutMs, signal }: Probe): Promise<ProbeEnd> {
  const execID = randomHex(32);
  const tell = (action: string, extra: Readonly<Record<string, string>> = {}) => emitContainer(parts, record, action, { execID, ...extra });
  const output = new ProbeOutput();
  let running: RunningProcess | undefined;
  let late = false;
  const kill = () => {
    late = true;
    running?.kill(SIGKILL).catch(() => {}); // it has ended meanwhile
  };
  const timer = setTimeout(kill, timeoutMs).unref();
  signal.addEventListener('abort', kill, { once: true });
  const command = args.join(' ');
  tell(`exec_create: ${command}`);
  tell(`exec_start: ${command}`);
  try {
    const exit = await new Promise<ContainerExit>((resolve, reject) => {
      execInContainer(parts, record, { args, detach: true }, { early: [output], onEnd: resolve }).then((process) => {
        running = process;
        if (late) kill();
      }, reject);
    });
    await output.whole();
    tell('exec_die', { exitCode: String(exit.status) });
    if (!late) return { exitCode: exit.status, output: output.text() };
    const said = output.text();
    return { exitCode: -1, output: `Health check exceeded timeout (${goDuration(timeoutMs)})${said === '' ? '' : `: ${said}`}` };
  } catch (error) {
    return { exitCode: -1, output: (error as Error).message };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', kill);
    output.destroy();
  }
}

/** What the program writes to both its outputs, as far as it is kept. */
export class ProbeOutput extends EarlyStream {
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #cut = false;

  constructor() {
    super({ stdin: false, stdout: true, stderr: true });
    const frames = new FrameReader((_, payload) => this.#keep(payload));
    this.on('data', (chunk: Buffer) => frames.push(chunk));
  }

  override connectTo(socket: Socket): void {
    socket.unref();
    super.connectTo(socket);
  }

  whole(): Promise<void> {
    return new Promise((resolve) => {
      if (this.readableEnded || this.destroyed) return resolve();
      const timer = setTimeout(resolve, OUTPUT_MS).unref();
      this.once('end', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString() + (this.#cut ? '...' : '');
  }

  #keep(payload: Buffer): void {
    const room = MAX_OUTPUT - this.#length;
    if (payload.length > room) this.#cut = true;
    if (room === 0) return;
    this.#chunks.push(Buffer.from(payload.subarray(0, room)));
    this.#length += Math.min(room, payload.length);
  }
}

/** As Go writes a duration: `1m30s`, `1.5s`, `20ms`. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1000];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
