/** What /proc tells about one process (proc_pid_stat(5), proc_pid_status(5)). */
import { readFileSync } from 'node:fs';

/** Clock ticks per second, on every architecture that kobako runs on. */
export const TICKS_PER_SECOND = 100;

/** Times are clock ticks, memory is KiB. Ids are those of this process's namespaces. */
export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  /** One letter. */
  readonly state: string;
  /** The device number of its terminal; 0: none. */
  readonly tty: number;
  /** The process group in the foreground of its terminal. */
  readonly tpgid: number;
  readonly flags: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  /** Of itself, user and system together. */
  readonly cpuTime: number;
  readonly priority: number;
  readonly nice: number;
  readonly threads: number;
  /** Since the machine's start. */
  readonly startTime: number;
  readonly processor: number;
  readonly virtual: number;
  readonly resident: number;
  /** Some of its memory may not be swapped out. */
  readonly locked: boolean;
  /** Real, effective, saved, of the file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly name: string;
  /** Empty for one that has none: a thread of the kernel, or one that has ended. */
  readonly args: readonly string[];
}

/** Undefined when there is no such process. */
export function processFacts(pid: number): ProcessFacts | undefined {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    return parseFacts(read('stat'), read('status'), read('cmdline'));
  } catch {
    return undefined;
  }
}

/** The texts of /proc/PID/stat, status and cmdline. */
export function parseFacts(stat: string, status: string, cmdline: string): ProcessFacts {
  // the name may contain spaces and parentheses: count from the last one
  const [open, close] = [stat.indexOf('('), stat.lastIndexOf(')')];
  const fields = stat.slice(close + 2).split(' ');
  // as the manual numbers them, from 1
  const field = (number: number) => Number(fields[number - 3]);
  const line = (key: string) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
  const ids = (key: string) => line(key).split('\t').map(Number);
  const kib = (key: string) => Number.parseInt(line(key), 10) || 0;
  return {
    pid: Number(stat.slice(0, open)),
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    state: fields[0]!,
    tty: field(7),
    tpgid: field(8),
    flags: field(9),
    minorFaults: field(10),
    majorFaults: field(12),
    cpuTime: field(14) + field(15),
    priority: field(18),
    nice: field(19),
    threads: field(20),
    startTime: field(22),
    processor: field(39),
    virtual: kib('VmSize'),
    resident: kib('VmRSS'),
    locked: kib('VmLck') > 0,
    uids: ids('Uid'),
    gids: ids('Gid'),
    name: stat.slice(open + 1, close),
    args: cmdline
      .replace(/\0+$/, '')
      .split('\0')
      .filter((arg, at) => at > 0 || arg !== ''),
  };
}

/** Seconds since the machine's start. */
export function uptime(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
}
