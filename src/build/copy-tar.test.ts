import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dir, file, layerTar, link, symlink, type LayerEntry } from '../../test/support/layers.ts';
import { TarReader } from '../tar/reader.ts';
import { parseChmod } from './chmod.ts';
import { ContentHash, CopyTar, type CopyRules } from './copy-tar.ts';

const plain: CopyRules = { rename: (name) => name };

function copied(entries: readonly LayerEntry[], rules: CopyRules): string[] {
  const pieces: Buffer[] = [];
  const out = new CopyTar((chunk) => pieces.push(Buffer.from(chunk)));
  const reader = out.take(rules);
  reader.push(layerTar(entries));
  reader.end();
  out.end();
  const seen: string[] = [];
  let text = '';
  const again = new TarReader({
    entry: ({ name, mode, uid, gid, linkName }) => {
      seen.push(`${name.toString()} ${mode.toString(8)} ${uid}:${gid}${linkName.length > 0 ? ` ${linkName.toString()}` : ''}`);
      text = '';
    },
    data: (chunk) => (text += chunk.toString()),
    entryEnd: () => {
      if (text !== '') seen.push(text);
    },
  });
  again.push(Buffer.concat(pieces));
  again.end();
  return seen;
}

const ENTRIES = [dir('top'), file('top/a', 'text', { uid: 5, gid: 6 }), link('top/b', 'top/a'), symlink('top/c', '/a')];

describe('copies of archives', () => {
  test('names, owners and modes are as they are to be; links lead to the new names', () => {
    const rules: CopyRules = { rename: (name) => name.replace(/^top/, 'app'), owner: { uid: 1, gid: 2 }, mode: parseChmod('700') };
    assert.deepEqual(copied(ENTRIES, rules), ['app/ 700 1:2', 'app/a 700 1:2', 'text', 'app/b 700 1:2 app/a', 'app/c 777 1:2 /a']);
  });

  test('what is left out is', () => {
    assert.deepEqual(copied(ENTRIES.slice(0, 2), { rename: (name, folder) => (folder ? undefined : name) }), ['top/a 644 5:6', 'text']);
    assert.throws(() => copied(ENTRIES, { rename: (name) => (name === 'top/a' ? undefined : name) }), /top\/b is another name of a file that is left out/);
  });

  test('the digest is of names, kinds, modes, owners, contents and targets, and not of times or pieces', () => {
    const of = (entries: readonly LayerEntry[], rules = plain, step = 1 << 20) => {
      const hash = new ContentHash();
      const reader = hash.take(rules);
      const tar = layerTar(entries);
      for (let at = 0; at < tar.length; at += step) reader.push(tar.subarray(at, at + step));
      reader.end();
      return hash.digest();
    };
    const same = of(ENTRIES);
    assert.equal(of(ENTRIES, plain, 7), same);
    assert.equal(of(ENTRIES.map((entry) => ({ ...entry, mtime: 5n }))), same);
    const changed: readonly Partial<LayerEntry>[] = [{ mode: 0o600 }, { uid: 9 }, { content: 'texT' }, { name: 'top/z' }];
    for (const change of changed) assert.notEqual(of([dir('top'), { ...file('top/a', 'text', { uid: 5, gid: 6 }), ...change }]), of(ENTRIES.slice(0, 2)));
    assert.notEqual(of([symlink('c', '/a')]), of([symlink('c', '/b')]));
    assert.equal(of([file('a', 'x', { uid: 5 })], { ...plain, owner: { uid: 0, gid: 0 } }), of([file('a', 'x')]));
  });
});
