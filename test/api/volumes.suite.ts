/** What volumes promise, on an engine in this process and over a socket. The kernel is the real one. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { EngineError } from '../../src/base/errors.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { until } from '../support/monitored.ts';
import { mountsBelow, tempFor } from '../support/temp.ts';
import { volumeGround, volumeMount as mount, type VolumeGround } from '../support/volume-ground.ts';

export function volumesSuite(title: string, open: () => Promise<{ readonly engine: Engine; readonly dataRoot: string; close(): Promise<void> }>): void {
  describe(title, { concurrency: false }, () => {
    let [ground, under]: [VolumeGround, Awaited<ReturnType<typeof open>>] = [undefined as never, undefined as never];
    const volumes = () => under.engine.volumes;
    before(async () => {
      under = await open();
      ground = await volumeGround(under.engine);
    });
    after(async () => {
      try {
        await ground.clear();
        const left = () => readdirSync(`${under.dataRoot}/volumes`).filter((name) => name !== '.locks');
        await until('nothing is left', () => left().length === 0);
        assert.deepEqual(readdirSync(`${under.dataRoot}/volumes/.locks`), []);
      } finally {
        await under.close();
      }
    });
    const fails = async (promise: Promise<unknown>, kind: string, message: string | RegExp) => {
      await assert.rejects(promise, (error) => {
        assert.ok(error instanceof EngineError, String(error));
        if (typeof message === 'string') assert.equal(error.message, message);
        else assert.match(error.message, message);
        assert.equal(error.kind, kind, error.message);
        return true;
      });
    };
    const pointOf = async (id: string, destination: string) =>
      (await under.engine.containers.inspect(id)).Mounts.find((each) => each.Destination === destination)!;

    test('create is idempotent; inspect, list, remove; none without a name', async () => {
      const name = ground.name();
      const made = await volumes().create({ Name: name, Labels: { a: 'b' } });
      assert.deepEqual(
        { ...made, CreatedAt: '', Mountpoint: '' },
        { CreatedAt: '', Driver: 'local', Labels: { a: 'b' }, Mountpoint: '', Name: name, Options: null, Scope: 'local' },
      );
      assert.ok(existsSync(made.Mountpoint) && made.Mountpoint.startsWith(under.dataRoot));
      assert.match(made.CreatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.deepEqual(
        await volumes().create({ Name: name, Labels: { other: '' }, DriverOpts: { type: 'tmpfs', device: 'tmpfs' } }),
        made,
        'as in Docker, the one that is there',
      );
      assert.deepEqual(await volumes().inspect(name), made);
      assert.deepEqual((await volumes().list({ name: [name] })).Volumes, [made]);
      await volumes().remove(name);
      assert.equal(existsSync(made.Mountpoint), false);
      await fails(volumes().inspect(name), 'not-found', `get ${name}: no such volume`);
      await fails(volumes().remove(name), 'not-found', `get ${name}: no such volume`);
      await volumes().remove(name, { force: true });
      const anonymous = await volumes().create();
      assert.match(anonymous.Name, /^[0-9a-f]{64}$/);
      assert.deepEqual(anonymous.Labels, { 'com.docker.volume.anonymous': '' });
      assert.deepEqual((await volumes().prune()).VolumesDeleted, [anonymous.Name]);
    });

    test('names and options that are none', async () => {
      const bad =
        '"a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path';
      await fails(volumes().create({ Name: 'a/b' }), 'invalid', `create a/b: ${bad}`);
      for (const name of ['..', '.hidden', 'a\0b', 'a'.repeat(256), 'a b', '-a']) await fails(volumes().create({ Name: name }), 'invalid', /create .*: /s);
      await fails(volumes().create({ Name: 'a' }), 'invalid', 'create a: volume name is too short, names should be at least two alphanumeric characters');
      await fails(volumes().create({ Name: 'ab', Driver: 'nope' }), 'not-found', 'create ab: error looking up volume plugin nope: plugin "nope" not found');
      await fails(volumes().create({ Name: 'ab', DriverOpts: { x: 'y' } }), 'invalid', 'create ab: invalid option: "x"');
      await fails(volumes().create({ Name: 'ab', DriverOpts: { type: 'nfs' } }), 'invalid', 'create ab: missing required option: "device"');
      assert.deepEqual((await volumes().list({ name: ['^ab$'] })).Volumes, []);
    });

    test('filters, sums, prune', async () => {
      const [used, free, other] = ['used', 'free', 'other'].map((what) => ground.name(what)) as [string, string, string];
      for (const [name, Labels] of [
        [used, { kind: 'x' }],
        [free, { kind: 'x' }],
        [other, { kind: 'y' }],
      ] as const)
        await volumes().create({ Name: name, Labels });
      const id = await ground.create({ Binds: [`${used}:/u`] });
      const names = async (filters: Record<string, string[]>) => (await volumes().list(filters)).Volumes.map(({ Name }) => Name).toSorted();
      assert.deepEqual(await names({ label: ['kind'] }), [used, free, other].toSorted());
      assert.deepEqual(await names({ label: ['kind=x'] }), [used, free].toSorted());
      assert.deepEqual(await names({ label: ['kind=x'], dangling: ['1'] }), [free]);
      assert.deepEqual(await names({ label: ['kind=x'], dangling: ['false'] }), [used]);
      assert.deepEqual(await names({ name: [`^${other}`] }), [other]);
      assert.deepEqual(await names({ driver: ['nope'] }), []);
      await fails(volumes().list({ nope: ['x'] }), 'invalid', "invalid filter 'nope'");
      writeFileSync(`${(await volumes().inspect(free)).Mountpoint}/file`, 'x'.repeat(5000));
      const sums = (await under.engine.system.df(['volume'])).Volumes!;
      const sumOf = (name: string) => sums.find(({ Name }) => Name === name)!.UsageData;
      assert.deepEqual(
        [sumOf(used), sumOf(free)],
        [
          { RefCount: 1, Size: 0 },
          { RefCount: 0, Size: 5000 },
        ],
      );
      assert.deepEqual((await volumes().prune({ label: ['kind'] })).VolumesDeleted, [], 'only those without a name');
      const pruned = await volumes().prune({ all: ['true'], label: ['kind'], 'label!': ['kind=y'] });
      assert.deepEqual(pruned, { VolumesDeleted: [free], SpaceReclaimed: 5000 });
      await fails(volumes().remove(used), 'conflict', `remove ${used}: volume is in use - [${id}]`);
      await fails(volumes().remove(used, { force: true }), 'conflict', /is in use/);
      await under.engine.containers.remove(id);
      await volumes().remove(used);
      await volumes().remove(other);
    });

    test('what one container writes another reads; ro is read-only', async () => {
      const name = ground.name();
      assert.equal((await ground.run({ Binds: [`${name}:/v`] }, 'echo kept > /v/file')).code, 0);
      const { out, id } = await ground.run({ Binds: [`${name}:/w:ro`] }, 'cat /w/file; echo x > /w/other; grep -c " /w " /proc/self/mountinfo');
      assert.match(out, /^kept\n.*Read-only file system\n1$/s);
      const point = await pointOf(id, '/w');
      const { Mountpoint } = await volumes().inspect(name);
      assert.deepEqual(point, { Type: 'volume', Name: name, Source: Mountpoint, Destination: '/w', Driver: 'local', Mode: 'ro', RW: false, Propagation: '' });
      const listed = await under.engine.containers.list({ all: true, filters: { volume: [name] } });
      assert.equal(listed.length, 2);
      assert.deepEqual(mountsBelow(`${under.dataRoot}/volumes`), [], 'nothing in the host’s mount table');
    });

    test('first use copies what the image has: owners, modes, attributes, links, nodes, times', async () => {
      const name = ground.name();
      const look = `cd /data && stat -c '%n %u:%g %a %F %Y' . * below/* | sort; readlink relative absolute; cat plain below/deep; stat -c %h plain; stat -c '%t:%T' null`;
      const { out: expected } = await ground.run({}, look);
      assert.match(expected, /plain 7:8 640/);
      const { out, code } = await ground.run({ Binds: [`${name}:/data`] }, look);
      assert.deepEqual([code, out], [0, expected]);
      // a second container finds the first one's changes, and nothing is copied again
      await ground.run({ Binds: [`${name}:/data`] }, 'rm /data/plain; echo new > /data/setuid');
      assert.equal((await ground.run({ Binds: [`${name}:/data`] }, 'ls /data/plain; cat /data/setuid')).out, 'ls: /data/plain: No such file or directory\nnew');
    });

    test('first use of a folder that is empty: its owner and mode; of one that is not there: nothing', async () => {
      const names = [ground.name(), ground.name()] as const;
      assert.equal(
        (await ground.run({ Binds: [`${names[0]}:/empty`, `${names[1]}:/nowhere/at/all`] }, "stat -c '%u:%g %a' /empty /nowhere/at/all")).out,
        '42:43 2750\n0:0 755',
      );
    });

    test('first use through a link of the image: what it leads to, inside', async () => {
      const name = ground.name();
      assert.equal((await ground.run({ Binds: [`${name}:/linked`] }, 'cat /linked/deep /data/below/deep')).out, 'deepdeep');
    });

    test('nocopy', async () => {
      const [a, b] = [ground.name(), ground.name()];
      const { out } = await ground.run(
        { Binds: [`${a}:/data:nocopy`], Mounts: [mount(b, '/etc/x', { VolumeOptions: { NoCopy: true } })] },
        "ls -A /data /etc/x; stat -c '%u' /data",
      );
      assert.equal(out, '/data:\n\n/etc/x:\n0');
    });

    test('a volume at a file of the image is refused, and leaves no volume without a name', async () => {
      const before = (await volumes().list()).Volumes.length;
      await fails(
        ground.create({}, 'true', { Volumes: { '/x': {}, '/etc/passwd': {} } }),
        'invalid',
        'cannot mount volume over existing file, file exists /etc/passwd',
      );
      assert.equal((await volumes().list()).Volumes.length, before);
    });

    test('volumes of the image and without a name: made, shown, kept by rm, removed by rm -v and --rm', async () => {
      const Image = ground.image;
      const anonymous = async (id: string) => (await under.engine.containers.inspect(id)).Mounts.map(({ Name }) => Name!);
      const exists = async (name: string) => (await volumes().list({ name: [`^${name}$`] })).Volumes.length;
      const { id, out } = await ground.run({ Binds: ['/tmp:/home:ro'] }, 'cat /data/plain; grep -c " /more " /proc/self/mountinfo', {
        Image,
        Volumes: { '/more/': {} },
      });
      assert.equal(out, 'plain text1');
      const points = (await under.engine.containers.inspect(id)).Mounts;
      assert.deepEqual(
        points.map(({ Type, Destination, RW }) => [Type, Destination, RW]),
        [
          ['volume', '/data', true],
          ['bind', '/home', false],
          ['volume', '/more', true],
        ],
      );
      const [data, , more] = await anonymous(id);
      assert.match(data!, /^[0-9a-f]{64}$/);
      await under.engine.containers.remove(id);
      assert.deepEqual([await exists(data!), await exists(more!)], [1, 1]);
      assert.deepEqual((await volumes().prune()).VolumesDeleted.toSorted(), [data, more].toSorted());
      const named = ground.name();
      const second = await ground.create({ Binds: [`${named}:/n`] }, 'true', { Image });
      const gone = (await anonymous(second)).filter((name) => name !== named);
      await under.engine.containers.remove(second, { volumes: true });
      assert.deepEqual(await Promise.all([...gone, named].map(exists)), [0, 0, 1]);
      const third = await ground.create({ AutoRemove: true }, 'true', { Image });
      const own = await anonymous(third);
      const removed = under.engine.containers.wait(third, { condition: 'removed' });
      await under.engine.containers.start(third);
      await removed;
      assert.deepEqual(await Promise.all(own.map(exists)), [0, 0]);
    });

    test('volumes of another container: ro, precedence, and who removes them', async () => {
      const [a, b] = [ground.name(), ground.name()];
      const first = await ground.create({ Binds: [`${a}:/a`, '/tmp:/b'], Mounts: [{ Type: 'tmpfs', Target: '/t' }] }, 'true', { Volumes: { '/v': {} } });
      const { out, id } = await ground.run({ VolumesFrom: [`${first}:ro`], Binds: [`${b}:/b`] }, 'for f in /a /b /v /t; do touch $f/x 2>&1 && echo $f; done');
      assert.equal(
        out
          .split('\n')
          .filter((line) => line.startsWith('/'))
          .join(','),
        '/b',
        out,
      );
      const { Name } = await pointOf(first, '/v');
      assert.equal((await pointOf(id, '/v')).Name, Name);
      assert.equal((await pointOf(id, '/b')).Name, b, 'one’s own comes first');
      await under.engine.containers.remove(first, { volumes: true });
      assert.equal((await volumes().inspect(Name!)).Name, Name, 'another container has it still');
      await under.engine.containers.remove(id, { volumes: true });
      await fails(volumes().inspect(Name!), 'not-found', /no such volume/);
      await fails(ground.create({ VolumesFrom: ['nobody'] }), 'invalid', 'No such container: nobody');
      await fails(ground.create({ VolumesFrom: ['nobody:nope'] }), 'invalid', 'invalid mode: nope');
    });

    test('two things at one place', async () => {
      const name = ground.name();
      await fails(ground.create({ Binds: [`${name}:/x`, `${name}:/x/`] }), 'invalid', 'Duplicate mount point: /x');
      await fails(ground.create({ Binds: [`${name}:/x`], Mounts: [mount('', '/x')] }), 'invalid', 'Duplicate mount point: /x');
      await fails(ground.create({ Binds: [`${name}:/x`], Tmpfs: { '/x': '' } }), 'invalid', 'Duplicate mount point: /x');
      await fails(volumes().inspect(name), 'not-found', /no such volume/);
      const { out } = await ground.run({ Mounts: [mount(name, '/x')], Tmpfs: { '/x': 'size=1m' } }, 'grep " /x " /proc/self/mountinfo');
      assert.match(out, / - tmpfs /, 'as in Docker');
    });

    test('part of a volume: a folder, a file, what is not there, what would lead out', async () => {
      const name = ground.name();
      await ground.run(
        { Binds: [`${name}:/v`] },
        'mkdir -p /v/a/b; echo in > /v/a/b/f; ln -s a/b /v/in; ln -s /etc /v/out; ln -s ../../../etc /v/up; chown 9:9 /v/a/b',
      );
      const part = (Subpath: string) => ({ Mounts: [mount(name, '/p', { VolumeOptions: { Subpath } })] });
      assert.equal((await ground.run(part('a/b'), 'cat /p/f; ls -A /p; stat -c %u /p; cat /p/../p/f')).out, 'in\nf\n9\nin');
      assert.equal((await ground.run(part('a/./b/f'), 'cat /p')).out, 'in');
      assert.equal((await ground.run(part('in'), 'cat /p/f')).out, 'in', 'a link that stays inside');
      for (const subpath of ['out', 'up', 'none', 'a/none'])
        await assert.rejects(ground.run(part(subpath), 'ls /p'), (error: Error) => error.message.includes(`(${subpath})`));
      for (const subpath of ['../x', '/x', 'a/../../x'])
        await fails(ground.create(part(subpath)), 'invalid', /subpath must be a relative path within the volume/);
      await fails(
        ground.create({ Mounts: [mount('', '/p', { VolumeOptions: { Subpath: 'x' } })] }),
        'invalid',
        /must not set Subpath when using anonymous volumes/,
      );
    });

    test('options: a folder of this machine, memory that is shared while it is used', async (t) => {
      const folder = tempFor(t);
      mkdirSync(`${folder}/there`);
      const [bind, memory, missing] = [ground.name(), ground.name(), ground.name()];
      await volumes().create({ Name: bind, DriverOpts: { type: 'none', device: `${folder}/there`, o: 'bind' } });
      await volumes().create({ Name: memory, DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=1700,noexec' } });
      await volumes().create({ Name: missing, DriverOpts: { type: 'none', device: `${folder}/none`, o: 'bind' } });
      assert.equal((await ground.run({ Binds: [`${bind}:/data`] }, 'cat /data/plain; echo x > /data/new')).out, 'plain text', 'copied there, too');
      assert.ok(existsSync(`${folder}/there/new`) && existsSync(`${folder}/there/plain`));
      const holder = await ground.create({ Binds: [`${memory}:/m`] }, 'echo shared > /m/f; touch /m/ready; sleep 60');
      await under.engine.containers.start(holder);
      const { out, code } = await ground.run(
        { Binds: [`${memory}:/n`] },
        'until [ -e /n/ready ]; do sleep 0.05; done; cat /n/f; grep " /n " /proc/self/mountinfo; stat -c %a /n; echo y > /n/g',
      );
      assert.equal(code, 0, out);
      assert.match(out, /^shared\n.*noexec.* - tmpfs tmpfs rw,size=1024k.*\n1700$/s);
      await under.engine.containers.kill(holder);
      await under.engine.containers.wait(holder);
      assert.equal((await ground.run({ Binds: [`${memory}:/n`] }, 'ls -A /n')).out, '', 'gone with the last that had it');
      await assert.rejects(ground.run({ Binds: [`${missing}:/x`] }, 'true'), /no such file or directory/);
      assert.deepEqual(mountsBelow(under.dataRoot), []);
    });

    test('options: any file system, its first content, a part of it', async (t) => {
      const folder = tempFor(t);
      for (const name of ['lower', 'upper', 'work']) mkdirSync(`${folder}/${name}`);
      const name = ground.name();
      const o = `lowerdir=${folder}/lower,upperdir=${folder}/upper,workdir=${folder}/work,noatime`;
      await volumes().create({ Name: name, DriverOpts: { type: 'overlay', device: 'overlay', o } });
      const { out } = await ground.run({ Binds: [`${name}:/data`] }, "cat plain; stat -c '%u:%g %a' .; grep ' /data ' /proc/self/mountinfo", {
        WorkingDir: '/data',
      });
      assert.match(out, /^plain text1000:1001 1770\n.* rw,noatime .*- overlay overlay /);
      assert.ok(existsSync(`${folder}/upper/plain`), 'written where the options say');
      const part = [mount(name, '/p', { ReadOnly: true, VolumeOptions: { Subpath: 'below' } })];
      assert.match((await ground.run({ Mounts: part }, 'cat /p/deep; touch /p/x')).out, /^deep.*Read-only file system$/);
      assert.deepEqual(mountsBelow(folder), []);
    });

    test('options: a server whose name nobody knows', async () => {
      const name = ground.name();
      await volumes().create({ Name: name, DriverOpts: { type: 'nfs', device: ':/x', o: 'addr=kobako-none.invalid,rw' } });
      const message = 'error resolving passed in network volume address: lookup kobako-none.invalid: no such host';
      await fails(ground.create({ Binds: [`${name}:/data`] }), 'unavailable', message);
      await fails(ground.run({ Binds: [`${name}:/nowhere`] }, 'true'), 'unavailable', message);
    });

    test('a file system that is not there, and one that the kernel does not know', async () => {
      const [a, b] = [ground.name(), ground.name()];
      await volumes().create({ Name: a, DriverOpts: { type: 'ext4', device: '/dev/kobako-none' } });
      await volumes().create({ Name: b, DriverOpts: { type: 'nonsense', device: 'x' } });
      await assert.rejects(ground.run({ Binds: [`${a}:/nowhere`] }, 'true'), /mount volume ext4 \/dev\/kobako-none to \/nowhere/);
      await assert.rejects(ground.run({ Binds: [`${b}:/nowhere`] }, 'true'), /mount volume nonsense x to \/nowhere.*no such device/i);
    });

    test('an image, mounted: whole, a folder and a file of it; never written', async () => {
      const image = (Target: string, Subpath?: string) =>
        ({ Type: 'image', Source: ground.plain, Target, ...(Subpath === undefined ? {} : { ImageOptions: { Subpath } }) }) as const;
      const Mounts = [image('/img'), image('/deep', 'data/below'), image('/one', 'data/plain'), image('/two', 'linked/deep')];
      const { out, id } = await ground.run(
        { Mounts },
        'cat /img/data/plain /deep/deep /one /two; touch /img/x /deep/x; grep -c overlay /proc/self/mountinfo; cd /; umount /img 2>&1; ls /img | wc -l',
      );
      assert.match(out, /^plain textdeepplain textdeeptouch: .*Read-only.*Read-only[^\n]*\n5\n.*not permitted\n\d+$/s);
      const { Source, ...point } = await pointOf(id, '/img');
      assert.deepEqual([point, Source], [{ Type: 'image', Name: ground.plain, Destination: '/img', Mode: '', RW: false, Propagation: 'rprivate' }, '']);
      await fails(ground.create({ Mounts: [image('/x', 'no/where')] }), 'invalid', /cannot access path no\/where of image/);
      await fails(ground.create({ Mounts: [{ Type: 'image', Source: 'none:1', Target: '/x' }] }), 'not-found', 'No such image: none:1');
      await fails(under.engine.images.remove(ground.plain), 'conflict', /./);
    });

    test('binds: what is not there, read-only with what is below, by propagation', async (t) => {
      const folder = tempFor(t);
      assert.equal((await ground.run({ Binds: [`${folder}/made/by/v:/x`] }, 'touch /x/y')).code, 0);
      assert.ok(existsSync(`${folder}/made/by/v/y`));
      const bind = (Source: string, more = {}) => ({ Mounts: [{ Type: 'bind', Source, Target: '/x', ...more } as const] });
      await fails(ground.create(bind(`${folder}/none`)), 'invalid', `invalid mount config for type "bind": bind source path does not exist: ${folder}/none`);
      assert.equal((await ground.run(bind(`${folder}/wanted`, { BindOptions: { CreateMountpoint: true } }), 'touch /x/y')).code, 0);
      assert.ok(existsSync(`${folder}/wanted/y`));
      for (const Propagation of ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const) {
        const { out, id } = await ground.run(bind('/tmp', { BindOptions: { Propagation } }), 'grep " /x " /proc/self/mountinfo');
        assert.equal((await pointOf(id, '/x')).Propagation, Propagation);
        assert.equal(out.includes('shared:'), Propagation.endsWith('shared'), out);
      }
      const dev = async (more: object) =>
        (await ground.run(bind('/dev', { ReadOnly: true, ...more }), 'grep " /x/shm \\| /x/pts " /proc/self/mountinfo | cut -d" " -f6 | cut -c1-2 | sort -u'))
          .out;
      assert.equal(await dev({}), 'ro', 'as Docker 28: with all below');
      assert.equal(await dev({ BindOptions: { ReadOnlyNonRecursive: true } }), 'rw');
      assert.equal(await dev({ BindOptions: { ReadOnlyForceRecursive: true, Propagation: 'rprivate' } }), 'ro');
      assert.equal(await dev({ BindOptions: { NonRecursive: true } }), '', 'without what is below');
    });

    test('tmpfs: sizes and modes', async () => {
      const tmpfs = (TmpfsOptions: object, ReadOnly = false) => ({ Mounts: [{ Type: 'tmpfs', Target: '/t', TmpfsOptions, ReadOnly } as const] });
      const { out, id } = await ground.run(
        tmpfs({ SizeBytes: 65536, Mode: 0o750, Options: [['exec'], ['nr_inodes', '77']] }),
        "stat -c %a /t; grep ' /t ' /proc/self/mountinfo",
      );
      assert.match(out, /^750\n.* rw,nosuid,nodev,relatime - tmpfs tmpfs rw,size=64k,nr_inodes=77,mode=750/);
      assert.deepEqual(await pointOf(id, '/t'), { Type: 'tmpfs', Source: '', Destination: '/t', Mode: '', RW: true, Propagation: '' });
      assert.match((await ground.run(tmpfs({}, true), 'touch /t/x')).out, /Read-only file system/);
      await fails(ground.create({ Mounts: [{ Type: 'tmpfs', Source: '/x', Target: '/t' }] }), 'invalid', /field Source must not be specified/);
    });

    test('cp into and out of the volumes of a container that does not run', async () => {
      const name = ground.name();
      await ground.run({ Binds: [`${name}:/v`] }, 'mkdir /v/part; echo one > /v/part/f; ln -s /etc /v/out');
      const { containers } = under.engine;
      const id = await ground.create({
        Binds: [`${name}:/v`],
        Mounts: [mount(name, '/p', { VolumeOptions: { Subpath: 'part' } }), { Type: 'image', Source: ground.plain, Target: '/i' }],
      });
      assert.equal((await containers.statArchive(id, '/v/part/f')).size, 4);
      assert.equal((await containers.statArchive(id, '/p/f')).size, 4);
      assert.equal((await containers.statArchive(id, '/i/data/plain')).size, 10);
      const out = await ground.create({ Mounts: [mount(name, '/p', { VolumeOptions: { Subpath: 'out' } })] });
      await assert.rejects(containers.statArchive(out, '/p/passwd'), 'a link of the volume’s that leads out');
    });

    test('events', async () => {
      const name = ground.name();
      const [since, stop] = [BigInt(Date.now()) * 1_000_000n, new AbortController()];
      const { id } = await ground.run({ Binds: [`${name}:/e:ro`] }, 'true');
      await under.engine.containers.remove(id);
      await volumes().remove(name);
      const seen: unknown[] = [];
      for await (const { Action, Actor } of under.engine.system.events({ since, filters: { type: ['volume'], volume: [name] }, signal: stop.signal })) {
        seen.push([Action, Actor.Attributes]);
        if (Action === 'destroy') stop.abort();
      }
      assert.deepEqual(seen, [
        ['create', { driver: 'local' }],
        ['mount', { container: id, destination: '/e', driver: 'local', propagation: '', 'read/write': 'false' }],
        ['unmount', { container: id, driver: 'local' }],
        ['destroy', { driver: 'local' }],
      ]);
    });

    test('many at once: one volume, one content, and nobody loses it', async () => {
      const name = ground.name();
      const made = await Promise.all(
        Array.from({ length: 12 }, async (_, at) => {
          if (at % 3 === 2)
            return volumes()
              .remove(name)
              .catch((error: unknown) => void assert.match((error as Error).message, /in use|no such volume/));
          return ground.create({ Binds: [`${name}:/data`] }, 'cat /data/below/deep /data/plain');
        }),
      );
      for (const id of made) {
        if (typeof id !== 'string') continue;
        await under.engine.containers.start(id);
        assert.equal((await under.engine.containers.wait(id)).StatusCode, 0);
      }
      await fails(volumes().remove(name), 'conflict', /in use/);
    });
  });
}
