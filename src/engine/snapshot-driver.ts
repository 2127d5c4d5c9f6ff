/** Which way layers are kept on this machine. */
import { mkdirSync } from 'node:fs';
import type { DetachedMounts } from '../kernel/mount-contract.ts';
import type { SnapshotDriver } from '../snapshot/contract.ts';
import type { DriverOptions } from '../snapshot/driver.ts';
import { erofsDriver } from '../snapshot/erofs/driver.ts';
import { probeErofs } from '../snapshot/erofs/probe.ts';
import { overlayDriver } from '../snapshot/overlay.ts';

export interface DriverChoice {
  /** Each driver has a folder of its name in here. */
  readonly dir: string;
  /** Asked for by name; else the probe decides. */
  readonly name?: SnapshotDriver['name'] | undefined;
  readonly mounts: DetachedMounts;
}

export interface ChosenDriver {
  readonly driver: SnapshotDriver;
  /** Why it is not EROFS, for a log. */
  readonly reason: string | undefined;
}

/** EROFS where this kernel mounts a layer of it, and the overlay driver elsewhere. */
export function chooseDriver(choice: DriverChoice, options: Omit<DriverOptions, 'dir'>): ChosenDriver {
  mkdirSync(choice.dir, { recursive: true, mode: 0o700 });
  let { name } = choice;
  let reason: string | undefined;
  if (name === undefined) {
    const probe = probeErofs(choice.dir, choice.mounts);
    name = probe.works ? 'erofs' : 'overlay';
    if (!probe.works) reason = probe.reason;
  }
  const own = { ...options, dir: `${choice.dir}/${name}` };
  return { driver: name === 'erofs' ? erofsDriver(own) : overlayDriver(own), reason };
}
