/** Containers of images in user namespaces: what belongs to root inside belongs to root on the disk, with both drivers. */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { before, describe, test, type TestContext } from 'node:test';
import type { ContainerCreate } from '../../src/engine/types/container.ts';
import { machineFacts } from '../../src/kernel/linux/machine.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { helperMissing } from '../support/helper.ts';
import { imageGround, importBusybox, type Ground } from '../support/image-ground.ts';

const MAPS = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'];
const OUTSIDE = 100_000;

let noErofs: string | undefined;
before(async () => {
  noErofs = await whyNoErofs();
});

for (const driver of ['overlay', 'erofs'] as const) {
  describe(`with ${driver}`, () => {
    const on = (t: TestContext, body: (ground: Ground) => Promise<void>) => {
      const missing = helperMissing() ?? (driver === 'erofs' ? noErofs : undefined);
      if (missing !== undefined) return t.skip(missing);
      const ground = imageGround(t, driver);
      if (machineFacts().idmap?.(ground.folder) === false) return t.skip('no idmapped mounts of the file system of temporary files');
      return body(ground);
    };

    test('writes are the layer of root on the disk, and of root inside; a folder that was replaced hides what was below', (t) =>
      on(t, async (ground) => {
        await importBusybox(ground, 'bb');
        assert.equal(statSync(ground.folder).mode & 0o077, 0); // the data root is where only root comes
        const script = 'grep -o 100000 /proc/self/uid_map; echo x >/x; mkdir /y; chown 5:6 /y; rm -r /usr; mkdir /usr; echo n >/usr/new; stat -c %u:%g /bin /x';
        const said = await ground.ok('run', '--name', 'one', ...MAPS, 'bb', 'sh', '-c', script);
        assert.deepEqual(said.trim().split('\n'), [`${OUTSIDE}`, '0:0', '0:0']);

        const changes = ['C /usr', 'D /usr/bin', 'A /usr/new', 'D /usr/sbin', 'A /x', 'A /y'];
        assert.deepEqual((await ground.ok('diff', 'one')).trim().split('\n').toSorted(), changes.toSorted());
        assert.deepEqual([lstatSync(`${layer(ground)}/x`).uid, lstatSync(`${layer(ground)}/y`).gid], [0, 6]);

        await ground.ok('commit', 'one', 'changed');
        for (const maps of [[], MAPS]) {
          const inside = await ground.ok('run', '--rm', ...maps, 'changed', 'sh', '-c', 'ls /usr; stat -c %u:%g /x /y');
          assert.equal(inside, 'new\n0:0\n5:6\n');
        }
        const exported = await ground.sh('k export one | tar -tv --numeric-owner');
        assert.match(exported, / 5\/6 .* y\//);
        assert.match(exported, / 0\/0 .* usr\/new/);
        assert.doesNotMatch(exported, /usr\/bin/);
      }));

    test('files are copied in and out, whether it runs or not, and are there after a restart', (t) =>
      on(t, async (ground) => {
        await importBusybox(ground, 'bb');
        writeFileSync(`${ground.folder}/in`, 'in');
        await ground.ok('create', '--name', 'one', ...MAPS, '--tmpfs', '/tmpfs', 'bb', 'sh', '-c', 'rm -rf /usr; mkdir /usr; sleep 300');
        await ground.ok('cp', `${ground.folder}/in`, 'one:/before');
        assert.equal(lstatSync(`${layer(ground)}/before`).uid, 0);
        await ground.ok('start', 'one');
        await ground.sh('for i in $(seq 100); do k exec one test -e /usr/bin || break; sleep 0.1; done');
        await ground.ok('cp', `${ground.folder}/in`, 'one:/running');
        await ground.ok('cp', `${ground.folder}/in`, 'one:/tmpfs/running');
        assert.equal(await ground.ok('exec', 'one', 'stat', '-c', '%u:%g', '/before', '/running', '/tmpfs/running'), '0:0\n0:0\n0:0\n');
        assert.match(await ground.sh('k cp one:/running - | tar -tv --numeric-owner'), / 0\/0 /);
        await ground.ok('restart', '-t', '0', 'one');
        assert.equal(await ground.ok('exec', 'one', 'cat', '/before', '/running'), 'inin');
        await ground.ok('kill', 'one');
        await ground.ok('wait', 'one');
        // the folder that it replaced shows no more of the image to somebody who looks from outside, either
        assert.doesNotMatch(await ground.sh('k cp one:/usr - | tar -t'), /bin/);
      }));

    test('volumes belong to root on the disk, with what the image has at their places; binds keep their owners', (t) =>
      on(t, async (ground) => {
        await importBusybox(ground, 'bb');
        const volumes = ['-v', 'filled:/etc', '-v', 'empty:/empty', '-v', `${ground.folder}/bind:/bind`];
        const script = 'stat -c %u /etc /etc/passwd /empty /bind; echo x >/etc/x; echo x >/empty/x';
        assert.equal(await ground.ok('run', '--rm', ...MAPS, ...volumes, 'bb', 'sh', '-c', script), '0\n0\n0\n65534\n');
        for (const path of ['filled/_data', 'filled/_data/passwd', 'filled/_data/x', 'empty/_data', 'empty/_data/x']) {
          assert.equal(lstatSync(`${ground.dataRoot}/volumes/${path}`).uid, 0, path);
        }
        assert.equal(await ground.ok('run', '--rm', '-v', 'filled:/v', 'bb', 'stat', '-c', '%u', '/v/x'), '0\n');
      }));

    test('a published port leads to it', (t) =>
      on(t, async (ground) => {
        await importBusybox(ground, 'bb');
        const serve = 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www';
        await ground.ok('run', '-d', '--name', 'one', ...MAPS, '-p', '127.0.0.1::80', 'bb', 'sh', '-c', serve);
        const [address] = (await ground.ok('port', 'one', '80')).trim().split('\n');
        assert.equal(await page(`http://${address}/`), 'hello\n');
      }));
  });
}

test('userns-remap: containers get the ids, have networks, exec and each other’s namespaces; one may stay out', async (t) => {
  const missing = helperMissing();
  if (missing !== undefined) return t.skip(missing);
  const ground = imageGround(t);
  if (machineFacts().idmap?.(ground.folder) === false) return t.skip('no idmapped mounts of the file system of temporary files');
  await importBusybox(ground, 'bb');
  const ids = [{ Container: 0, Host: OUTSIDE, Size: 65_536 }];
  const engine = ground.engine({ usernsRemap: { uids: ids, gids: ids } });
  const run = async (name: string, hostConfig: object) => {
    const { Id } = await engine.containers.create({ Image: 'bb', Cmd: ['sleep', '300'], HostConfig: hostConfig } as ContainerCreate, { name });
    await engine.containers.start(Id);
    return ground.ok('exec', name, 'sh', '-c', 'cat /proc/self/uid_map; stat -c %u /bin; ip -o -4 addr show eth0 | grep -c inet');
  };
  assert.match(await run('mapped', {}), /^ +0 +100000 +65536\n0\n1\n$/);
  assert.match(await run('joined', { NetworkMode: 'container:mapped' }), /^ +0 +100000 +65536\n0\n1\n$/);
  assert.match(await run('outside', { UsernsMode: 'host', Privileged: true }), /^ +0 +0 +4294967295\n0\n1\n$/);
  await assert.rejects(run('refused', { Privileged: true }), { kind: 'invalid', message: /privileged mode is incompatible/ });
  assert.ok((await engine.system.info()).SecurityOptions.includes('name=userns'));
});

/** The folder of the only container's writes. */
function layer(ground: Ground): string {
  const at = ['overlay', 'erofs'].map((name) => `${ground.dataRoot}/${name}/writable`);
  const found = at.flatMap((folder) =>
    statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder).map((id) => `${folder}/${id}/diff`),
  );
  assert.equal(found.length, 1);
  return found[0]!;
}

/** As soon as somebody answers. */
async function page(url: string): Promise<string> {
  for (let tries = 100; ; tries--) {
    try {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      get(url, { agent: false }, (answer) => text(answer).then(resolve, reject)).on('error', reject);
      return await promise;
    } catch (error) {
      if (tries === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
