/** The driver that unpacks: a layer is a folder as overlayfs reads it. It works on every file system with xattrs. */
import type { SnapshotDriver } from './contract.ts';
import { driverOf, type DriverOptions, type LayerPlace } from './driver.ts';

export function overlayDriver(options: DriverOptions): SnapshotDriver {
  return driverOf('overlay', options, unpackedLayer);
}

export function unpackedLayer(folder: string): LayerPlace {
  const path = `${folder}/fs`;
  return { lower: path, tree: { kind: 'dir', path }, counted: path };
}
