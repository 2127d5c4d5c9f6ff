/** What a container has changed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test, type TestContext } from 'node:test';
import { dir, file, layerTar, type Seen } from '../../test/support/layers.ts';
import { ingest, openSubject, run, seen, type DriverSubject } from './driver-subject.suite.ts';

export function changesTests(subject: DriverSubject): void {
  const open = (t: TestContext) => openSubject(subject, t);

  describe('changes and diff', () => {
    const LOWER = [
      dir('d/'),
      file('d/a', 'a'),
      file('d/b', 'b'),
      dir('d/sub/'),
      file('d/sub/x', 'x'),
      dir('e/'),
      file('e/1', ''),
      file('e/2', ''),
      file('f', 'f'),
      file('mode', ''),
      dir('t/'),
      file('t/f', ''),
    ];
    const SCRIPT = `
      echo new > d/new; echo more >> d/a; rm d/b; rm -r e; mkdir e; echo 3 > e/3; rm f
      chmod 700 mode; mkdir -p n/m; echo deep > n/m/o; ln n/m/o n/hard; ln -s ../x n/soft; mkfifo n/p; mknod n/null c 1 3
      rm -r t; echo file > t; touch -d @1700000000.5 d/new n/m/o; chown 5:6 n/p
      touch caps; setfattr -n user.a -v b caps 2>/dev/null || true`;

    test('changes as docker diff tells them', async (t) => {
      const { driver, folder } = open(t);
      const { diffId } = await ingest(driver, layerTar(LOWER));
      await seen(driver, [diffId], folder, 'c1', SCRIPT);
      const changes = await driver.changes([diffId], 'c1');
      const letters = { modified: 'C', added: 'A', deleted: 'D' };
      assert.deepEqual(
        changes.map(({ kind, path }) => `${letters[kind]} ${path}`),
        [
          'A /caps',
          'C /d',
          'C /d/a',
          'D /d/b',
          'A /d/new',
          'C /e',
          'D /e/1',
          'D /e/2',
          'A /e/3',
          'D /f',
          'C /mode',
          'A /n',
          'A /n/hard',
          'A /n/m',
          'A /n/m/o',
          'A /n/null',
          'A /n/p',
          'A /n/soft',
          'C /t',
        ],
      );
    });

    test('nothing changed', async (t) => {
      const { driver, folder } = open(t);
      const { diffId } = await ingest(driver, layerTar(LOWER));
      await seen(driver, [diffId], folder, 'c1', 'cat d/a >/dev/null; touch d/x; rm d/x');
      assert.deepEqual(await driver.changes([diffId], 'c1'), []);
    });

    test('the diff as a layer above gives the same tree again', async (t) => {
      const { driver, folder } = open(t);
      const { diffId } = await ingest(driver, layerTar(LOWER));
      const changed = await seen(driver, [diffId], folder, 'c1', SCRIPT);
      const pieces: Buffer[] = [];
      for await (const piece of driver.diff([diffId], 'c1')) pieces.push(piece);
      const { stdout } = await run('sh', ['-c', 'tar -tf "$1"', 'sh', await saved(folder, Buffer.concat(pieces))]);
      assert.deepEqual(stdout.trim().split('\n'), [
        'caps',
        'd/',
        'd/a',
        'd/.wh.b',
        'd/new',
        'e/',
        'e/.wh..wh..opq',
        'e/3',
        '.wh.f',
        'mode',
        'n/',
        'n/hard',
        'n/m/',
        'n/m/o',
        'n/null',
        'n/p',
        'n/soft',
        't',
      ]);
      const above = await ingest(driver, Buffer.concat(pieces));
      const again = await seen(driver, [diffId, above.diffId], folder, 'c2');
      const seconds = (tree: Record<string, Seen>) =>
        Object.fromEntries(Object.entries(tree).map(([path, { mtime, ...rest }]) => [path, { ...rest, mtime: mtime?.slice(0, -9) }]));
      assert.deepEqual(seconds(again), seconds(changed));
    });

    test('a diff may be given up', async (t) => {
      const { driver, folder } = open(t);
      const { diffId } = await ingest(driver, layerTar(LOWER));
      await seen(driver, [diffId], folder, 'c1', 'head -c 30000000 /dev/urandom > big');
      for await (const piece of driver.diff([diffId], 'c1')) {
        assert.ok(piece.length > 0);
        break;
      }
      assert.equal((await driver.changes([diffId], 'c1')).length, 1);
    });
  });
}

async function saved(folder: string, bytes: Buffer): Promise<string> {
  writeFileSync(`${folder}/diff.tar`, bytes);
  return `${folder}/diff.tar`;
}
