/** Files in and out of containers, over HTTP, on the real kernel: both drivers, containers in every state, folder roots. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { ApiClient } from '../support/api-client.ts';
import { collect, filesGround, listed, pieces, type FilesGround } from '../support/container-files-ground.ts';
import { dir, file, layerTar, link, node, symlink, type LayerEntry } from '../support/layers.ts';
import { busyboxRootfs, copyRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

const DIR = 2 ** 31;
const SYMLINK = 2 ** 27;

const put = (ground: FilesGround, id: string, path: string, entries: readonly LayerEntry[], options = {}) =>
  ground.client.putArchive(id, path, pieces(layerTar(entries)), options);
const get = async (ground: FilesGround, id: string, path: string) => listed(await collect((await ground.client.getArchive(id, path)).body));

const TREE = `mkdir -p /t/d/e; echo hi > /t/f; ln /t/f /t/hard; ln -s f /t/l; ln -s /t/d /t/ld; ln -s nope /t/broken
  ln -s ../../../../etc/passwd /t/up; ln -s loop /t/loop; mkfifo /t/p; mknod /t/n c 1 3; chmod 4755 /t/f; mkdir -m 1777 /t/s; chmod 2755 /t/d`;

for (const driver of ['overlay', 'erofs'] as const) {
  describe(`container files, ${driver}`, () => {
    test('stat: what the header says of every kind of file and path', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run(TREE);
      const stat = async (path: string) => {
        const { name, mode, linkTarget } = await ground.client.statArchive(id, path);
        return [name, mode, linkTarget];
      };
      const [regular, setuid, setgid, sticky] = [0o644, 2 ** 23 + 0o755, DIR + 2 ** 22 + 0o755, DIR + 2 ** 20 + 0o777];
      assert.deepEqual(await stat('/t/f'), ['f', setuid, '']);
      assert.deepEqual(await stat('t/f'), ['f', setuid, '']);
      assert.deepEqual(await stat('/t/d'), ['d', setgid, '']);
      assert.deepEqual(await stat('/t/d/'), ['d', setgid, '']);
      assert.deepEqual(await stat('/t/d/.'), ['.', setgid, '']);
      assert.deepEqual(await stat('/t/s'), ['s', sticky, '']);
      assert.deepEqual(await stat('/t/l'), ['l', SYMLINK + 0o777, '/t/f']);
      assert.deepEqual(await stat('/t/ld'), ['ld', SYMLINK + 0o777, '/t/d']);
      assert.deepEqual(await stat('/t/ld/'), ['ld', setgid, '']);
      assert.deepEqual(await stat('/t/broken'), ['broken', SYMLINK + 0o777, '/t/nope']);
      assert.deepEqual(await stat('/t/up'), ['up', SYMLINK + 0o777, '/etc/passwd']);
      assert.deepEqual(await stat('/t/p'), ['p', 2 ** 25 + 0o644, '']);
      assert.deepEqual(await stat('/t/n'), ['n', 2 ** 26 + 2 ** 21 + 0o644, '']);
      assert.deepEqual(await stat('/etc/passwd'), ['passwd', regular, '']);
      assert.deepEqual((await stat('/'))[0], '/');
      assert.deepEqual((await stat('/../..'))[0], '..');
      assert.deepEqual(await stat('/t/d/e/../../ld/../f'), ['f', setuid, '']);
      const { size, mtime } = await ground.client.statArchive(id, '/t/f');
      assert.equal(size, 3);
      assert.match(mtime, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/);
    });

    test('get: a file, a link, a folder by its names, its content; what is not there', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run(TREE);
      assert.deepEqual(await get(ground, id, '/t/f'), ['-rwsr-xr-x 0/0 3 f']);
      assert.deepEqual(await get(ground, id, '/t/l'), ['lrwxrwxrwx 0/0 0 l -> f']);
      assert.deepEqual(await get(ground, id, '/t/ld'), ['lrwxrwxrwx 0/0 0 ld -> /t/d']);
      assert.deepEqual(
        await get(ground, id, '/t/ld/'),
        ['drwxr-sr-x 0/0 0 ld/', 'drwxr-sr-x 0/0 0 ld/e/'].map((line) => line.replace('drwxr-sr-x 0/0 0 ld/e', 'drwxr-xr-x 0/0 0 ld/e')),
      );
      assert.deepEqual(await get(ground, id, '/t/d/.'), ['drwxr-sr-x 0/0 0 ./', 'drwxr-xr-x 0/0 0 ./e/']);
      assert.deepEqual(await get(ground, id, '/t'), [
        'drwxr-xr-x 0/0 0 t/',
        'lrwxrwxrwx 0/0 0 t/broken -> nope',
        'drwxr-sr-x 0/0 0 t/d/',
        'drwxr-xr-x 0/0 0 t/d/e/',
        '-rwsr-xr-x 0/0 3 t/f',
        'hrwsr-xr-x 0/0 0 t/hard link to t/f',
        'lrwxrwxrwx 0/0 0 t/l -> f',
        'lrwxrwxrwx 0/0 0 t/ld -> /t/d',
        'lrwxrwxrwx 0/0 0 t/loop -> loop',
        'crw-r--r-- 0/0 1,3 t/n',
        'prw-r--r-- 0/0 0 t/p',
        'drwxrwxrwt 0/0 0 t/s/',
        'lrwxrwxrwx 0/0 0 t/up -> ../../../../etc/passwd',
      ]);
      await assert.rejects(get(ground, id, '/nope'), { kind: 'not-found', message: `Could not find the file /nope in container ${id}` });
      await assert.rejects(ground.client.statArchive(id, '/nope/x'), { kind: 'not-found' });
      await assert.rejects(get(ground, id, '/t/f/'), { message: 'lstat /t/f/: not a directory' });
      await assert.rejects(get(ground, id, '/t/f/x'), { message: 'lstat /t/f/x: not a directory' });
      await assert.rejects(get(ground, id, ''), { kind: 'invalid', message: 'bad parameter: pathcannot be empty' });
      await assert.rejects(get(ground, 'nobody', '/'), { kind: 'not-found', message: 'No such container: nobody' });
    });

    test('a whole root: what the kernel shows in it is left out, what is mounted for the container is there', async (t) => {
      const ground = await filesGround(t, driver);
      const shared = tempFor(t as { after(hook: () => void): void });
      writeFileSync(`${shared}/mine`, 'x');
      const id = await ground.run('echo x > /tm/y; echo hostname', { Binds: [`${shared}:/b`], Tmpfs: { '/tm': '' } });
      const names = (await get(ground, id, '/')).map((line) => line.split(' ')[3]!);
      assert.ok(names.includes('/b/mine') && names.includes('/tm/y') && names.includes('/bin/busybox'), names.slice(0, 20).join(' '));
      assert.deepEqual(
        names.filter((name) => /^\/(dev|proc|sys)\//.test(name)),
        ['/dev/', '/proc/', '/sys/'],
      );
      const exported = listed(await collect(ground.client.export(id))).map((line) => line.split(' ')[3]!);
      assert.deepEqual(
        exported.filter((name) => /^(dev|proc|sys|b|tm)\//.test(name)),
        ['b/', 'dev/', 'proc/', 'sys/', 'tm/'],
      );
    });

    test('put: every kind of entry, with owner, mode, time and attributes', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('mkdir /t; echo old > /t/file; mkdir -p /t/full/x');
      await put(ground, id, '/t', [
        dir('./', { mode: 0o700 }),
        file('file', 'new', { mode: 0o6711, uid: 5, gid: 6, xattrs: { 'user.a': 'b' } }),
        dir('nd/', { mode: 0o1750, uid: 7, gid: 8 }),
        file('nd/in', 'x'),
        symlink('sym', '/etc/passwd', { uid: 9, gid: 10 }),
        link('hard', 'file', { mode: 0o6711, uid: 5, gid: 6 }),
        node('char', 'dev', { devMajor: 1, devMinor: 3, mode: 0o666 }),
        node('fifo', 'pipe', { mode: 0o620 }),
        file('not/there/yet', 'deep', { uid: 11 }),
        file('.wh.x', ''),
        file('full', 'a folder no more'),
      ]);
      assert.deepEqual(
        (await ground.sh(id, "cd /t; stat -c '%n %F %a %u:%g %Y' . * nd/in not/there not/there/yet .wh.x"))
          .replaceAll(/^(\.|not.*) (.*) \d+$/gm, '$1 $2')
          .split('\n'),
        [
          '. directory 755 0:0',
          'dev character special file 666 0:0 1700000000',
          'file regular file 6711 5:6 1700000000',
          'full regular file 644 0:0 1700000000',
          'hard regular file 6711 5:6 1700000000',
          'nd directory 1750 7:8 1700000000',
          'not directory 755 0:0',
          'pipe fifo 620 0:0 1700000000',
          'sym symbolic link 777 9:10 1700000000',
          'nd/in regular file 644 0:0 1700000000',
          'not/there directory 755 0:0',
          'not/there/yet regular file 644 11:0',
          '.wh.x regular empty file 644 0:0 1700000000',
          '',
        ],
      );
      assert.equal(await ground.sh(id, 'cat /t/hard /t/not/there/yet /t/full; readlink /t/sym'), 'newdeepa folder no more/etc/passwd\n');
    });

    test('put: where it may go, and what may not be replaced', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('mkdir -p /t/d /t/n; echo x > /t/f; ln -s d /t/ld; ln -s /nowhere /t/broken; ln -s loop /t/loop');
      await put(ground, id, '/t/ld', [file('through', 'x')]);
      assert.equal(await ground.sh(id, 'ls /t/d'), 'through\n');
      await assert.rejects(put(ground, id, '/nope', [file('x')]), {
        kind: 'not-found',
        message: `Could not find the file /nope in container ${id}`,
      });
      await assert.rejects(put(ground, id, '/t/f', [file('x')]), { kind: 'invalid', message: 'extraction point is not a directory' });
      await assert.rejects(put(ground, id, '/t/f/', [file('x')]), { message: 'lstat /t/f/: not a directory' });
      await assert.rejects(put(ground, id, '/t/broken', [file('x')]), { kind: 'not-found' });
      const no = { noOverwriteDirNonDir: true };
      await assert.rejects(put(ground, id, '/t', [file('n')], no), { kind: 'invalid', message: 'cannot overwrite directory "n" with non-directory "/t"' });
      await assert.rejects(put(ground, id, '/t', [dir('f/')], no), { kind: 'invalid', message: 'cannot overwrite non-directory "f" with directory "/t"' });
      assert.equal(await ground.sh(id, 'ls -F /t'), 'broken@\nd/\nf\nld@\nloop@\nn/\n');
      await put(ground, id, '/t', [file('n'), dir('f/')]);
      assert.equal(await ground.sh(id, 'ls -F /t'), 'broken@\nd/\nf/\nld@\nloop@\nn\n');
    });

    test('put: packed archives, and damaged ones', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('mkdir /t');
      const tar = layerTar([file('big', 'x'.repeat(3_000_000))]);
      for (const packed of [gzipSync(tar), zstdCompressSync(tar)]) {
        await ground.client.putArchive(id, '/t', pieces(packed));
        assert.equal(await ground.sh(id, 'wc -c < /t/big; rm /t/big'), '3000000\n');
      }
      await ground.client.putArchive(id, '/t', pieces(Buffer.alloc(0)));
      await assert.rejects(ground.client.putArchive(id, '/t', pieces(Buffer.from('garbage'.repeat(200)))), { kind: 'invalid' });
      await assert.rejects(ground.client.putArchive(id, '/t', pieces(tar.subarray(0, 100_000))), { kind: 'invalid' });
      await assert.rejects(ground.client.putArchive(id, '/t', pieces(gzipSync(tar).subarray(0, 1000))), { kind: 'invalid' });
    });

    test('owners: those of the archive, or the user whom the container runs as', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('true', {}, { User: 'guest' });
      await put(ground, id, '/tmp', [file('a', '', { uid: 5, gid: 6 })]);
      await put(ground, id, '/tmp', [file('b', '', { uid: 5, gid: 6 }), dir('d/', { uid: 5 })], { copyUIDGID: true });
      assert.equal(await ground.sh(id, "cd /tmp; stat -c '%n %u:%g' *"), 'a 5:6\nb 1000:1000\nd 1000:1000\n');
    });

    test('created, stopped, paused: in, out, and what is mounted', async (t) => {
      const ground = await filesGround(t, driver);
      const shared = tempFor(t as { after(hook: () => void): void });
      const { containers } = ground.engine;
      const id = await ground.create({ Binds: [`${shared}:/b`, `${shared}:/ro:ro`] });
      await put(ground, id, '/home', [file('created', '1')]);
      await put(ground, id, '/b', [file('shared', 'x')]);
      assert.equal(readFileSync(`${shared}/shared`, 'utf8'), 'x');
      assert.deepEqual(await get(ground, id, '/b'), ['drwx------ 0/0 0 b/', '-rw-r--r-- 0/0 1 b/shared']);
      await assert.rejects(put(ground, id, '/ro', [file('y', '')]), { message: 'mounted volume is marked read-only' });
      await containers.start(id);
      assert.equal(await ground.sh(id, 'cat /home/created; echo 2 > /home/running; rm /home/created'), '1');
      await containers.pause(id);
      await put(ground, id, '/home', [file('paused', '3')]);
      assert.deepEqual(await get(ground, id, '/home/.'), [
        'drwxr-xr-x 0/0 0 ./',
        'drwxr-xr-x 1000/1000 0 ./guest/',
        '-rw-r--r-- 0/0 1 ./paused',
        '-rw-r--r-- 0/0 2 ./running',
      ]);
      await containers.unpause(id);
      await containers.stop(id, { timeout: 0 });
      await put(ground, id, '/home', [file('stopped', '4'), file('running', 'again')]);
      assert.equal((await ground.client.statArchive(id, '/home/running')).size, 5);
      const [, exported] = listed(await collect(ground.client.export(id))).filter((line) => line.includes(' home/'));
      assert.equal(exported, 'drwxr-xr-x 1000/1000 0 home/guest/');
      await containers.start(id);
      assert.equal(await ground.sh(id, 'cd /home; cat paused stopped running; ls'), '34againguest\npaused\nrunning\nstopped\n');
    });

    test('a read-only root takes nothing, what is mounted for writing does', async (t) => {
      const ground = await filesGround(t, driver);
      const shared = tempFor(t as { after(hook: () => void): void });
      const id = await ground.create({ ReadonlyRootfs: true, Binds: [`${shared}:/b`], Tmpfs: { '/tm': '' } });
      const check = async () => {
        await assert.rejects(put(ground, id, '/tmp', [file('x')]), { message: 'container rootfs is marked read-only' });
        await put(ground, id, '/b', [file('x', 'y')]);
      };
      await check();
      await ground.engine.containers.start(id);
      await check();
      await put(ground, id, '/tm', [file('x', 'y')]);
      assert.deepEqual(
        (await ground.client.changes(id)).filter(({ Path }) => Path.startsWith('/tmp')),
        [],
      );
    });

    test('clients that go in the middle leave nothing behind, and nobody waits for them', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('head -c 20000000 /dev/zero > /home/big');
      await ground.engine.containers.stop(id, { timeout: 0 });
      const some = async () => {
        for await (const piece of (await ground.client.getArchive(id, '/home')).body) if (piece.length > 0) break;
      };
      for (let round = 0; round < 5; round++) await Promise.all([some(), some(), some(), some()]);
      const broken = async function* () {
        yield layerTar([file('half', 'x'.repeat(300_000))]).subarray(0, 200_000);
        throw new Error('the client has gone');
      };
      await assert.rejects(ground.client.putArchive(id, '/home', broken()));
      await put(ground, id, '/home', [file('after', 'x')]);
      assert.equal((await collect((await ground.client.getArchive(id, '/home/big')).body)).length, 20_000_000 + 512 + 1024 + 256);
      const views = () => readdirSync(`${ground.ground.dataRoot}/accounts`).filter((name) => name.startsWith('view-'));
      for (const end = Date.now() + 10_000; views().length > 0 && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(views(), []);
    });

    test('a user namespace: owners as the container sees them, whether it runs or not', async (t) => {
      const ground = await filesGround(t, driver);
      const root = `${tempFor(t as { after(hook: () => void): void })}/root`;
      await copyRootfs(await busyboxRootfs(), root);
      const ids = [{ Container: 0, Host: 100_000, Size: 65_536 }];
      const Kobako = { Rootfs: { Path: root, Overlay: false }, UidMap: ids, GidMap: ids };
      const id = await ground.create({ UsernsMode: 'private', Kobako }, { Image: '' });
      const owned = [file('zero', ''), file('guest', '', { uid: 1000, gid: 1000 }), file('a/b', '')];
      const all = ['drwxrwxrwt 0/0 0 ./', 'drwxr-xr-x 0/0 0 ./a/', '-rw-r--r-- 0/0 0 ./a/b', '-rw-r--r-- 1000/1000 0 ./guest', '-rw-r--r-- 0/0 0 ./zero'];
      const seen = 'a 0:0\nguest 1000:1000\nzero 0:0\na/b 0:0\n';
      await put(ground, id, '/tmp', owned);
      assert.deepEqual(await get(ground, id, '/tmp/.'), all);
      await ground.engine.containers.start(id);
      assert.equal(await ground.sh(id, "cd /tmp; stat -c '%n %u:%g' * a/b; rm -r *"), seen);
      await put(ground, id, '/tmp', owned);
      assert.equal(await ground.sh(id, "cd /tmp; stat -c '%n %u:%g' * a/b"), seen);
      assert.deepEqual(await get(ground, id, '/tmp/.'), all);
      await assert.rejects(put(ground, id, '/tmp', [file('x', '', { uid: 70_000 })]), { kind: 'invalid', message: /cannot be mapped/ });
      const exported = listed(await collect(ground.client.export(id)));
      assert.ok(exported.includes('-rw-r--r-- 1000/1000 0 tmp/guest') && exported.includes('drwxr-xr-x 1000/1000 0 home/guest/'), exported.join('\n'));
    });

    test('while one that does not run is changed, a start waits', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.create();
      const tar = layerTar([file('a', 'x'.repeat(200_000)), file('b', 'y')]);
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const slow = async function* () {
        yield tar.subarray(0, 100_000);
        begun.resolve();
        await gate.promise;
        yield tar.subarray(100_000);
      };
      const putting = ground.engine.containers.putArchive(id, '/home', slow());
      await begun.promise;
      let started = false;
      const starting = ground.engine.containers.start(id).then(() => (started = true));
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal(started, false);
      gate.resolve();
      await Promise.all([putting, starting]);
      assert.equal(await ground.sh(id, 'cat /home/b'), 'y');
    });

    test('a folder root: running, stopped, with its writes thrown away', async (t) => {
      const ground = await filesGround(t, driver);
      const root = `${tempFor(t as { after(hook: () => void): void })}/root`;
      await copyRootfs(await busyboxRootfs(), root);
      const { containers } = ground.engine;
      const make = (Overlay: boolean) => ground.create({ Kobako: { Rootfs: { Path: root, Overlay } } } as never, { Image: '' });
      const id = await make(false);
      await put(ground, id, '/home', [file('one', '1')]);
      assert.equal(readFileSync(`${root}/home/one`, 'utf8'), '1');
      await containers.start(id);
      await put(ground, id, '/home', [file('two', '2')]);
      assert.equal(readFileSync(`${root}/home/two`, 'utf8'), '2');
      const names = (tar: Buffer) => listed(tar).map((line) => line.split(' ')[3]!);
      const exported = names(await collect(ground.client.export(id)));
      assert.ok(exported.includes('home/two') && exported.includes('proc/') && !exported.some((name) => /^(proc|sys|dev)\/./.test(name)));
      await assert.rejects(ground.client.changes(id), { kind: 'conflict', message: /has no image: its root file system is the folder/ });
      await assert.rejects(ground.client.commit(id), { kind: 'conflict', message: /has no image: its root file system is the folder/ });
      const over = await make(true);
      await assert.rejects(put(ground, over, '/home', [file('three')]), { kind: 'conflict', message: /thrown away/ });
      assert.equal((await ground.client.statArchive(over, '/home/one')).size, 1);
      await containers.start(over);
      await put(ground, over, '/home', [file('three', '3')]);
      assert.equal(await ground.sh(over, 'cat /home/three'), '3');
      assert.equal(existsSync(`${root}/home/three`), false);
      assert.ok(names(await collect(ground.client.export(over))).includes('home/three'), 'what it wrote over the folder is exported');
      await containers.stop(over, { timeout: 0 });
      assert.ok(names(await collect(ground.client.export(over))).includes('home/two'));
    });

    test('the documents and headers are as the specification has them', async (t) => {
      const ground = await filesGround(t, driver);
      const id = await ground.run('echo x > /x');
      using api = new ApiClient(ground.address.slice('unix://'.length));
      const head = await api.ask('HEAD', `/v1.51/containers/${id}/archive?path=/etc/passwd`);
      assert.equal(head.status, 200);
      const stat = JSON.parse(Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString()) as object;
      assert.deepEqual(Object.keys(stat), ['name', 'size', 'mode', 'mtime', 'linkTarget']);
      const got = await api.ask('GET', `/v1.51/containers/${id}/archive?path=/etc/passwd`);
      assert.deepEqual([got.status, got.headers['content-type']], [200, 'application/x-tar']);
      const body = layerTar([file('y', 'y')]);
      const headers = { 'Content-Type': 'application/x-tar' };
      assert.equal((await api.ask('PUT', `/v1.51/containers/${id}/archive?path=/`, { body, headers })).status, 200);
      assert.deepEqual((await api.get(`/v1.51/containers/${id}/changes`)).json, [
        { Path: '/x', Kind: 1 },
        { Path: '/y', Kind: 1 },
      ]);
      assert.equal((await api.get(`/v1.51/containers/nobody/export`)).status, 404);
      const commit = await api.post(`/v1.51/commit?container=${id}&repo=made`, { Env: ['X=y'] });
      assert.equal(commit.status, 201, commit.text);
      assert.match((commit.json as { Id: string }).Id, /^sha256:[0-9a-f]{64}$/);
    });
  });
}
