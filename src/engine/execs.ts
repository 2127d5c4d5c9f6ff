/** Use cases: further processes in a running container, asked for first and started then, as Docker's API has them. */
import { randomHex } from '../base/random-hex.ts';
import { checkDetachKeys, DETACH_KEYS, parseDetachKeys } from '../base/detach-keys.ts';
import { EngineError, invalid } from '../base/errors.ts';
import { execInContainer, execUser } from './container-exec.ts';
import { emitContainer } from './container-events.ts';
import { isRunning } from './container-stop.ts';
import type { ContainerRecord } from './container-record.ts';
import type { Attached, ExecCreate, Execs, ExecStart } from './containers-contract.ts';
import type { RunningProcess } from './contract.ts';
import { EarlyStream } from './early-stream.ts';
import type { EngineParts } from './parts.ts';
import type { ExecInspect } from './types/container-answers.ts';

/** An exec that has ended can be asked about for so long, as in Docker. */
const KEPT_MS = 5 * 60_000;
/** Of those that nobody has started the oldest is forgotten when there are more; else they are there as long as their containers. */
const MOST_WAITING = 1000;

interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly body: ExecCreate;
  started: boolean;
  process?: RunningProcess;
  /** Settles once it is known whether its program runs. */
  begun?: Promise<void>;
  exitCode: number | null;
}

export class ExecTable implements Execs {
  readonly #parts: EngineParts;
  readonly #all = new Map<string, Exec>();
  /** Not started yet, the oldest first. */
  readonly #waiting = new Set<string>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    parts.events.on(({ Type, Action, Actor }) => {
      if (Type === 'container' && Action === 'destroy') for (const exec of this.#all.values()) if (exec.containerId === Actor.ID) this.#forget(exec.id);
    });
  }

  async create(container: string, body: ExecCreate): Promise<{ Id: string }> {
    const record = this.#parts.store.find(container);
    if (!body.Cmd?.length) throw invalid('No exec command specified');
    this.#check(record, container);
    checkDetachKeys('escape', body.DetachKeys);
    if (body.User) execUser(this.#parts, record, body.User);
    const id = randomHex(32);
    this.#all.set(id, { id, containerId: record.id, body, started: false, exitCode: null });
    this.#waiting.add(id);
    if (this.#waiting.size > MOST_WAITING) this.#forget(this.#waiting.values().next().value!);
    emitContainer(this.#parts, record, `exec_create: ${body.Cmd.join(' ')}`, { execID: id });
    return { Id: id };
  }

  /** Ids of the container's execs that have not ended. */
  of(container: string): readonly string[] {
    return [...this.#all.values()].filter((exec) => exec.containerId === container && exec.exitCode === null).map(({ id }) => id);
  }

  async start(id: string, { detach = false, consoleSize, opened }: ExecStart = {}): Promise<Attached | undefined> {
    const exec = this.#find(id);
    const record = this.#parts.store.find(exec.containerId);
    if (exec.exitCode !== null) throw new EngineError('conflict', `exec command ${id} has already run`);
    if (exec.started) throw new EngineError('conflict', `exec command ${id} is already running`);
    this.#check(record, record.id);
    exec.started = true;
    this.#waiting.delete(id);
    const { body } = exec;
    const tty = body.Tty ?? false;
    const [rows, cols] = consoleSize ?? body.ConsoleSize ?? [0, 0];
    const stream = detach
      ? undefined
      : new EarlyStream({
          stdin: body.AttachStdin ?? false,
          stdout: body.AttachStdout ?? false,
          stderr: (body.AttachStderr ?? false) && !tty,
          ...(tty ? { detachKeys: body.DetachKeys || DETACH_KEYS } : {}),
        });
    emitContainer(this.#parts, record, `exec_start: ${body.Cmd!.join(' ')}`, { execID: id });
    const begun = Promise.withResolvers<void>();
    exec.begun = begun.promise;
    try {
      if (stream !== undefined) opened?.({ tty, stream });
      if (body.WorkingDir && !body.WorkingDir.startsWith('/')) throw new EngineError('invalid', 'Cwd must be an absolute path', { detail: { exitCode: 128 } });
      exec.process = await execInContainer(
        this.#parts,
        record,
        {
          args: body.Cmd!,
          env: body.Env ?? [],
          ...(body.WorkingDir ? { cwd: body.WorkingDir } : {}),
          ...(body.User ? { user: body.User } : {}),
          tty,
          stdin: body.AttachStdin ?? false,
          privileged: body.Privileged ?? false,
          detach: stream === undefined,
          ...(rows > 0 && cols > 0 ? { size: { rows, cols } } : {}),
        },
        { early: stream === undefined ? [] : [stream], onEnd: (exit) => this.#ended(exec, record, exit.status) },
      );
    } catch (error) {
      stream?.destroy();
      this.#ended(exec, record, ((error as EngineError).detail as { exitCode?: number } | undefined)?.exitCode ?? 126);
      throw error;
    } finally {
      begun.resolve();
    }
    return stream === undefined ? undefined : { tty, stream };
  }

  async resize(id: string, rows: number, cols: number): Promise<void> {
    // a client that has its stream may ask before the program runs
    await this.#find(id).begun;
    const { process, exitCode } = this.#find(id);
    if (process === undefined || exitCode !== null) throw new EngineError('conflict', `exec ${id} is not running`);
    await process.resize({ rows, cols });
  }

  async inspect(id: string): Promise<ExecInspect> {
    const { body, containerId, exitCode, process, started } = this.#find(id);
    return {
      ID: id,
      Running: started && exitCode === null,
      ExitCode: exitCode,
      ProcessConfig: {
        tty: body.Tty ?? false,
        entrypoint: body.Cmd?.[0] ?? '',
        arguments: body.Cmd?.slice(1) ?? [],
        privileged: body.Privileged ?? false,
        ...(body.User ? { user: body.User } : {}),
      },
      OpenStdin: body.AttachStdin ?? false,
      OpenStderr: body.AttachStderr ?? false,
      OpenStdout: body.AttachStdout ?? false,
      CanRemove: exitCode !== null,
      ContainerID: containerId,
      // their bytes, as Go writes bytes
      DetachKeys: parseDetachKeys(body.DetachKeys ?? '').toString('base64'),
      Pid: process?.pid ?? 0,
    };
  }

  #find(id: string): Exec {
    const exec = this.#all.get(id);
    // another process may have removed its container
    if (exec === undefined || this.#parts.store.load(exec.containerId) === undefined) throw new EngineError('not-found', `No such exec instance: ${id}`);
    return exec;
  }

  /** With the name that the container was asked for by. */
  #check(record: ContainerRecord, name: string): void {
    if (!isRunning(this.#parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
    if (this.#parts.store.load(record.id)?.paused) throw new EngineError('conflict', `Container ${name} is paused, unpause the container before exec`);
  }

  #ended(exec: Exec, record: ContainerRecord, status: number): void {
    exec.exitCode = status;
    emitContainer(this.#parts, record, 'exec_die', { execID: exec.id, exitCode: String(status) });
    setTimeout(() => this.#forget(exec.id), KEPT_MS).unref();
  }

  #forget(id: string): void {
    this.#all.delete(id);
    this.#waiting.delete(id);
  }
}
