/** The driver that unpacks: a layer is a folder as overlayfs reads it. It works on every file system with xattrs. */
import { existsSync } from 'node:fs';
import type { SnapshotDriver } from './contract.ts';
import { driverOf, type DriverOptions, type LayerPlace } from './driver.ts';
import { USER_MARKS } from './user-marks.ts';

export function overlayDriver(options: DriverOptions): SnapshotDriver {
  return driverOf('overlay', options, unpackedLayer);
}

export function unpackedLayer(folder: string): LayerPlace {
  const path = `${folder}/fs`;
  const marks = `${folder}/${USER_MARKS}`;
  return { lower: path, ...(existsSync(marks) && { userLower: [path, marks] }), tree: { kind: 'dir', path }, counted: path };
}
