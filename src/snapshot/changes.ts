/** What a writable layer changes, told as `docker diff` tells it (moby: pkg/archive, changes of two mounted trees). */
import type { Change } from './contract.ts';
import type { LayerTree, MergedTree, TreeNode } from './layer-tree.ts';

/** In the order of paths; a folder comes before what is in it, and is there because of it. */
export function changesOf(upper: LayerTree, lower: MergedTree): Change[] {
  const out: Change[] = [];
  const record = (kind: Change['kind'], path: string) => out.push({ kind, path: Buffer.from(`/${path}`, 'latin1') });

  const compare = (folder: string, below: boolean, opaque: boolean): void => {
    const names = new Set(upper.names(folder));
    // what an opaque folder hides is gone
    const hidden = below && opaque ? lower.names(folder) : [];
    for (const name of new Set([...names, ...hidden].toSorted())) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const now = names.has(name) ? upper.node(path) : undefined;
      const before = below ? lower.node(path) : undefined;
      if (now === undefined || now.type === 'whiteout') {
        if (before !== undefined) record('deleted', path);
        continue;
      }
      if (before === undefined) {
        record('added', path);
        if (now.type === 'dir') compare(path, false, false);
        continue;
      }
      const at = out.length;
      if (now.type === 'dir') compare(path, before.type === 'dir', now.opaque || opaque);
      if (out.length > at || differ(before, now)) out.splice(at, 0, { kind: 'modified', path: Buffer.from(`/${path}`, 'latin1') });
    }
  };

  const root = upper.node('');
  if (root !== undefined) compare('', true, root.opaque);
  return out;
}

/** Of folders the time does not count, for everything in them changes it. */
function differ(before: TreeNode, now: TreeNode): boolean {
  if (before.type !== now.type || before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid) return true;
  if (before.devMajor !== now.devMajor || before.devMinor !== now.devMinor) return true;
  if (now.type !== 'dir' && (before.size !== now.size || !sameTime(before.mtime, now.mtime))) return true;
  return !(before.capability ?? NONE).equals(now.capability ?? NONE);
}

const NONE = Buffer.alloc(0);

/** A time without a fraction may have lost it on its way through an archive. */
function sameTime(a: bigint, b: bigint): boolean {
  const second = 1_000_000_000n;
  return a === b || (a / second === b / second && (a % second === 0n || b % second === 0n));
}
