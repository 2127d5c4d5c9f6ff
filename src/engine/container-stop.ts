/** Use cases: kill, stop, pause and unpause. */
import { EngineError } from '../base/errors.ts';
import { SIGKILL, signalNumber, SIGTERM } from '../base/signals.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import { emitContainer } from './container-events.ts';
import type { ContainerRecord } from './container-record.ts';
import { waitExit } from './container-wait.ts';
import type { StopOptions } from './containers-contract.ts';
import { currentInfo } from './lost.ts';
import type { EngineParts } from './parts.ts';

const STOP_SECONDS = 10;
/** The longest that a timer takes: with more it would be over at once. In seconds, 24 days. */
const LONGEST_SECONDS = (2 ** 31 - 1) / 1000;

/** Also settles one whose monitor was killed. */
export function isRunning(parts: EngineParts, record: ContainerRecord): boolean {
  const now = parts.store.load(record.id);
  return now !== undefined && currentInfo(parts, now).state === 'running';
}

export function stopSignal({ config }: Pick<ContainerRecord, 'config'>): number {
  return config.StopSignal ? signalNumber(config.StopSignal) : SIGTERM;
}

/** What is frozen takes no SIGKILL before it is thawed. False: it had gone. */
export async function signalContainer(parts: EngineParts, { id }: Pick<ContainerRecord, 'id'>, signal: number): Promise<boolean> {
  const now = parts.store.load(id);
  if (now?.process === undefined) return false;
  const sent = signalProcess(now.process.pid, now.process.start, signal);
  if (now.paused && (signal === SIGKILL || signal === stopSignal(now))) await thaw(parts, now);
  return sent;
}

/** Throws Docker's `conflict` when it does not run. */
export async function killContainer(parts: EngineParts, record: ContainerRecord, text: string | undefined): Promise<void> {
  const signal = text === undefined || text === '' ? SIGKILL : signalNumber(text);
  if (!isRunning(parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
  if (signal === SIGKILL || signal === stopSignal(record)) {
    parts.live.cancelRestart(record.id);
    parts.store.note(record.id, { stopped: true });
  }
  if (!(await signalContainer(parts, record, signal))) {
    throw new EngineError('conflict', `container ${record.id} is not running`);
  }
  emitContainer(parts, record, 'kill', { signal: String(signal) });
}

/** False: it did not run. */
export async function stopContainer(parts: EngineParts, record: ContainerRecord, { signal, timeout }: StopOptions): Promise<boolean> {
  const restarting = parts.live.cancelRestart(record.id);
  if (restarting) parts.store.note(record.id, { restarting: undefined, stopped: true });
  if (!isRunning(parts, record)) return restarting;
  const number = signal === undefined || signal === '' ? stopSignal(record) : signalNumber(signal);
  parts.store.note(record.id, { stopped: true });
  emitContainer(parts, record, 'kill', { signal: String(number) });
  const kill = () => {
    emitContainer(parts, record, 'kill', { signal: String(SIGKILL) });
    signalContainer(parts, record, SIGKILL).catch(() => {}); // it has ended meanwhile
  };
  const seconds = timeout ?? record.config.StopTimeout ?? STOP_SECONDS;
  const ended = waitExit(parts, record);
  await signalContainer(parts, record, number);
  const now = parts.store.load(record.id);
  if (now?.paused) await thaw(parts, now);
  const late = seconds < 0 ? undefined : setTimeout(kill, Math.min(seconds, LONGEST_SECONDS) * 1000);
  await ended.finally(() => clearTimeout(late));
  emitContainer(parts, record, 'stop');
  return true;
}

export async function pauseContainer(parts: EngineParts, record: ContainerRecord): Promise<void> {
  if (!isRunning(parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
  if (parts.store.load(record.id)?.paused) throw new EngineError('conflict', `container ${record.id} is already paused`);
  const { driver, files } = controlGroups(parts);
  try {
    await driver.freeze(files, record.cgroupsPath, true);
  } catch (error) {
    // it has ended just now
    if (isNotFound(error)) throw new EngineError('conflict', `container ${record.id} is not running`, { cause: error });
    throw error;
  }
  if (!isRunning(parts, record)) throw new EngineError('conflict', `container ${record.id} is not running`);
  parts.store.note(record.id, { paused: true });
  emitContainer(parts, record, 'pause');
}

export async function unpauseContainer(parts: EngineParts, record: ContainerRecord): Promise<void> {
  const now = parts.store.load(record.id);
  if (now === undefined || !now.paused || !isRunning(parts, record)) throw new EngineError('conflict', `Container ${record.id} is not paused`);
  await thaw(parts, now);
  emitContainer(parts, record, 'unpause');
}

async function thaw(parts: EngineParts, record: ContainerRecord): Promise<void> {
  const { driver, files } = controlGroups(parts);
  await driver.freeze(files, record.cgroupsPath, false).catch((error: unknown) => {
    if (!isNotFound(error)) throw error; // what has ended is not frozen
  });
  parts.store.note(record.id, { paused: undefined });
}

function isNotFound(error: unknown): boolean {
  return error instanceof EngineError && error.kind === 'not-found';
}

export function controlGroups({ cgroups }: EngineParts): NonNullable<EngineParts['cgroups']> {
  if (cgroups === undefined) throw new EngineError('unavailable', 'this machine has no control groups');
  return cgroups;
}
