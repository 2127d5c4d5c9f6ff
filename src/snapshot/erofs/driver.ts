/**
 * The driver that never unpacks: a layer is its plain tar and an EROFS index of it, which the kernel mounts as one. Where
 * EROFS cannot hold a layer it is unpacked as by the overlay driver; stacks may have both. Needs what `probe.ts` finds out.
 */
import { existsSync } from 'node:fs';
import type { SnapshotDriver } from '../contract.ts';
import { driverOf, type DriverOptions } from '../driver.ts';
import { unpackedLayer } from '../overlay.ts';

export function erofsDriver(options: DriverOptions): SnapshotDriver {
  return driverOf('erofs', options, (folder) => {
    const layer = { kind: 'erofs', index: `${folder}/index`, device: `${folder}/tar` } as const;
    if (!existsSync(layer.index)) return unpackedLayer(folder);
    const userIndex = `${folder}/index-user`;
    return { lower: layer, ...(existsSync(userIndex) && { userLower: [{ ...layer, index: userIndex }] }), tree: layer, counted: folder };
  });
}
