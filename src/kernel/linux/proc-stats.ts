/** Counters of this machine and of a process's network, as /proc has them (proc_stat(5), proc_pid_net(5)). */
import { readFileSync } from 'node:fs';

const NS_PER_TICK = 10_000_000;
/** user, nice, system, idle, iowait, irq, softirq: what Docker adds up. */
const COUNTED = 7;

export interface MachineCpu {
  /** Nanoseconds of all processors together since the machine's start, idle ones too. */
  readonly total: number;
  readonly online: number;
}

export function machineCpu(text = readFileSync('/proc/stat', 'utf8')): MachineCpu {
  const [, ...ticks] = /^cpu .*$/m.exec(text)?.[0].trim().split(/\s+/) ?? [];
  const total = ticks.slice(0, COUNTED).reduce((sum, value) => sum + Number(value), 0) * NS_PER_TICK;
  return { total, online: text.match(/^cpu\d+ /gm)?.length ?? 0 };
}

/** What went over an interface, in bytes and packets. */
export interface InterfaceCounters {
  readonly rx: { readonly bytes: number; readonly packets: number; readonly errors: number; readonly dropped: number };
  readonly tx: { readonly bytes: number; readonly packets: number; readonly errors: number; readonly dropped: number };
}

/** Of the interfaces in a process's network namespace, without the loopback one. Empty when it has gone. */
export function networkCounters(pid: number): ReadonlyMap<string, InterfaceCounters> {
  try {
    return parseNetDev(readFileSync(`/proc/${pid}/net/dev`, 'utf8'));
  } catch {
    return new Map();
  }
}

/** The text of /proc/net/dev. */
export function parseNetDev(text: string): ReadonlyMap<string, InterfaceCounters> {
  const out = new Map<string, InterfaceCounters>();
  for (const line of text.split('\n')) {
    const [, name, rest] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') continue;
    const numbers = rest!.trim().split(/\s+/).map(Number);
    const four = (at: number) => ({ bytes: numbers[at] ?? 0, packets: numbers[at + 1] ?? 0, errors: numbers[at + 2] ?? 0, dropped: numbers[at + 3] ?? 0 });
    out.set(name, { rx: four(0), tx: four(8) });
  }
  return out;
}
