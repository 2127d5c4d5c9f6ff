/** COPY: names and wildcards, owners and modes, links, stages, and every flag. */
import { dir, file, link, symlink } from '../../support/layers.ts';
import type { BuildCase } from './case.ts';

const classic = true;
const a = file('a', 'a\n');
const tree = [
  dir('dir', { mode: 0o750 }),
  dir('dir/sub'),
  file('dir/in', 'in\n'),
  file('dir/sub/deep', 'deep\n', { mode: 0o600 }),
  file('dir/sub/deep.txt', 'text\n'),
];
const context = [a, ...tree];
const texts = [file('one.txt', '1\n'), file('ab.txt', 'ab\n'), file('bc.txt', 'bc\n'), file('xy.md', 'xy\n'), file('xyz.md', 'xyz\n')];

export const COPY: readonly BuildCase[] = [
  { name: 'copy-plain', context, classic },
  { name: 'copy-wildcards', context: [...context, ...texts, file('with[bracket].txt', '[\n')], classic },
  { name: 'copy-none-match', context, classic },
  { name: 'copy-missing', context, classic },
  { name: 'copy-many-no-slash', context: [a, file('b', 'b\n')], classic },
  { name: 'copy-outside', context, classic },
  { name: 'copy-chown', context, classic },
  { name: 'copy-chown-unknown', context, classic },
  { name: 'copy-chown-scratch', context, classic },
  { name: 'copy-chmod', context },
  { name: 'copy-chmod-bad', context },
  { name: 'copy-link', context },
  { name: 'copy-parents', context, byHand: 'COPY --parents is in the labs channel of that frontend' },
  { name: 'copy-exclude', context: [...context, ...texts] },
  {
    name: 'copy-links',
    context: [...context, symlink('to-file', 'dir/in'), symlink('to-dir', 'dir'), symlink('dangling', '/nowhere/at/all'), link('dir/hard', 'a')],
    classic,
  },
  { name: 'copy-dangling', context: [symlink('dangling', '/nowhere/at/all')], classic },
  { name: 'copy-into-links', context, classic },
  { name: 'copy-over', context, classic },
  { name: 'copy-dir-onto-file', context, classic },
  { name: 'copy-file-onto-dir', context, classic },
  {
    name: 'copy-modes',
    context: [
      file('set-uid', 'x', { mode: 0o4755 }),
      file('set-gid', 'x', { mode: 0o2711 }),
      file('none', 'x', { mode: 0 }),
      dir('sticky', { mode: 0o1777 }),
      dir('empty', { mode: 0o700 }),
      file('owned', 'x', { uid: 12, gid: 34 }),
      file('large', Buffer.alloc(300_000, 'large')),
      file('ünï côdé', 'x'),
      file('future', 'x', { mtime: 1_600_000_000_000_000_000n }),
    ],
    classic,
  },
  { name: 'copy-dot-and-dockerfile', context, classic },
  {
    name: 'copy-from',
    bases: ['busybox', 'rich'],
    beside: [dir('more'), file('more/a', 'of another context\n')],
    args: ['--build-context', 'extra=@DIR@/more'],
  },
  { name: 'copy-from-missing-stage' },
  { name: 'copy-from-later' },
  { name: 'copy-from-self' },
  { name: 'copy-devices', classic },
];
