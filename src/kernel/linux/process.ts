/** Processes of this machine, by pid and start time: a pid alone may by now be somebody else's. */
import { readFileSync } from 'node:fs';

/** Field 22 of /proc/PID/stat (proc_pid_stat(5)): clock ticks since boot; undefined for no such process, or a zombie. */
export function processStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // the name may contain spaces and parentheses: count from the last one
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

let boot: string | undefined;

/** Which start of the machine this is (random(4)). */
export function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

/** Sends a signal to the process that has this pid and this start time; false when it has gone. */
export function signalProcess(pid: number, start: string, signal: number): boolean {
  if (processStart(pid) !== start) return false;
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
