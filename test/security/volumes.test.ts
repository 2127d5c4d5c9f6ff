/** Volumes against what lies in them and in images: nothing of the host is read, written or shown. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import type { HostConfig } from '../../src/engine/types/container.ts';
import { busyboxLayer, imageArchive } from '../support/image-archive.ts';
import { imageGround } from '../support/image-ground.ts';
import { dir, file, layerTar, link, symlink, type LayerEntry } from '../support/layers.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';

const UP = '../'.repeat(30);

async function hostile(t: TestContext, entries: (outside: string) => readonly LayerEntry[] = () => []) {
  const ground = imageGround(t);
  const outside = `${ground.folder}/outside`;
  mkdirSync(outside);
  writeFileSync(`${outside}/secret`, 'secret of the host');
  const engine = ground.engine({ owner: true });
  const { bytes } = imageArchive({ names: ['hostile:1'], layers: [await busyboxLayer(), layerTar(entries(outside))] });
  await engine.images.load(
    (async function* () {
      yield bytes;
    })(),
  );
  const create = async (host: Partial<HostConfig>, script = 'true') =>
    (await engine.containers.create({ Image: 'hostile:1', Cmd: ['sh', '-c', `exec 2>&1; ${script}`], HostConfig: { NetworkMode: 'none', ...host } })).Id;
  const run = async (host: Partial<HostConfig>, script: string) => {
    const id = await create(host, script);
    await engine.containers.start(id);
    await engine.containers.wait(id);
    let out = '';
    for await (const { log } of engine.logs(id)) out += log;
    await engine.containers.remove(id);
    return out;
  };
  const untouched = () => {
    assert.deepEqual(readdirSync(outside), ['secret']);
    assert.equal(readFileSync(`${outside}/secret`, 'utf8'), 'secret of the host');
    const { uid, mode } = statSync(outside);
    assert.deepEqual([uid, mode & 0o7777], [0, 0o755]);
  };
  return { ground, engine, outside, create, run, untouched };
}

test('an image’s links at and in the place of a volume stay inside', async (t) => {
  const { engine, run, untouched } = await hostile(t, (outside) => [
    symlink('absolute', outside),
    symlink('climbs', `${UP}${outside.slice(1)}`),
    symlink('process', `/proc/self/root${outside}`),
    dir('data/', { uid: 3 }),
    symlink('data/absolute', outside),
    symlink('data/climbs', `${UP}${outside.slice(1)}`),
    dir('data/deep/'),
    symlink('data/deep/secret', `${outside}/secret`),
    link('data/hard', 'data/absolute'),
    file(Buffer.from('data/\xff\n\x1b[2J', 'latin1'), 'odd'),
  ]);
  for (const place of ['/absolute', '/climbs', '/process']) {
    const name = `v${place.slice(1)}`;
    await engine.containers.create({ Image: 'hostile:1', Cmd: ['true'], HostConfig: { Binds: [`${name}:${place}`], NetworkMode: 'none' } });
    assert.deepEqual(readdirSync((await engine.volumes.inspect(name)).Mountpoint), [], place);
  }
  const out = await run(
    { Binds: ['data:/data'] },
    'for l in absolute climbs hard deep/secret; do readlink /data/$l; done | wc -l; cat /data/absolute/secret; echo x > /data/deep/secret; ls /data | wc -l',
  );
  assert.match(out, /^4\n(.*\n)*.*No such file/);
  assert.doesNotMatch(out, /secret of the host/);
  const { Mountpoint } = await engine.volumes.inspect('data');
  assert.equal(readdirSync(Mountpoint).length, 5);
  assert.equal(statSync(Mountpoint).uid, 3);
  untouched();
});

test('part of a volume while its folder becomes a link to the host, again and again', { timeout: 120_000 }, async (t) => {
  const { ground, engine, outside, create, untouched } = await hostile(t);
  const { Mountpoint } = await engine.volumes.create({ Name: 'raced' });
  mkdirSync(`${Mountpoint}/in/part`, { recursive: true });
  writeFileSync(`${Mountpoint}/in/part/secret`, 'mine');
  symlinkSync(outside, `${Mountpoint}/in/link`);
  await runOk('cc', ['-O1', '-static', '-o', `${ground.folder}/swapper`, `${projectDir}/test/security/swapper.c`]);
  const swapper = spawn(`${ground.folder}/swapper`, ['20', `${Mountpoint}/in/part`, `${Mountpoint}/in/link`], { stdio: 'ignore' });
  t.after(() => swapper.kill('SIGKILL'));
  const seen = new Set<string>();
  for (let round = 0; round < 60; round++) {
    const id = await create(
      { Mounts: [{ Type: 'volume', Source: 'raced', Target: '/p', VolumeOptions: { Subpath: 'in/part' } }] },
      'cat /p/secret; echo pwned > /p/new',
    );
    try {
      await engine.containers.start(id);
      await engine.containers.wait(id);
      for await (const { log } of engine.logs(id)) seen.add(log);
    } catch (error) {
      seen.add((error as Error).message.replace(/^.*: /s, ''));
    }
    await engine.containers.remove(id);
    untouched();
  }
  assert.equal(swapper.exitCode, null);
  assert.ok(seen.has('mine') && seen.size > 1, [...seen].join(', '));
  assert.ok(!seen.has('secret of the host'));
});

test('a volume in a user namespace: its owners are those inside, and others see the same', async (t) => {
  const { run, ground } = await hostile(t, () => [dir('data/', { uid: 5 }), file('data/f', 'f', { uid: 7, gid: 8 })]);
  chmodSync(ground.folder, 0o711);
  const map = [{ Container: 0, Host: 100_000, Size: 65_536 }];
  const rootfs = { Rootfs: { Path: await busyboxRootfs(), Overlay: true } };
  const mapped = { Binds: ['shared:/home'], Kobako: { ...rootfs, UidMap: map, GidMap: map } };
  const look = "stat -c '%u:%g' /home /home/guest /home/new";
  assert.equal(await run(mapped, `touch /home/new; ${look}; awk '{print $2}' /proc/self/uid_map`), '0:0\n1000:1000\n0:0\n100000\n');
  assert.equal(await run({ Binds: ['shared:/home'] }, look), '0:0\n1000:1000\n0:0\n');
  const image = { Kobako: mapped.Kobako, Mounts: [{ Type: 'image', Source: 'hostile:1', Target: '/i' } as const] };
  assert.equal(await run(image, "stat -c '%u:%g' /i/data/f; touch /i/x && echo written"), '7:8\ntouch: /i/x: Read-only file system\n');
});

test('a read-only volume cannot be made writable, nor what lies below it seen', async (t) => {
  const { engine, run } = await hostile(t);
  const { Mountpoint } = await engine.volumes.create({ Name: 'kept' });
  mkdirSync(`${Mountpoint}/part`);
  writeFileSync(`${Mountpoint}/above`, 'not yours');
  const out = await run(
    {
      Mounts: [{ Type: 'volume', Source: 'kept', Target: '/p', ReadOnly: true, VolumeOptions: { Subpath: 'part' } }],
      CapAdd: ['SYS_ADMIN'],
      SecurityOpt: ['seccomp=unconfined'],
    },
    'umount /p; ls -A /p; cat /p/../above; ls /p/.. | grep -c above',
  );
  assert.doesNotMatch(out, /not yours/);
  assert.match(out, /0\n$/);
});
