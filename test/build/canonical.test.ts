import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageArchive } from '../support/image-archive.ts';
import { dir, file, layerTar, link, node, symlink, whiteout } from '../support/layers.ts';
import { canonicalImage, canonicalText, knownBase } from './canonical.ts';

const base = layerTar([dir('etc'), file('etc/a', 'a\n'), dir('gone'), file('gone/b', 'b\n'), file('large', 'x'.repeat(500))]);
const known = [knownBase('base', imageArchive({ layers: [base] }).bytes)];
const image = (...entries: Parameters<typeof layerTar>[0]) =>
  imageArchive({ layers: [base, layerTar(entries)], config: { Env: ['A=b'], Cmd: null, Image: 'sha256:x' } }).bytes;
const now = BigInt(Date.now()) * 1_000_000n;

const xattrs = { 'user.n': 'v', 'security.capability': 'c' };

test('an image is what it adds to its base, takes from it and changes', () => {
  const { files, layers, config } = canonicalImage(
    image(
      dir('etc', { mtime: now }),
      file('etc/a', 'a\n', { uid: 7 }),
      whiteout('gone'),
      file('copy', 'x'.repeat(500), { mode: 0o4755 }),
      file('new', 'new', { mtime: now, xattrs }),
      link('other', 'new', { mtime: now, xattrs }),
      symlink('soft', '/new'),
      node('char', 'null', { devMajor: 1, devMinor: 3 }),
    ),
    known,
    undefined,
  );
  const mtime = 1_700_000_000;
  assert.deepEqual(files, {
    copy: { mode: '4755', mtime, content: 'base:/large' },
    'etc/a': { mode: '644', owner: '7:0', mtime, content: 'text: a\n' },
    gone: null,
    new: { mode: '644', content: 'text: new', capability: Buffer.from('c').toString('hex') },
    null: { type: 'char', mode: '644', mtime, device: '1:3' },
    other: { mode: '644', content: 'text: new', capability: Buffer.from('c').toString('hex'), sameAs: 'new' },
    soft: { type: 'symlink', mode: '777', mtime, link: '/new' },
  });
  assert.equal(layers, 1);
  assert.deepEqual(config, { Env: ['A=b'], architecture: 'host' });
});

test('opaque files are there, with no content', () => {
  const { files } = canonicalImage(image(file('bin', 'compiled')), known, /^bin$/);
  assert.deepEqual(files, { bin: { mode: '644' } });
});

test('texts lose ids and places', () => {
  assert.equal(canonicalText('open /x/docker/overlay2/0ab/merged/etc/passwd: no'), 'open /etc/passwd: no');
  assert.equal(canonicalText(`file:${'0'.repeat(64)} sha256:${'a'.repeat(64)} ref 12-ab::cd: x`), 'file:HASH sha256:DIGEST ref ID: x');
});
