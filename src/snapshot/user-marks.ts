/** Marks of folders that hide what is below them, for overlayfs in a user namespace. */
import { mkdirSync } from 'node:fs';
import type { RawFiles } from '../kernel/files-contract.ts';

/**
 * A folder beside an unpacked layer's `fs`, where some folder of that is opaque: those, with the mark that overlayfs reads in
 * a user namespace. It goes right below `fs`. (With both marks in `fs` the second would be an attribute for all to see and copy.)
 */
export const USER_MARKS = 'user-marks';
const OPAQUE_XATTR = 'user.overlay.opaque';

/** `paths`: real folders below `fs`, none of them its top. */
export function writeUserMarks(files: RawFiles, layer: string, paths: Iterable<Buffer>): void {
  const base = Buffer.from(`${layer}/${USER_MARKS}/`);
  for (const path of paths) {
    const place = Buffer.concat([base, path]);
    mkdirSync(place, { recursive: true, mode: 0o755 });
    try {
      files.setXattr(place, OPAQUE_XATTR, Buffer.from('y'));
    } catch (error) {
      // a tmpfs before Linux 6.6 has none
      if ((error as { code?: string }).code !== 'EOPNOTSUPP') throw error;
    }
  }
}
