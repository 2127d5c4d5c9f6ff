/** Layers to test snapshot drivers with. */
import { dir, expectedTree, file, layerTar, link, node, opaque, symlink, whiteout, type LayerEntry } from '../../test/support/layers.ts';

/** Layers of a few names again and again: replaced, hidden, linked, made again. Links are never used as folders. */
export function randomLayers(seed: number): LayerEntry[][] {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  const path = () => Array.from({ length: 1 + below(3) }, () => 'abc'[below(3)]!).join('/');
  const layers: LayerEntry[][] = [];
  for (let count = 1 + below(4); count > 0; count--) {
    const layer: LayerEntry[] = [];
    const visible = Object.keys(expectedTree(layers));
    for (let entries = 1 + below(25); entries > 0; entries--) {
      const more = { uid: below(3), mtime: BigInt(below(1000)) * 1_000_000_007n };
      const name = path();
      switch (below(9)) {
        case 0:
        case 1:
        case 2:
          layer.push(file(name, name.repeat(below(50)), { ...more, mode: 0o4000 + below(512) }));
          break;
        case 3:
        case 4:
          layer.push(dir(`${name}/`, { ...more, mode: below(0o2000) }));
          break;
        case 5:
          layer.push(symlink(`${name}-link`, path(), more), node('fifo', `${name}-fifo`, more));
          break;
        case 6: {
          const target = Object.entries(expectedTree([layer])).filter(([, { type }]) => type === 'file')[0]?.[0];
          if (target !== undefined && !name.startsWith(`${target}/`)) layer.push(link(`${name}-hard`, target, more));
          break;
        }
        case 7:
          if (visible.length > 0) layer.push(whiteout(visible[below(visible.length)]!));
          break;
        case 8: {
          const folders = Object.entries(expectedTree(layers)).filter(([, { type }]) => type === 'dir');
          if (folders.length > 0) layer.push(opaque(folders[below(folders.length)]![0]));
        }
      }
    }
    layers.push(layer);
  }
  return layers;
}

const LONG = 'l'.repeat(250);
const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

export const CORPUS: Readonly<Record<string, readonly (readonly LayerEntry[])[]>> = {
  'an empty layer': [[]],
  'a layer with only a root': [[dir('./', { mode: 0o755 })]],
  'types, owners, modes and times': [
    [
      dir('d/', { mode: 0o1777, uid: 1, gid: 2 }),
      file('d/f', 'content', { mode: 0o4755, uid: 1000, gid: 1001 }),
      file('d/g', 'x'.repeat(100_000), { mode: 0o2711, mtime: 5n }),
      file('old', '', { mtime: -1_500_000_001n }),
      file('big ids', '', { uid: 4_000_000_000, gid: 3_000_000 }),
      symlink('s', '/etc/passwd', { uid: 7, mtime: 1_000_000_001n }),
      symlink('dangling', '../../../../nowhere'),
      node('char', 'null', { mode: 0o666, devMajor: 1, devMinor: 3 }),
      node('block', 'sda', { mode: 0o660, gid: 6, devMajor: 8, devMinor: 1000 }),
      node('fifo', 'p', { mode: 0o600, uid: 5 }),
      dir('locked/', { mode: 0 }),
      file('locked/in', 'in', { mode: 0 }),
    ],
  ],
  'set-gid folders do not give their group away': [
    [dir('g/', { mode: 0o2775, gid: 50 }), file('g/f', 'x', { gid: 0 }), dir('g/d/', { mode: 0o755 }), file('g/implied/x', ''), symlink('g/s', 'f')],
  ],
  'names that are not UTF-8, long, odd': [
    [
      dir(Buffer.from([0xff, 0xfe, 0x2f])),
      file(Buffer.from([0xff, 0xfe, 0x2f, 0xe9]), 'latin'),
      file('ünïcödé', 'utf8'),
      file('new\nline and "quotes" \\ back', ''),
      file(`${LONG}/${LONG}/${LONG}/${LONG}`, 'deep'),
      symlink('long link', `${LONG}/`.repeat(8)),
      symlink('odd link', Buffer.from([0xe9, 0x0a])),
      file('.hidden', ''),
      file('...', ''),
    ],
  ],
  'absolute names, dots, missing folders': [[file('/etc/passwd', 'root'), file('./a/./b//c', 'c')]],
  'hard links': [
    [
      file('a', 'shared', { mode: 0o4755 }),
      link('b', 'a'),
      dir('d/'),
      link('d/c', './b'),
      symlink('s', 'nowhere'),
      link('s2', 's'),
      node('fifo', 'p'),
      link('p2', '/p'),
      link('a', 'a'),
      file('e', 'replaced'),
      link('e', 'a', { mode: 0o2755, uid: 5, mtime: 7n }),
      file('cap', '', { xattrs: { 'security.capability': CAPABILITY, 'user.a': 'b' } }),
      link('cap1', 'cap', { xattrs: { 'user.c': 'd' } }),
      file('cap2', '', { xattrs: { 'security.capability': CAPABILITY } }),
      link('cap3', 'cap2', { xattrs: { 'security.capability': CAPABILITY } }),
    ],
  ],
  'attributes and capabilities': [
    [
      file('ping', 'ping', { mode: 0o755, uid: 1, xattrs: { 'security.capability': CAPABILITY } }),
      file('user', '', { xattrs: { 'user.name': 'value', 'user.empty': '', 'user.binary': Buffer.from([0, 255, 10]) } }),
      dir('d/', { xattrs: { 'user.on.folder': 'x' } }),
      file('marks', '', { xattrs: { 'user.big': 'v'.repeat(3000) } }),
      dir('trusted/', { xattrs: { 'trusted.overlay.opaque': 'y', 'trusted.overlay.redirect': '/etc', 'trusted.mine': 'kept' } }),
    ],
  ],
  'the same name again: the last one counts': [
    [
      file('f', 'first', { mode: 0o600 }),
      file('f', 'second, longer'),
      dir('d/', { mode: 0o700 }),
      file('d/keep', 'kept'),
      dir('d/', { mode: 0o711, uid: 3 }),
      file('x', 'file'),
      dir('x/'),
      file('x/inside', ''),
      dir('y/'),
      file('y/gone', ''),
      file('y', 'now a file'),
      dir('z/'),
      file('z/gone', ''),
      symlink('z', 'f'),
      dir('z/'),
      symlink('l', 'f'),
      file('l', 'no longer a link'),
      node('fifo', 'n'),
      file('n', 'no longer a fifo'),
    ],
  ],
  'a file where a folder must be': [[file('a', 'in the way'), file('a/b/c', 'c')]],
  whiteouts: [
    [dir('d/'), file('d/a', 'a'), file('d/b', 'b'), dir('d/sub/'), file('d/sub/x', 'x'), file('f', 'f'), file('g', 'g'), dir('e/'), file('e/old', '')],
    [dir('d/', { mode: 0o700 }), whiteout('d/a'), whiteout('d/sub'), whiteout('f'), whiteout('nothing'), whiteout('e')],
  ],
  'a whiteout and something new of the same name': [
    [dir('d/'), file('d/old', ''), dir('e/'), file('e/old', ''), file('f', 'old'), dir('h/'), file('h/old', '')],
    [
      whiteout('d'),
      dir('d/'),
      file('d/new', ''),
      dir('e/'),
      file('e/new', ''),
      whiteout('e'),
      whiteout('f'),
      file('f', 'new'),
      file('h', 'new'),
      whiteout('h'),
    ],
  ],
  'opaque folders': [
    [dir('d/'), file('d/old', ''), dir('d/sub/'), file('d/sub/old', ''), dir('e/'), file('e/old', ''), file('e/same', 'old')],
    [dir('d/'), file('d/first', ''), whiteout('d/pointless'), whiteout('d/sub/pointless'), opaque('d'), file('d/new', ''), opaque('e'), file('e/same', 'new')],
    [dir('d/sub/'), file('d/sub/third', '')],
  ],
  'many opaque folders': [Array.from({ length: 300 }, (_, index) => file(`d${index}/old`, '')), Array.from({ length: 300 }, (_, index) => opaque(`d${index}`))],
  'a whiteout whose folder gives way to a link that leads nowhere, in an opaque folder': [
    [dir('d/'), dir('d/ring/')],
    [whiteout('d/ring/x'), symlink('d/ring', 'ring'), opaque('d')],
  ],
  'a whiteout whose folder gives way to a link to a folder with one, in an opaque folder': [
    [dir('d/'), dir('d/away/'), dir('e/'), file('e/x', 'hidden')],
    [whiteout('d/away/x'), symlink('d/away', '../e'), whiteout('e/x'), opaque('d')],
  ],
  'an opaque root': [
    [file('old', ''), dir('d/'), file('d/old', '')],
    [opaque(''), file('new', '')],
  ],
  'AUFS files are left out': [[file('.wh..wh.aufs', ''), dir('.wh..wh.plnk/'), file('.wh..wh.plnk/12.34', 'x'), file('d/.wh..wh.orph', ''), file('a', 'a')]],
  'folders and files change places': [
    [dir('a/'), file('a/x', ''), file('b', 'b'), symlink('c', 'a'), dir('t/'), file('t/x', '')],
    [file('a', 'now a file'), dir('b/'), file('b/y', ''), dir('c/'), file('c/z', ''), file('t', ''), dir('t/')],
    [dir('a/'), file('a/again', ''), file('b', 'file again')],
  ],
  'many layers': Array.from({ length: 20 }, (_, index) => [
    file(`f${index}`, String(index)),
    file('same', String(index)),
    ...(index > 0 ? [whiteout(`f${index - 1}`)] : []),
  ]),
  'many files': [Array.from({ length: 2000 }, (_, index) => file(`d${index % 50}/f${index}`, `content ${index}`.repeat(index % 40)))],
};

/** Archives that are refused, and a part of what is said of them. */
export const HOSTILE: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
  'a name that climbs': [layerTar([file('../evil', 'x')]), /"..\/evil" is outside of the layer/],
  'a name that climbs from within': [layerTar([dir('a/'), file('a/../../evil', 'x')]), /outside of the layer/],
  'an absolute name that climbs': [layerTar([file('/../evil', 'x')]), /outside of the layer/],
  'a hard link that climbs': [layerTar([link('passwd', '../../../../etc/passwd')]), /outside of the layer/],
  'a hard link to what is not there': [layerTar([link('passwd', '/etc/passwd')]), /"passwd" is a hard link to "\/etc\/passwd", which is no file of this layer/],
  'a hard link through a link': [layerTar([symlink('out', '/etc'), link('passwd', 'out/passwd')]), /no file of this layer/],
  'a hard link to a whiteout': [layerTar([whiteout('x'), link('y', 'x')]), /no file of this layer/],
  'a hard link to a folder': [layerTar([dir('x/'), link('y', 'x')]), /no file of this layer/],
  'a whiteout of the folder above': [layerTar([file('d/.wh...', '')]), /is no whiteout of anything/],
  'a whiteout of the folder itself': [layerTar([file('d/.wh..', '')]), /is no whiteout of anything/],
  'a whiteout of nothing': [layerTar([file('.wh.', '')]), /is no whiteout of anything/],
  'a folder with the name of a whiteout': [layerTar([file('.wh./x', '')]), /whose name is a whiteout's/],
  'more links on the way than the kernel goes through': [
    layerTar([symlink('s', '.'), file(`${'s/'.repeat(40)}x`), file(`${'s/'.repeat(41)}y`)]),
    /too many levels of symbolic links/,
  ],
  'links in a ring on the way': [layerTar([symlink('a', 'b'), symlink('b', 'a'), file('a/x', '')]), /too many levels of symbolic links/],
  'a file as the root': [layerTar([file('/', 'x')]), /"\/" is not a folder/],
  'a name that is too long': [layerTar([file('n'.repeat(300), '')]), /file name too long/],
  'a symbolic link to nothing': [layerTar([symlink('a', '')]), /"a" is a symbolic link to nothing/],
  'a symbolic link that is too long': [layerTar([symlink('a', 't'.repeat(5000))]), /cannot unpack "a": .*too long|symbolic link/],
  'a capability that is none': [layerTar([file('a', '', { xattrs: { 'security.capability': 'nonsense' } })]), /"a".*(invalid argument|security\.capability)/],
  'no archive': [Buffer.from('this is no tar archive at all'.repeat(40)), /wrong checksum|octal/],
  'a truncated archive': [layerTar([file('a', 'x'.repeat(5000))]).subarray(0, 3000), /truncated/],
  'a damaged header': [Buffer.concat([layerTar([file('a', 'x')]).subarray(0, 1024), Buffer.alloc(512, 7)]), /checksum|octal/],
};
