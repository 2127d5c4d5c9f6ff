/** Processes that may outlive whoever wrote them down, told from later ones that got their numbers. */
import { bootId, processStart } from '../kernel/linux/process.ts';

/** The start time tells the process from a later one with the same pid, the boot from one before. */
export interface ProcessId {
  readonly pid: number;
  readonly start: string;
  readonly boot?: string | undefined;
}

/** The process that has this pid now; one that has ended already is like none. */
export function processId(pid: number): ProcessId {
  if (pid !== process.pid) return { pid, start: processStart(pid) ?? '', boot: bootId() };
  return (self ??= { pid, start: processStart(pid) ?? '', boot: bootId() });
}

let self: ProcessId | undefined;

export function lives(id: ProcessId | undefined): boolean {
  if (id === undefined || id.start === '' || (id.boot !== undefined && id.boot !== bootId())) return false;
  return processStart(id.pid) === id.start;
}

/** Names what this process alone works at, so that others can tell what a killed one left. */
let own: string | undefined;

export function owner(): string {
  return (own ??= `${process.pid}.${processStart(process.pid)}`);
}

export function ownerLives(text: string): boolean {
  const [pid, start] = text.split('.');
  return lives({ pid: Number(pid), start: start ?? '' });
}
