import type { Platform } from '../image/contract.ts';
import { hostPlatform } from '../image/platform.ts';
import { cpuFlags } from '../kernel/linux/cpu-flags.ts';

let known: Platform | undefined;

/** What this machine runs best: of amd64 the highest variant that its processor can do, as dockerd chooses in an index. */
export function machinePlatform(): Platform {
  return (known ??= hostPlatform(cpuFlags()));
}
