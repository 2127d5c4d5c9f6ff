/** Random archives of few names, so that entries meet: replaced, linked, hidden, led through by symbolic links. */
import { archive, paxRecord, rawHeader, withBody } from './raw-archive.ts';
import { randomNumbers } from './random-tree.ts';

const PARTS = ['a', 'b', 'c', 'd', 'é'];

export function randomArchive(seed: number, count: number): Buffer {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const path = () => Array.from({ length: 1 + below(3) }, () => pick(PARTS)).join('/');
  const spelled = () => pick(['', '', './', '/', 'x/../']) + path();
  const target = () => pick(['', '/', '../', '../../', './']) + path();
  const owner = () => ({ uid: below(3), gid: below(3), mtime: below(1_000_000_000) });
  const parts: Buffer[] = [];
  const files: string[] = [];
  for (let index = 0; index < count; index++) {
    const name = spelled();
    if (below(8) === 0) {
      const [key, value] = pick([
        ['user.k', 'v'],
        ['user.other', 'w'.repeat(below(600))],
        ['security.x', 'y'],
        ['trusted.overlay.opaque', 'y'],
        ['trusted.t', 'z'],
        ['security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')],
      ]);
      parts.push(withBody({ name: 'pax', type: 'x' }, paxRecord(`SCHILY.xattr.${key}`, value!)));
    }
    const kind = below(24);
    if (kind < 8) {
      parts.push(withBody({ name, mode: pick([0o644, 0o755, 0o4711]), ...owner() }, 'x'.repeat(below(1500))));
      files.push(name);
    } else if (kind < 13) parts.push(rawHeader({ name: `${name}/`, type: '5', mode: pick([0o755, 0o700, 0o1777]), ...owner() }));
    else if (kind < 16) parts.push(rawHeader({ name, type: '2', linkName: target(), ...owner() }));
    else if (kind < 18) {
      // most of these are still there
      const linkName = files.at(-1 - below(2)) ?? pick(PARTS);
      if (files.length > 0) parts.push(rawHeader({ name, type: '1', linkName, ...owner() }));
    } else if (kind < 20) parts.push(rawHeader({ name: name.replace(/[^/]*$/, '.wh.$&'), ...owner() }));
    else if (kind < 21) parts.push(rawHeader({ name: `${name}/.wh..wh..opq`, ...owner() }));
    else if (kind < 22) parts.push(rawHeader({ name, type: '6', ...owner() }));
    else if (kind < 23) parts.push(rawHeader({ name, type: pick(['3', '4']), devMajor: below(3), devMinor: below(300), ...owner() }));
    else parts.push(rawHeader({ name: './', type: '5', mode: 0o750, ...owner() }));
  }
  return archive(...parts);
}
