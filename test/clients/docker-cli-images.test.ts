/** The docker command on our image endpoints. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { imageRoutes } from '../../src/api/images/routes.ts';
import { serveRoutes } from '../support/api-ground.ts';
import { busyboxArchive } from '../support/image-archive.ts';
import { imageGround } from '../support/image-ground.ts';
import { noPeers, peers } from '../support/peers.ts';
import { realRegistry } from '../support/registry.ts';
import { run } from '../support/run.ts';
import { tempFor } from '../support/temp.ts';

test('images come, are looked at, and go', { skip: noPeers() ?? false }, async (t) => {
  const ground = imageGround(t);
  const { folder } = ground;
  await peers(['clients', folder]);
  const registry = await realRegistry(t, { folder: tempFor(t), auth: 'basic' });
  const env = { ...process.env, DOCKER_CONFIG: `${folder}/cli`, DOCKER_HOST: await serveRoutes(t, imageRoutes, ground.engine()) };
  const docker = (args: readonly string[], input?: string) => run(`${folder}/docker`, args, { env, ...(input === undefined ? {} : { input }) });
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await docker(args);
    assert.equal(code, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  };
  const name = `${registry.host}/bb`;
  writeFileSync(`${folder}/image.tar`, await busyboxArchive('bb:1'));
  assert.equal(await ok('load', '-i', `${folder}/image.tar`), 'Loaded image: bb:1');
  assert.match(await ok('images'), /^REPOSITORY .*\nbb +1 +[0-9a-f]{12} .* 1\.99MB$/);
  await ok('tag', 'bb:1', `${name}:1`);
  assert.match((await docker(['push', `${name}:1`])).stderr, /no basic auth credentials/);
  const login = (password: string) => docker(['login', '-u', 'user', '--password-stdin', registry.host], password);
  assert.match((await login('wrong')).stderr, /failed with status: 401 Unauthorized/);
  assert.match((await login('pass:word')).stdout, /Login Succeeded/);
  assert.match(await ok('push', `${name}:1`), /: Pushed\n1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  assert.equal(await ok('push', '-q', '-a', name), name);
  assert.match(await ok('rmi', 'bb:1', `${name}:1`), /^Untagged: bb:1\n[^]*Deleted: sha256:[0-9a-f]{64}$/);
  assert.match(
    await ok('pull', `${name}:1`),
    new RegExp(`^1: Pulling from bb\n[^]*: Pull complete\nDigest: [^]*Status: Downloaded newer image for ${name}:1\n${name}:1$`),
  );
  assert.match(
    (await docker(['pull', name])).stderr,
    new RegExp(`^Error response from daemon: manifest for ${name}:latest not found: manifest unknown: manifest unknown$`, 'm'),
  );
  // as dockerd: its config tells of no step
  assert.match(await ok('history', `${name}:1`), /^IMAGE .*COMMENT$/);
  const id = await ok('image', 'inspect', '-f', '{{.Id}}', `${name}:1`);
  await ok('save', '-o', `${folder}/saved.tar`, `${name}:1`);
  await ok('rmi', '-f', id);
  assert.equal(await ok('load', '-q', '-i', `${folder}/saved.tar`), `Loaded image: ${name}:1`);
  assert.equal(await ok('images', '-q', '--no-trunc'), id);
  assert.equal(await ok('images', '-q', '--filter', 'dangling=true'), '');
  assert.match(await ok('image', 'prune', '-af'), /^Deleted Images:\nuntagged: .*\n(deleted: .*\n)+\nTotal reclaimed space: /);
  assert.equal(await ok('images', '-qa'), '');
  const imported = await ok('import', '-c', 'CMD ["sh"]', '-m', 'said', `${folder}/image.tar`, 'imported:1');
  assert.equal(await ok('image', 'inspect', '-f', '{{.Id}} {{.Comment}} {{.Config.Cmd}}', 'imported:1'), `${imported} said [sh]`);
});
