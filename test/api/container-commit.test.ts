/** What a container has changed, images of it, and sizes: over HTTP, on the real kernel, with both drivers. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { EngineEvent } from '../../src/engine/types/system.ts';
import { collect, filesGround, listed, pieces, type FilesGround } from '../support/container-files-ground.ts';
import { dir, file, layerTar, symlink } from '../support/layers.ts';
import { busybox } from '../support/rootfs.ts';
import { until } from '../support/monitored.ts';
import { tempFor } from '../support/temp.ts';

const LETTERS = ['C', 'A', 'D'];
const changes = async ({ client }: FilesGround, id: string) => (await client.changes(id)).map(({ Kind, Path }) => `${LETTERS[Kind]} ${Path}`);

/** Names in an image's layers, lowest first. */
async function layersOf({ engine }: FilesGround, name: string): Promise<string[][]> {
  const saved = layerTarEntries(await collect(engine.images.save([name])));
  const manifest = JSON.parse(saved.get('manifest.json')!.toString()) as { Layers: string[] }[];
  return manifest[0]!.Layers.map((layer) => listed(saved.get(layer)!).map((line) => line.split(' ').slice(3).join(' ')));
}

function layerTarEntries(tar: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    found.set(tar.toString('latin1', at, at + 100).replace(/\0.*/s, ''), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}

/** An image with a shell and nothing else: not one of the folders that mounts go to. */
async function bare(ground: FilesGround): Promise<void> {
  const tar = layerTar([
    dir('bin/'),
    file('bin/busybox', readFileSync(await busybox()), { mode: 0o755 }),
    ...['sh', 'sleep', 'mkdir', 'rm'].map((name) => symlink(`bin/${name}`, 'busybox')),
  ]);
  await ground.engine.images.import(pieces(tar), { name: 'bare' });
}

for (const driver of ['overlay', 'erofs'] as const) {
  describe(`changes and commit, ${driver}`, () => {
    test('changes: folders that hold them too, nothing of what is mounted', async (t) => {
      const ground = await filesGround(t, driver);
      const shared = tempFor(t as { after(hook: () => void): void });
      const id = await ground.run(
        `mkdir /n; echo a > /n/f; rm /etc/os-release; chmod 700 /home; mv /etc/group /etc/group2; echo x > /b/x; echo x > /tm/x; echo x > /dev/shm/x
         cat /etc/passwd > /dev/null; rm -r /var; mkdir /var; touch /home/guest/q; rm /home/guest/q`,
        { Binds: [`${shared}:/b`], Tmpfs: { '/tm': '' } },
      );
      const expected = ['A /b', 'C /etc', 'D /etc/group', 'A /etc/group2', 'D /etc/os-release', 'C /home', 'A /n', 'A /n/f', 'A /tm', 'C /var', 'D /var/tmp'];
      assert.deepEqual(await changes(ground, id), expected);
      await ground.engine.containers.stop(id, { timeout: 0 });
      assert.deepEqual(await changes(ground, id), expected);
      assert.deepEqual(await changes(ground, await ground.create()), []);
    });

    test('an image without the places that mounts go to', async (t) => {
      const ground = await filesGround(t, driver);
      await bare(ground);
      const id = await ground.run('true', {}, { Image: 'bare' });
      assert.deepEqual(await changes(ground, id), []);
      await ground.sh(id, 'echo > /etc/mine; mkdir /own');
      assert.deepEqual(await changes(ground, id), ['C /etc', 'A /etc/mine', 'A /own']);
      await ground.client.commit(id, { repo: 'made' });
      assert.deepEqual((await layersOf(ground, 'made'))[1], ['etc/', 'etc/mine', 'own/']);
    });

    test('commit: one more layer, the configuration, names, history; what is mounted is not in it', async (t) => {
      const ground = await filesGround(t, driver);
      const shared = tempFor(t as { after(hook: () => void): void });
      const { engine, client } = ground;
      const host = { Binds: [`${shared}:/b`] };
      const id = await ground.run('echo new > /n; rm /etc/os-release; echo x > /b/x', host, { Env: ['A=1'], Labels: { l: 'm' }, WorkingDir: '/tmp' });
      const options = { repo: 'made', tag: 'v1', comment: 'said', author: 'me <m@x>', changes: ['ENV B=2', 'CMD ["cat", "/n"]\nLABEL z=y'] };
      const { Id } = await client.commit(id, options);
      const image = await engine.images.inspect('made:v1');
      assert.equal(image.id, Id);
      assert.deepEqual([image.author, image.comment, image.repoTags], ['me <m@x>', 'said', ['made:v1']]);
      const { Env, Cmd, Labels, WorkingDir } = image.config;
      assert.deepEqual([Cmd, Labels, WorkingDir], [['cat', '/n'], { l: 'm', z: 'y' }, '/tmp']);
      assert.deepEqual(
        Env?.filter((entry) => !entry.startsWith('PATH=')),
        ['A=1', 'B=2'],
      );
      const [newest, ...older] = await engine.images.history('made:v1');
      assert.deepEqual([newest?.createdBy, newest?.comment, older.length], ['sleep 1000', 'said', 1]);
      const layers = await layersOf(ground, 'made:v1');
      assert.equal(layers.length, 2);
      assert.deepEqual(layers[1], ['b/', 'etc/', 'etc/.wh.os-release', 'n']);
      const again = await engine.containers.create({ Image: 'made:v1', HostConfig: { NetworkMode: 'none' } });
      assert.equal((await client.statArchive(again.Id, '/n')).size, 4);
      await assert.rejects(client.statArchive(again.Id, '/etc/os-release'), { kind: 'not-found' });
      // without a name it is dangling; the given configuration is completed by the container's own
      const dangling = await client.commit(id, { config: { Env: ['C=3'], Entrypoint: ['/e'] } });
      const second = await engine.images.inspect(dangling.Id);
      assert.deepEqual([second.repoTags, second.config.Entrypoint, second.config.Labels], [[], ['/e'], { l: 'm' }]);
      assert.deepEqual(
        second.config.Env?.filter((entry) => !entry.startsWith('PATH=')),
        ['C=3', 'A=1'],
      );
      // an entry point of its own does not get the old command as its arguments
      const third = await client.commit(id, { changes: ['ENTRYPOINT ["/x"]'] });
      assert.equal((await engine.images.inspect(third.Id)).config.Cmd ?? null, null);
    });

    test('a container that wrote nothing: no layer more', async (t) => {
      const ground = await filesGround(t, driver);
      await ground.client.commit(await ground.create(), { repo: 'same' });
      assert.equal((await layersOf(ground, 'same')).length, 1);
      assert.equal((await ground.engine.images.history('same')).length, 2);
    });

    test('it stands still meanwhile, and goes on, also after a failure; what is paused stays so', async (t) => {
      const ground = await filesGround(t, driver);
      const { engine, client } = ground;
      const id = await ground.run('echo 0 > /a; echo 0 > /b');
      const counting = await engine.exec(id, { args: ['sh', '-c', 'n=0; while :; do n=$((n+1)); echo $n > /a; echo $n > /b; done'], detach: true });
      for (let round = 0; round < 5; round++) {
        await client.commit(id, { repo: 'still', tag: String(round) });
        const made = (await engine.containers.create({ Image: `still:${round}`, HostConfig: { NetworkMode: 'none' } })).Id;
        const number = async (path: string) =>
          Number((await collect((await client.getArchive(made, path)).body)).toString('latin1', 512, 530).replace(/[\n\0].*/s, ''));
        const [a, b] = [await number('/a'), await number('/b')];
        assert.ok(a === b || a === b + 1 || a === 0 || b === 0, `${a} and ${b}`);
      }
      // the file is empty for a moment with each number
      const seen = () => ground.sh(id, 'cat /b');
      const before = await seen();
      await until('it goes on', async () => !['', before].includes(await seen()));
      const layer = `${ground.ground.dataRoot}/${driver}/writable/${id}`;
      renameSync(`${layer}/diff`, `${layer}/away`);
      await assert.rejects(client.commit(id), /writable layer/);
      renameSync(`${layer}/away`, `${layer}/diff`);
      assert.equal(await ground.sh(id, 'echo still there'), 'still there\n');
      await counting.kill(9);
      await engine.containers.pause(id);
      await client.commit(id, { repo: 'paused' });
      assert.equal((await engine.containers.inspect(id)).State.Status, 'paused');
      await engine.containers.unpause(id);
    });

    test('what cannot be: names, instructions, containers', async (t) => {
      const ground = await filesGround(t, driver);
      const { client } = ground;
      const id = await ground.create();
      await assert.rejects(client.commit('nobody'), { kind: 'not-found', message: 'No such container: nobody' });
      await assert.rejects(client.commit(id, { repo: 'Upper' }), { kind: 'invalid', message: /must be lowercase/ });
      await assert.rejects(client.commit(id, { repo: 'x', tag: 'bad tag' }), { kind: 'invalid' });
      await assert.rejects(client.commit(id, { repo: 'x', changes: ['FOO bar'] }), { kind: 'invalid', message: /FOO/ });
    });

    test('events and sizes', async (t) => {
      const ground = await filesGround(t, driver);
      const { engine, client } = ground;
      const id = await ground.run('head -c 100000 /dev/zero > /big; ln -s big /l');
      const seen: string[] = [];
      const stop = new AbortController();
      const reading = (async () => {
        for await (const event of engine.system.events({ signal: stop.signal })) seen.push(line(event));
      })();
      const { Id } = await client.commit(id, { repo: 'made', comment: 'c' });
      await collect((await client.getArchive(id, '/big')).body);
      await client.putArchive(id, '/', pieces(layerTar([file('y')])));
      await collect(client.export(id));
      stop.abort();
      await reading.catch(() => {});
      assert.deepEqual(
        seen.filter((text) => text.startsWith('container')),
        [
          'container pause',
          'container unpause',
          `container commit c ${Id} made:latest`,
          'container archive-path',
          'container extract-to-dir',
          'container export',
        ],
      );
      assert.deepEqual(
        seen.filter((text) => text.startsWith('image')),
        ['image create', 'image tag'],
      );
      const { SizeRw, SizeRootFs } = await engine.containers.inspect(id, { size: true });
      if (SizeRw !== undefined) assert.ok(SizeRw >= 100_003 && SizeRootFs! > SizeRw, `${SizeRw} ${SizeRootFs}`);
    });
  });
}

function line({ Type, Action, Actor: { Attributes: at } }: EngineEvent): string {
  return [Type, Action, at['comment'], at['imageID'], at['imageRef']].filter((text) => text !== undefined && text !== '').join(' ');
}
