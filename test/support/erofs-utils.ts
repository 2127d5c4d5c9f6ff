/** fsck.erofs and dump.erofs of erofs-utils 1.6 or later, where at hand: Debian 12's 1.5 does not know blocks of 512 bytes. */
import { existsSync } from 'node:fs';
import { run, type RunResult } from './run.ts';

const SID = `${process.env.PEERS ?? '/var/tmp/peers'}/sid`;
const LOADER = { x64: 'lib64/ld-linux-x86-64.so.2', arm64: 'lib/ld-linux-aarch64.so.1' }[process.arch as string];
const TRIPLET = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string];

/** Why there is none; undefined when there is. */
export const noErofsUtils =
  LOADER !== undefined && existsSync(`${SID}/usr/bin/fsck.erofs`) ? undefined : 'no erofs-utils 1.6 or later at hand (../shared/peers install)';

export function erofsUtils(name: string, ...args: string[]): Promise<RunResult> {
  return run(`${SID}/${LOADER}`, ['--library-path', `${SID}/usr/lib/${TRIPLET}`, `${SID}/usr/bin/${name}`, ...args]);
}
