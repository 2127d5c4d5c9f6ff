import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanPath, placeEntry } from './entry-name.ts';

const place = (name: string) => placeEntry(Buffer.from(name, 'latin1'));

test('names are cleaned as text; bytes stay', () => {
  for (const [name, path] of [
    ['a', 'a'],
    ['./a//b/./c/', 'a/b/c'],
    ['/etc/passwd', 'etc/passwd'],
    ['a/../b', 'b'],
    ['./', ''],
    ['/', ''],
    ['a/..', ''],
    ['\xff\xfe/\xe9', '\xff\xfe/\xe9'],
    ['...', '...'],
    ['..a/b..', '..a/b..'],
  ] as const) {
    assert.deepEqual(place(name), { kind: 'entry', path });
  }
});

test('what climbs out or is too long is refused', () => {
  for (const name of ['..', '../a', 'a/../../b', '/..', 'a/b/../../../c', './/../x'])
    assert.throws(() => place(name), { kind: 'invalid', message: /is outside of the layer/ });
  assert.throws(() => cleanPath(Buffer.from('n'.repeat(256))), /file name too long/);
  assert.throws(() => cleanPath(Buffer.from('n/'.repeat(2100))), /file name too long/);
});

test('whiteouts', () => {
  assert.deepEqual(place('.wh.a'), { kind: 'whiteout', path: 'a' });
  assert.deepEqual(place('d/.wh.a/'), { kind: 'whiteout', path: 'd/a' });
  assert.deepEqual(place('.wh..a'), { kind: 'whiteout', path: '.a' });
  assert.deepEqual(place('d/.wh..wh..opq'), { kind: 'opaque', path: 'd' });
  assert.deepEqual(place('.wh..wh..opq'), { kind: 'opaque', path: '' });
  for (const name of ['.wh..wh.plnk', '.wh..wh.aufs', '.wh..wh.plnk/1.2', 'd/.wh..wh.orph/x']) assert.deepEqual(place(name), { kind: 'skip' });
  for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh...']) assert.throws(() => place(name), /is no whiteout of anything/);
  for (const name of ['.wh./x', '.wh.d/x', '.wh.../x']) assert.throws(() => place(name), /whose name is a whiteout's/);
  assert.deepEqual(place('a.wh.b'), { kind: 'entry', path: 'a.wh.b' });
});
