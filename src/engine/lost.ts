/** What killed processes left: containers without their monitor, and what nobody owns. */
import { setTimeout } from 'node:timers/promises';
import { nanoOf } from '../base/time.ts';
import { SIGKILL } from '../base/signals.ts';
import { signalProcess } from '../kernel/linux/process.ts';
import type { ContainerRecord } from './container-record.ts';
import type { ContainerExit, ContainerInfo } from './contract.ts';
import { lives, type ProcessId } from './process-id.ts';
import type { Cgroups, EngineParts } from './parts.ts';
import { sweepStartLocks } from './start-turn.ts';
import { removeAnonymous } from './volume-remove.ts';

const END_MS = 5000;
const POLL_MS = 2;
/** So long everybody waits for the end of a group. */
const BRIEF_MS = 20;
const LATER_MS = 20;
/** For what a monitor does after it has told of the end. */
const MONITOR_MS = 100;

/** How a process has ended whose monitor was killed: it was killed too. containerd says the same after a killed shim. */
export function lostExit(): ContainerExit {
  const exitedAt = String(nanoOf(Date.now()));
  return { pid: 0, status: 128 + SIGKILL, signal: SIGKILL, startedAt: '0', exitedAt, reports: {}, oomKilled: false, error: 'its monitor was killed' };
}

/**
 * Ends a container whose monitor was killed, and keeps a record of it. Its first process got a SIGKILL from the kernel
 * as its parent died, if it has not changed users since; those that share a pid namespace with others got none.
 */
export function settleLost(parts: EngineParts, record: ContainerRecord): ContainerExit {
  const { store } = parts;
  if (record.process !== undefined) signalProcess(record.process.pid, record.process.start, SIGKILL);
  endGroupBeside(parts, record.cgroupsPath);
  store.removeSockets(record.id);
  return store.saveExit(record.id, { ...lostExit(), pid: record.process?.pid ?? 0, startedAt: String(nanoOf(record.createdAt)) });
}

/** How a container is now; one whose monitor was killed is settled first. */
export function currentInfo(parts: EngineParts, record: ContainerRecord): ContainerInfo {
  if (parts.store.lost(record)) settleLost(parts, record);
  return parts.store.info(record);
}

/**
 * Until the monitor of a container that has ended has gone, which gives back cgroups and mounts after it has told of the end.
 * Not for long: it stays with clients that read slowly.
 */
export async function monitorGone(monitor: ProcessId | undefined): Promise<void> {
  for (const end = Date.now() + MONITOR_MS; lives(monitor) && Date.now() < end;) await setTimeout(POLL_MS);
}

/** Until the cgroups of a container that has ended are gone, or it is known that nobody removes them. */
export async function givenBack(parts: EngineParts, id: string): Promise<void> {
  const leaving = parts.live.leaving(id);
  if (leaving !== undefined) await leaving;
  else if (!isClean(parts, id)) await monitorGone(parts.store.load(id)?.monitor);
}

/** Nothing is left of its last run; false where another process may have started it since. */
export function isClean({ live, owned }: EngineParts, id: string): boolean {
  return owned && live.isClean(id);
}

/** Whether a monitor was killed after it had told of the end: the last that it removes is still there. */
export function groupIsLeft({ cgroups }: EngineParts, path: string): boolean {
  const last = cgroups?.driver.hierarchies.at(-1);
  return last !== undefined && cgroups!.files.exists(cgroups!.driver.folder(last, path));
}

/**
 * Kills what is in a container's cgroup and removes it: nearly always at once, before this returns. What does not die then,
 * as in a system call that hangs, is waited for a few seconds, and nobody else waits meanwhile.
 */
export async function endGroup({ cgroups }: Pick<EngineParts, 'cgroups'>, path: string): Promise<void> {
  if (cgroups === undefined) return;
  // one that went on alone would take the next group of that name for the old one
  const all = ending.get(cgroups) ?? new Map<string, Promise<void>>();
  ending.set(cgroups, all);
  const known = all.get(path);
  if (known !== undefined) return known;
  const mine = untilGone(cgroups, path).finally(() => all.delete(path));
  all.set(path, mine);
  await mine;
}

/** By their paths, what is at work. */
const ending = new WeakMap<Cgroups, Map<string, Promise<void>>>();

async function untilGone({ driver, files }: Cgroups, path: string): Promise<void> {
  const left = () => driver.hierarchies.some((hierarchy) => files.exists(driver.folder(hierarchy, path)));
  const begin = performance.now();
  while (left()) {
    // what is frozen does not die
    driver.freeze(files, path, false).catch(() => {});
    driver.kill(files, path);
    driver.remove(files, path);
    const passed = performance.now() - begin;
    if (!left() || passed > END_MS) return;
    if (passed < BRIEF_MS) sleep(POLL_MS);
    else await setTimeout(LATER_MS);
  }
}

/** As `endGroup`, where nobody waits: what of it cannot be ended is so at the container's next start, or its removal. */
export function endGroupBeside(parts: EngineParts, path: string): void {
  endGroup(parts, path).catch(() => {});
}

/** Everything of a container goes: its processes, its name, its layer for writes; its files are gone when it resolves. */
export async function removeContainer(parts: EngineParts, record: Pick<ContainerRecord, 'id' | 'name' | 'cgroupsPath' | 'image'>): Promise<void> {
  // the monitor does this; here it is for one that was killed
  const ended = isClean(parts, record.id) ? undefined : endGroup(parts, record.cgroupsPath);
  ended?.catch(() => {});
  // before its record is gone, which says what it has
  parts.sandboxes.ended(record.id);
  const removed = parts.store.remove(record);
  if (record.image !== undefined) {
    const { driver, store } = parts.images();
    driver.removeWritable(record.id);
    // it was the last to need the layers of an image that is no more
    if (store.entriesOf(record.image.id).length === 0) store.wantCollect();
  }
  await removed;
  await ended;
}

/** Removes what nobody owns any more, and settles what nobody else will. */
export function sweep(parts: EngineParts): void {
  const { store } = parts;
  store.tidy();
  sweepStartLocks(parts);
  for (const record of store.all()) {
    if (store.lost(record)) settleLost(parts, record);
    if (record.attached !== undefined && (record.process === undefined ? !lives(record.maker) : store.ended(record))) parts.sandboxes.ended(record.id);
    if (!store.abandoned(record)) continue;
    removeAnonymous(parts, record);
    removeContainer(parts, record).catch(() => {}); // the next sweep tries again
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
