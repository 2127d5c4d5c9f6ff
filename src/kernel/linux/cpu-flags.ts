/** What this machine's processor can do, as /proc/cpuinfo names it. */
import { readFileSync } from 'node:fs';

/** The flags of the first processor (`Features` on ARM); empty where the kernel does not tell. */
export function cpuFlags(file = '/proc/cpuinfo'): ReadonlySet<string> {
  let text = '';
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    // no /proc here
  }
  return new Set((/^(?:flags|Features)\s*:\s*(.*)$/m.exec(text)?.[1] ?? '').split(/\s+/).filter((flag) => flag !== ''));
}
