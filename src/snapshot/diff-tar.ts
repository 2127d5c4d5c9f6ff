/**
 * A writable layer as the tar that Docker makes of it (moby: pkg/archive, TarWithOptions with OverlayWhiteoutFormat):
 * names in the order of their bytes, whole seconds, no names of users, whiteouts as `.wh.` files. One thing is more:
 * attributes of users (`user.`) are kept, which Docker loses.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import type { RawFiles } from '../kernel/files-contract.ts';
import { TarWriter } from '../tar/writer.ts';
import { pathBytes, type FolderTree, type TreeNode } from './layer-tree.ts';

const PIECE = 256 << 10;
const SECOND = 1_000_000_000n;

/** The archive piece by piece, without some absolute paths (`DiffOptions`). Each step is synchronous and short. */
export function* diffTar(upper: FolderTree, files: RawFiles, without: ReadonlySet<string>): Generator<Buffer> {
  const out: Buffer[] = [];
  const tar = new TarWriter((chunk) => void out.push(chunk));
  const seen = new Map<bigint, Buffer>();

  function* folder(path: string): Generator<Buffer> {
    for (const name of upper.names(path).toSorted()) {
      const inside = path === '' ? name : `${path}/${name}`;
      if (without.has(`/${inside}`)) continue;
      const node = upper.node(inside);
      if (node === undefined || node.type === 'socket' || (node.type === 'dir' && !node.opaque && isIdle(inside))) continue;
      yield* entry(inside, name, node);
      if (node.type === 'dir') yield* folder(inside);
    }
  }

  function isIdle(path: string): boolean {
    return without.has(`/${path}/`) && upper.names(path).every((name) => without.has(`/${path}/${name}`));
  }

  function* entry(path: string, base: string, node: TreeNode): Generator<Buffer> {
    const { mode, uid, gid, devMajor, devMinor } = node;
    const name = Buffer.from(node.type === 'dir' ? `${path}/` : path, 'latin1');
    const common = { mode, uid, gid, mtime: node.mtime - (((node.mtime % SECOND) + SECOND) % SECOND) };
    if (node.type === 'whiteout') {
      const hidden = Buffer.from(`${path.slice(0, path.length - base.length)}.wh.${base}`, 'latin1');
      tar.entry({ ...common, type: 'file', name: hidden, mode: 0o600 });
    } else if (node.type === 'file') {
      const first = node.links > 1 ? seen.get(node.inode) : undefined;
      if (first !== undefined) {
        tar.entry({ ...common, type: 'link', name, linkName: first, xattrs: xattrs(path) });
      } else {
        if (node.links > 1) seen.set(node.inode, name);
        yield* file(path, node, { ...common, type: 'file', name, size: node.size, xattrs: xattrs(path) });
      }
    } else {
      const linkName = node.type === 'symlink' ? upper.inside(() => readlinkSync(pathBytes(path), 'buffer')) : undefined;
      tar.entry({ ...common, type: node.type as 'dir', name, devMajor, devMinor, xattrs: xattrs(path), ...(linkName !== undefined && { linkName }) });
      // Docker gives this one no time
      if (node.opaque) tar.entry({ type: 'file', name: Buffer.concat([name, OPAQUE]), mode: mode & 0o777, uid, gid });
    }
    yield* flush();
  }

  function* file(path: string, node: TreeNode, fields: Parameters<TarWriter['entry']>[0]): Generator<Buffer> {
    const fd = upper.inside(() => openSync(pathBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    try {
      if (!fstatSync(fd).isFile()) return; // it has been replaced just now
      tar.entry(fields);
      for (let at = 0; at < node.size;) {
        const chunk = Buffer.allocUnsafe(Math.min(PIECE, node.size - at));
        const count = readSync(fd, chunk, 0, chunk.length, at);
        if (count === 0) chunk.fill(0); // it has been cut just now; the header has promised more
        const piece = count === 0 ? chunk : chunk.subarray(0, count);
        tar.data(piece);
        at += piece.length;
        yield* flush();
      }
    } finally {
      closeSync(fd);
    }
  }

  function xattrs(path: string): Map<string, Buffer> {
    return upper.inside(() => tarXattrs(files, pathBytes(path)));
  }

  function* flush(): Generator<Buffer> {
    yield* out.splice(0);
  }

  yield* folder('');
  tar.end();
  yield* flush();
}

const OPAQUE = Buffer.from('.wh..wh..opq');

/** The attributes that an archive has of a file. */
export function tarXattrs(files: RawFiles, where: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (const name of files.listXattrs(where)) {
    if (name !== 'security.capability' && !(name.startsWith('user.') && !name.startsWith('user.overlay.'))) continue;
    const value = files.getXattr(where, name);
    if (value !== undefined) found.set(name, name === 'security.capability' ? withoutRootId(value) : value);
  }
  return found;
}

/** Capabilities of revision 3 name the root of a user namespace, which means nothing elsewhere: revision 2 has no such. */
function withoutRootId(value: Buffer): Buffer {
  if (value[3] !== 3 || value.length < 20) return value;
  const out = Buffer.from(value.subarray(0, 20));
  out[3] = 2;
  return out;
}
