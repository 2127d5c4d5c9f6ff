import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archive, rawHeader, withBody } from '../../test/support/raw-archive.ts';
import { SmallTar } from './build-small-tar.ts';

const folder = (name: string) => rawHeader({ name, type: '5' });

test('files of an archive are read where they are, whatever pieces it comes in; the last of a name counts', () => {
  const bytes = archive(
    folder('./'),
    withBody({ name: './Dockerfile' }, 'FROM a'),
    folder('d/'),
    withBody({ name: 'd/f' }, 'één'),
    withBody({ name: 'Dockerfile' }, 'FROM b'),
  );
  for (const piece of [1, 700, bytes.length]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, index) => bytes.subarray(index * piece, (index + 1) * piece));
    const tar = SmallTar.of(pieces)!;
    assert.deepEqual(tar.file('Dockerfile'), { text: 'FROM b', size: 6 });
    assert.deepEqual(tar.file('d/f'), { text: 'één', size: 5 });
    assert.deepEqual(tar.file('d'), { text: '', size: 0 });
    assert.deepEqual([tar.file('f'), tar.file('d/g'), tar.file('')], [undefined, undefined, undefined]);
  }
});

test('what only unpacking can tell is left to it', () => {
  const file = withBody({ name: 'a' }, 'x');
  const cases: Record<string, Buffer> = {
    'a link': archive(file, rawHeader({ name: 'b', type: '2', linkName: 'a' })),
    'a hard link': archive(file, rawHeader({ name: 'b', type: '1', linkName: 'a' })),
    'a device': archive(rawHeader({ name: 'null', type: '3' })),
    'a way up': archive(withBody({ name: 'd/../a' }, 'x')),
    'a file as a folder': archive(file, withBody({ name: 'a/b' }, 'x')),
    'a folder over a file': archive(file, folder('a/')),
    'a file over a folder': archive(withBody({ name: 'a/b' }, 'x'), file),
    'half an archive': file.subarray(0, 513),
  };
  for (const [name, bytes] of Object.entries(cases)) assert.equal(SmallTar.of([bytes]), undefined, name);
});
