/** A mounted layer has what its archive says, and nothing hostile gets further than an error. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { dir, expectedTree, file, layerTar, sha256, symlink, type Seen } from '../../test/support/layers.ts';
import { archive, paxRecord, rawHeader, withBody } from '../../test/support/raw-archive.ts';
import type { Digest } from '../base/digest.ts';
import { CORPUS, HOSTILE, randomLayers } from './driver-corpus.suite.ts';
import { everything, ingest, keepsUserAttributes, openSubject, seen, type DriverSubject } from './driver-subject.suite.ts';

export function contentTests(subject: DriverSubject): void {
  const open = (t: TestContext) => openSubject(subject, t);

  describe('what is mounted is what the layers say', () => {
    for (const [name, layers] of Object.entries(CORPUS)) {
      test(name, async (t) => {
        const { driver, folder } = open(t);
        const attributes = layers.flat().flatMap(({ xattrs = {} }) => Object.keys(xattrs));
        if (attributes.some((key) => key.startsWith('user.')) && !keepsUserAttributes(folder))
          return t.skip('the tmpfs of this kernel keeps no user attributes');
        const ids: Digest[] = [];
        for (const entries of layers) {
          const bytes = layerTar(entries);
          const info = await ingest(driver, bytes, {}, 3000);
          assert.equal(info.diffId, `sha256:${sha256(bytes)}`);
          assert.equal(info.plainSize, bytes.length);
          ids.push(info.diffId);
        }
        const expected = expectedTree(layers);
        const found = await seen(driver, ids, folder, 'c1');
        assert.deepEqual(Object.keys(found).toSorted(), Object.keys(expected).toSorted());
        for (const [path, want] of Object.entries(expected)) {
          const { mtime, ...rest } = found[path]!;
          const { mtime: wanted, ...wantedRest } = want;
          assert.deepEqual({ path, ...rest }, { path, ...wantedRest });
          if (wanted !== undefined) assert.equal(mtime, wanted, path);
        }
      });
    }

    test('random layers', async (t) => {
      const { driver, folder } = open(t);
      for (let seed = 1; seed <= 12; seed++) {
        const layers = randomLayers(seed);
        const ids: Digest[] = [];
        for (const entries of layers) ids.push((await ingest(driver, layerTar(entries))).diffId);
        const found = await seen(driver, ids, folder, `r${seed}`);
        const expected = expectedTree(layers);
        const of = (tree: Record<string, Seen>) =>
          Object.entries(tree)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([path, { mtime, ...rest }]) => ({ path, ...rest, mtime: expected[path]?.mtime === undefined ? '' : mtime }));
        assert.deepEqual(of(found), of(expected), `seed ${seed}`);
      }
    });

    test('links in a layer lead no further than to its root', async (t) => {
      const { driver, folder } = open(t);
      const outside = `${folder}/outside`;
      mkdirSync(outside);
      writeFileSync(`${outside}/file`, 'untouched');
      const { diffId } = await ingest(
        driver,
        layerTar([
          symlink('abs', outside),
          file('abs/evil', 'x'),
          symlink('up', '../../../../../../../../../../..' + outside),
          file('up/evil2', 'x'),
          symlink('conf', '/etc'),
          file('conf/kobako-evil', 'x'),
          symlink('target', `${outside}/file`),
          file('target', 'replaces the link'),
          dir('real/'),
          symlink('alias', './real/../real'),
          file('alias/through', 'inside'),
        ]),
      );
      assert.deepEqual(everything(outside), ['file']);
      assert.equal(readFileSync(`${outside}/file`, 'utf8'), 'untouched');
      const found = await seen(driver, [diffId], folder, 'c1');
      assert.equal(found[`${outside.slice(1)}/evil`]?.type, 'file');
      assert.equal(found[`${outside.slice(1)}/evil2`]?.type, 'file');
      assert.equal(found['conf']?.type, 'symlink', 'the link stays, and the file is where it points to');
      assert.equal(found['etc/kobako-evil']?.type, 'file');
      assert.ok(!existsSync('/etc/kobako-evil'));
      assert.equal(found['target']?.type, 'file');
      assert.equal(found['real/through']?.sha256, sha256('inside'));
    });

    test('sparse files have their holes', async (t) => {
      const { driver, folder } = open(t);
      const pax = [
        paxRecord('GNU.sparse.major', '1'),
        paxRecord('GNU.sparse.minor', '0'),
        paxRecord('GNU.sparse.name', 'sparse'),
        paxRecord('GNU.sparse.realsize', '50000000'),
      ];
      const map = Buffer.alloc(512);
      map.write('2\n4096\n8192\n40000000\n512\n');
      const data = Buffer.concat([Buffer.alloc(8192, 1), Buffer.alloc(512, 2)]);
      const { diffId, contentSize } = await ingest(
        driver,
        archive(
          withBody({ name: 'p', type: 'x' }, Buffer.concat(pax)),
          withBody({ name: 'GNUSparseFile.0/sparse' }, Buffer.concat([map, data])),
          rawHeader({ name: 'old', type: 'S', magic: 'gnu', size: 512, sparse: [[1024, 512]], realSize: 3000 }),
          Buffer.alloc(512, 3),
        ),
      );
      assert.equal(contentSize, 50_003_000);
      const whole = Buffer.alloc(50_000_000);
      whole.fill(1, 4096, 12288);
      whole.fill(2, 40_000_000, 40_000_512);
      const old = Buffer.alloc(3000);
      old.fill(3, 1024, 1536);
      const found = await seen(driver, [diffId], folder, 'c1');
      assert.deepEqual([found['sparse']?.sha256, found['old']?.sha256], [sha256(whole), sha256(old)]);
      assert.ok((await driver.usage(diffId)).bytes < 1_000_000);
    });
  });

  describe('hostile layers', () => {
    for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
      test(name, async (t) => {
        const { driver, folder } = open(t);
        const before = everything(folder);
        await assert.rejects(ingest(driver, bytes), { name: 'EngineError', kind: 'invalid', message });
        assert.deepEqual(everything(folder), before);
        assert.deepEqual(driver.list(), []);
        assert.ok(driver.has((await ingest(driver, layerTar([file('a', 'next')]))).diffId), 'the next one succeeds');
      });
    }
  });
}
