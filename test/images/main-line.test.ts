/** The main line through the command line: import, tag, push, remove, pull, run, on a real registry, with both drivers. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/image/manifest.ts';
import { choosePlatform, hostPlatform } from '../../src/image/platform.ts';
import { cpuFlags } from '../../src/kernel/linux/cpu-flags.ts';
import { makeAuthority } from '../support/certificates.ts';
import { whyNoErofs } from '../support/erofs-kernel.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { garbage, imageGround, importBusybox, serveImage } from '../support/image-ground.ts';
import { realRegistry, REGISTRY_USER } from '../support/registry.ts';
import { busyboxRootfs, debootstrapRootfs } from '../support/rootfs.ts';
import { tempFor } from '../support/temp.ts';

const MISSING = /^Unable to find image '(.*)' locally\n/;

for (const driver of ['overlay', 'erofs'] as const) {
  describe(`the main line with ${driver}`, { skip: driver === 'erofs' ? ((await whyNoErofs()) ?? false) : false }, () => {
    test('import, tag, push, rmi, pull, run', async (t) => {
      const ground = imageGround(t, driver);
      const { host } = await realRegistry(t, { folder: tempFor(t) });
      const name = `${host}/some/box`;
      const id = await importBusybox(ground, 'box:1', 'CMD ["sh","-c","id -un; pwd; echo $A"]', 'ENV A=1 B="two words"', 'USER guest', 'WORKDIR /home/guest');
      await ground.ok('tag', 'box:1', `${name}:v1`);
      await ground.ok('tag', 'box:1', name);
      const pushed = await ground.ok('push', `${name}:v1`);
      const [, layer = ''] = /^([0-9a-f]{12}): Preparing$/m.exec(pushed) ?? [];
      const digest = /digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)?.[1];
      assert.deepEqual(pushed.replace(/size: \d+/, 'size: N').split('\n'), [
        `The push refers to repository [${name}]`,
        `${layer}: Preparing`,
        `${layer}: Pushed`,
        `v1: digest: ${digest} size: N`,
        '',
      ]);
      assert.equal((await ground.ok('push', name)).split('\n')[0], 'Using default tag: latest');
      assert.match(await ground.ok('push', '-a', name), /: Layer already exists\n/);
      assert.equal(await ground.ok('push', '-q', name), `${name}:latest\n`);
      assert.match(await ground.ok('images', '--digests', name), new RegExp(`^${name} +latest +${digest} +${id.slice(7, 19)} `, 'm'));

      const removed = await ground.ok('rmi', '-f', id);
      assert.match(removed, new RegExp(`^Untagged: ${name}:latest\nUntagged: ${name}:v1\n[^]*^Untagged: box:1$`, 'm'));
      assert.match(removed, new RegExp(`^Deleted: ${id}$`, 'm'));
      assert.equal(await ground.ok('images', '-q'), '');
      assert.deepEqual(garbage(ground.dataRoot), []);

      const pulled = await ground.ok('pull', name);
      const [, packed = ''] = /^([0-9a-f]{12}): Pulling fs layer$/m.exec(pulled) ?? [];
      assert.deepEqual(pulled.split('\n'), [
        'Using default tag: latest',
        'latest: Pulling from some/box',
        `${packed}: Pulling fs layer`,
        `${packed}: Verifying Checksum`,
        `${packed}: Download complete`,
        `${packed}: Pull complete`,
        `Digest: ${digest}`,
        `Status: Downloaded newer image for ${name}:latest`,
        `${name}:latest`,
        '',
      ]);
      assert.match(await ground.ok('pull', `${name}:latest`), new RegExp(`^Status: Image is up to date for ${name}:latest$`, 'm'));
      assert.equal(await ground.ok('pull', '-q', `${name}@${digest}`), `${name}@${digest}\n`);
      assert.equal(await ground.ok('pull', '-q', '-a', name), `${name}\n`);
      const [about] = JSON.parse(await ground.ok('image', 'inspect', name)) as [{ Id: string; RepoTags: string[]; RepoDigests: string[] }];
      assert.deepEqual([about.Id, about.RepoTags.toSorted(), about.RepoDigests], [id, [`${name}:latest`, `${name}:v1`], [`${name}@${digest}`]]);

      assert.equal(await ground.ok('run', '--rm', name), 'guest\n/home/guest\n1\n');
      assert.equal(await ground.ok('run', '--rm', '-e', 'A=3', '-w', '/tmp', '-u', '0', id.slice(7, 17)), 'root\n/tmp\n3\n');
      assert.deepEqual(garbage(ground.dataRoot), []);
    });

    test('a real Debian: bash, an installed package, dpkg', { timeout: 400_000 }, async (t) => {
      const ground = imageGround(t, driver);
      const { host } = await realRegistry(t, { folder: tempFor(t) });
      const name = `${host}/debian:stable`;
      await ground.sh('tar -C "$1" --one-file-system -c . | k import --change "CMD [\\"bash\\"]" - "$2"', await debootstrapRootfs(), name);
      await ground.ok('push', '-q', name);
      await ground.ok('rmi', name);
      const script = 'echo ${BASH_VERSION%%.*}; hello; dpkg -l hello | grep ^ii | cut -c1-10; touch /new; rm -r /usr/share/doc; ls /usr/share/doc 2>&1';
      const { code, stdout, stderr } = await ground.kobako(['run', '--rm', name, 'bash', '-c', script], { timeoutMs: 300_000 });
      assert.match(stderr, MISSING);
      assert.match(stdout, /^\d\nHello, world!\nii {2}hello \nls: cannot access '\/usr\/share\/doc': No such file or directory\n$/);
      assert.equal(code, 2);
      assert.equal(await ground.ok('run', '--rm', name, 'sh', '-c', 'test -d /usr/share/doc && test ! -e /new && stat -c %a:%u /usr/bin/passwd'), '4755:0\n');
      await ground.ok('rmi', name);
      assert.deepEqual(garbage(ground.dataRoot), []);
    });
  });
}

describe('registries that want more', () => {
  test('TLS and a password from the Docker config file', async (t) => {
    const ground = imageGround(t);
    const authority = makeAuthority();
    const { host } = await realRegistry(t, { folder: tempFor(t), tls: authority, auth: 'basic' });
    const name = `${host}/box:1`;
    await importBusybox(ground, name);
    const denied = await ground.kobako(['push', name]);
    assert.equal(denied.code, 1);
    assert.match(denied.stderr, /no basic auth credentials|unauthorized/);
    mkdirSync(`${ground.folder}/docker-config`, { recursive: true });
    const auth = Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64');
    writeFileSync(`${ground.folder}/docker-config/config.json`, JSON.stringify({ auths: { [host]: { auth } } }));
    await ground.ok('push', '-q', name);
    await ground.ok('rmi', name);
    assert.equal(await ground.ok('run', '--rm', '-q', name, 'echo', 'through TLS'), 'through TLS\n');
  });

  test('tokens', async (t) => {
    const ground = imageGround(t);
    const { host } = await realRegistry(t, { folder: tempFor(t), auth: 'token' });
    await importBusybox(ground, `${host}/public/box`);
    assert.equal((await ground.kobako(['push', `${host}/public/box`])).code, 1);
    mkdirSync(`${ground.folder}/docker-config`, { recursive: true });
    const auth = Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64');
    writeFileSync(`${ground.folder}/docker-config/config.json`, JSON.stringify({ auths: { [host]: { auth } } }));
    await ground.ok('push', '-q', `${host}/public/box`);
    writeFileSync(`${ground.folder}/docker-config/config.json`, '{}');
    await ground.ok('rmi', `${host}/public/box`);
    assert.equal(await ground.ok('pull', '-q', `${host}/public/box`), `${host}/public/box:latest\n`);
  });
});

describe('run of an image', () => {
  test('entry point, command, user, stop signal: the image’s, and the user’s over them', async (t) => {
    const ground = imageGround(t);
    await importBusybox(
      ground,
      'entry',
      'ENTRYPOINT ["echo","entry"]',
      'CMD ["command"]',
      'ENV PATH=/bin:/usr/bin GREETING=hi',
      'STOPSIGNAL SIGUSR1',
      'USER 1000:daemon',
    );
    const out = async (...args: string[]) => (await ground.ok('run', '--rm', ...args)).trim();
    assert.equal(await out('entry'), 'entry command');
    assert.equal(await out('entry', 'mine'), 'entry mine');
    assert.equal(await out('--entrypoint', 'id', 'entry'), 'uid=1000(guest) gid=1(daemon) groups=1(daemon)');
    assert.equal(await out('--entrypoint', '', 'entry', 'sh', '-c', 'echo $PATH $GREETING'), '/bin:/usr/bin hi');
    const none = await ground.kobako(['run', '--rm', '--entrypoint', '', 'entry']);
    assert.deepEqual([none.code, none.stderr], [125, 'kobako: no command specified\n']);
    const script = 'trap "exit 7" USR1; while :; do sleep 0.05; done';
    const id = (await ground.ok('run', '-d', '--entrypoint', 'sh', 'entry', '-c', script)).trim();
    await ground.ok('stop', id);
    assert.equal((await ground.ok('wait', id)).trim(), '7');
    // by the image's own passwd, which nothing of this machine is asked for
    assert.equal(await out('-u', 'nobody', '--entrypoint', 'id', 'entry', '-u'), '65534');
    const stranger = await ground.kobako(['run', '--rm', '-u', 'stranger', 'entry']);
    assert.equal(stranger.code, 125);
    assert.match(stranger.stderr, /unable to find user stranger: no matching entries in passwd file/);
    await ground.ok('rm', id);
    assert.deepEqual(garbage(ground.dataRoot), []);
  });

  test('--pull always, missing, never', async (t) => {
    const ground = imageGround(t);
    const { host, log } = await realRegistry(t, { folder: tempFor(t) });
    const name = `${host}/box`;
    const run = (...args: string[]) => ground.kobako(['run', '--rm', ...args]);
    assert.deepEqual(await run('--pull', 'never', name, 'true'), { code: 125, signal: null, stdout: '', stderr: `kobako: No such image: ${name}:latest\n` });
    const absent = await run(name, 'true');
    assert.equal(absent.code, 125);
    assert.match(absent.stderr, new RegExp(`^Unable to find image '${name}:latest' locally\n`));
    assert.match(absent.stderr, /manifest for .*\/box:latest not found: manifest unknown/);
    await importBusybox(ground, name);
    await ground.ok('push', '-q', name);
    await ground.ok('rmi', name);
    const digest = /box@(sha256:[0-9a-f]+)/.exec(await ground.ok('pull', name).then(() => ground.ok('image', 'inspect', name)))![1];
    await ground.ok('rmi', name);
    const fetched = await run(name, 'echo', 'out');
    assert.equal(fetched.stdout, 'out\n', 'progress is no output');
    const [first, second, ...rest] = fetched.stderr.trimEnd().split('\n');
    assert.deepEqual([first, second], [`Unable to find image '${name}:latest' locally`, 'latest: Pulling from box']);
    assert.deepEqual(rest.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}:latest`]);
    const asked = () => log().split('\n').length;
    const before = asked();
    assert.deepEqual(await run('--pull', 'missing', name, 'true'), { code: 0, signal: null, stdout: '', stderr: '' });
    assert.equal(asked(), before, 'nobody was asked');
    assert.match((await run('--pull', 'always', name, 'true')).stderr, /^latest: Pulling from box\n[^]*Status: Image is up to date for /);
    const odd = await run('--pull', 'often', name, 'true');
    assert.deepEqual([odd.code, odd.stderr], [125, `kobako: invalid pull option: 'often': must be one of "always", "missing" or "never"\n`]);
  });

  test('--platform', async (t) => {
    const ground = imageGround(t);
    const { host } = await realRegistry(t, { folder: tempFor(t) });
    const name = `${host}/other`;
    await ground.sh('tar -c --files-from /dev/null | k import --platform linux/s390x - "$1"; k push -q "$1"; k rmi "$1"', name);
    // as dockerd: what is there for one platform comes, with a warning
    const wrong = await ground.ok('pull', '--platform', 'linux/amd64', name);
    assert.match(wrong, /^WARNING: .* was found but its platform \(linux\/s390x\) does not match the specified platform \(linux\/amd64\)$/m);
    await ground.ok('pull', '--platform', 'linux/s390x', name);
    assert.match(await ground.ok('image', 'inspect', name), /"Architecture": "s390x"/);
    // as dockerd: it is tried, for the kernel may know of an emulator
    assert.match((await ground.kobako(['run', '--rm', name, 'x'])).stderr, /"x": executable file not found in \$PATH/);
    await ground.sh('tar -C "$1" -c . | k import --platform linux/s390x - foreign', await busyboxRootfs());
    const warning =
      /^WARNING: The requested image's platform \(linux\/s390x\) does not match the detected host platform \(linux\/[\w/]+\) and no specific platform was requested$/m;
    const tried = await ground.kobako(['run', '--rm', 'foreign', 'echo', 'here']);
    assert.deepEqual([tried.code, tried.stdout], [0, 'here\n']);
    assert.match(tried.stderr, warning);
    const asked = await ground.kobako(['run', '--rm', '--platform', 'linux/s390x', 'foreign', 'echo', 'here']);
    assert.deepEqual([asked.code, asked.stdout, asked.stderr], [0, 'here\n', '']);
  });

  test('of an index: what this processor runs best; what is here for another platform is pulled for the one that is asked for', async (t) => {
    const ground = imageGround(t);
    const registry = await fakeRegistry(t);
    const made = (['arm64', 'amd64', 'amd64 v2', 'amd64 v3', 's390x'] as const).map((text) => {
      const [architecture, variant] = text.split(' ') as [string, string | undefined];
      const platform = { os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) };
      const { id, digest, size } = serveImage(registry, 'public/many', text.replace(' ', '-'), [text], {}, platform);
      return { platform, id, digest, size };
    });
    const manifests = made.map(({ platform, digest, size }) => ({ mediaType: OCI_MANIFEST, digest, size, platform }));
    registry.addManifest('public/many', 'latest', OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    const name = `${registry.host}/public/many`;
    const best = choosePlatform(manifests, hostPlatform(cpuFlags())).digest;
    const idOf = async () => (await ground.ok('images', '-q', '--no-trunc', name)).trim();
    await ground.ok('pull', '-q', name);
    assert.equal(await idOf(), made.find(({ digest }) => digest === best)!.id);
    await ground.ok('pull', '-q', '--platform', 'linux/amd64', name);
    assert.equal(await idOf(), made[1]!.id);
    // as docker: what is here is another one, so it is fetched
    const run = await ground.kobako(['create', '--platform', 'linux/s390x', name, 'x']);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stderr, /^Unable to find image '.*' locally\n/);
    assert.equal(await idOf(), made[4]!.id);
    const never = await ground.kobako(['create', '--pull', 'never', '--platform', 'linux/arm64', name, 'x']);
    assert.match(never.stderr, /does not match the specified platform \(linux\/arm64\)\n$/);
    await ground.ok('rm', run.stdout.trim());
  });

  test('one data root has one engine and one driver', async (t) => {
    const ground = imageGround(t, 'overlay');
    await ground.ok('images');
    assert.equal(readFileSync(`${ground.dataRoot}/storage-driver`, 'utf8'), 'overlay');
    const other = await ground.kobako(['images'], { env: { ...ground.env, KOBAKO_STATE_DIR: `${ground.folder}/other` } });
    assert.match(other.stderr, /belongs to the engine with the state folder/);
    const driver = await ground.kobako(['images'], { env: { ...ground.env, KOBAKO_STORAGE_DRIVER: 'erofs' } });
    assert.match(driver.stderr, /has its layers with the storage driver overlay, not erofs/);
    const unknown = await ground.kobako(['images'], { env: { ...ground.env, KOBAKO_STORAGE_DRIVER: 'zfs' } });
    assert.match(unknown.stderr, /unknown storage driver "zfs"/);
    assert.equal(
      (await ground.kobako(['images'], { env: { ...ground.env, KOBAKO_STATE_DIR: `${ground.folder}/./state/` } })).code,
      0,
      'the same by another name',
    );
  });

  test('engines that open a new data root at the same moment agree', async (t) => {
    const ground = imageGround(t);
    const results = await Promise.all(Array.from({ length: 8 }, () => ground.kobako(['images', '-q'])));
    assert.deepEqual(
      results,
      Array.from({ length: 8 }, () => ({ code: 0, signal: null, stdout: '', stderr: '' })),
    );
    assert.deepEqual(garbage(ground.dataRoot), []);
  });
});
