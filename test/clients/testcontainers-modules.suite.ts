/** Testcontainers for Node with its modules of PostgreSQL and Redis: real servers, their ports, networks between them. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import type * as postgresql from '@testcontainers/postgresql';
import type * as redis from '@testcontainers/redis';
import { Redis } from 'ioredis';
import pg from 'pg';
import type * as core from 'testcontainers';
import { APP_IMAGES } from '../support/apps/images.ts';
import type { AppsEngine, AppsGround } from './apps-ground.ts';

/** Loaded once the environment says where the engine is. */
interface Modules {
  readonly core: typeof core;
  readonly postgres: typeof postgresql;
  readonly redis: typeof redis;
}

export function testcontainersModulesSuite({ name, skip, open }: AppsEngine): void {
  describe(`testcontainers' modules on ${name}`, { skip, concurrency: false }, () => {
    let ground: AppsGround;
    let modules: Modules;

    before(async () => {
      ground = await open(['postgres', 'redis']);
      for (const variable of Object.keys(process.env)) if (/^(DOCKER|TESTCONTAINERS|TC)_/.test(variable)) delete process.env[variable];
      Object.assign(process.env, { HOME: ground.folder, TMPDIR: ground.folder, DOCKER_CONFIG: ground.folder, DOCKER_HOST: ground.host });
      Object.assign(process.env, { TESTCONTAINERS_RYUK_DISABLED: 'true', TESTCONTAINERS_HOST_OVERRIDE: ground.address });
      modules = { core: await import('testcontainers'), postgres: await import('@testcontainers/postgresql'), redis: await import('@testcontainers/redis') };
    });
    after(() => ground?.end());

    /** Run after each test, the last first. */
    const ends: (() => unknown)[] = [];
    afterEach(async () => {
      for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
    });

    /** As another program on this machine would be. */
    async function connected(connectionString: string): Promise<pg.Client> {
      const client = new pg.Client({ connectionString });
      ends.push(() => client.end());
      await client.connect();
      return client;
    }
    const postgres = () => new modules.postgres.PostgreSqlContainer(APP_IMAGES.postgres).withEnvironment({ POSTGRES_INITDB_ARGS: '--no-sync' });

    test('PostgreSQL: reached by its URI, put back to a snapshot, asked by psql', async () => {
      const container = await postgres().withDatabase('shop').withUsername('keeper').withPassword('pass/word').start();
      ends.push(() => container.stop());
      assert.equal(container.getHost(), ground.address);
      assert.ok(container.getPort() > 1024);
      const first = new pg.Client({ connectionString: container.getConnectionUri() });
      await first.connect();
      await first.query("CREATE TABLE goods (name text); INSERT INTO goods VALUES ('lamp')");
      await first.end();
      await container.snapshot();
      const second = new pg.Client({ connectionString: container.getConnectionUri() });
      await second.connect();
      await second.query("INSERT INTO goods VALUES ('chair')");
      assert.equal((await second.query('SELECT name FROM goods')).rowCount, 2);
      await second.end();
      await container.restoreSnapshot();
      const third = await connected(container.getConnectionUri());
      assert.deepEqual((await third.query('SELECT name FROM goods')).rows, [{ name: 'lamp' }]);
      const asked = await container.exec(['psql', '-U', 'keeper', '-d', 'shop', '-Atc', 'SELECT current_user, count(*) FROM goods']);
      assert.equal(asked.stdout, 'keeper|1\n');
      const wrong = new pg.Client({ connectionString: container.getConnectionUri().replace('pass%2Fword', 'other') });
      await assert.rejects(wrong.connect(), /password authentication failed for user "keeper"/);
    });

    test('Redis: with a password, initial data, and what it keeps in a folder of this machine', async () => {
      mkdirSync(`${ground.folder}/redis`);
      writeFileSync(`${ground.folder}/initial`, 'SET "greeting" "hello"\nRPUSH "list" "a" "b"\n');
      const module = () => new modules.redis.RedisContainer(APP_IMAGES.redis).withPassword('secret').withPersistence(`${ground.folder}/redis`);
      const container = await module().withInitialData(`${ground.folder}/initial`).start();
      const client = new Redis(container.getConnectionUrl());
      assert.equal(await client.get('greeting'), 'hello');
      assert.deepEqual(await client.lrange('list', 0, -1), ['a', 'b']);
      assert.equal(await client.incr('count'), 1);
      client.disconnect();
      assert.match((await container.exec(['redis-cli', '-a', 'secret', 'info', 'clients'])).stdout, /connected_clients:\d+/);
      await container.stop({ timeout: 10_000 });
      const again = await module().start();
      ends.push(() => again.stop());
      const other = new Redis(again.getConnectionUrl());
      ends.push(() => other.disconnect());
      assert.equal(await other.incr('count'), 2);
    });

    test('a network: containers talk by alias and by name, two networks do not', async () => {
      const { GenericContainer, Network } = modules.core;
      const [inner, outer] = [await new Network().start(), await new Network().start()];
      ends.push(async () => {
        for (const network of [inner, outer]) await network.stop();
      });
      const cache = await new modules.redis.RedisContainer(APP_IMAGES.redis).withNetwork(inner).withNetworkAliases('cache', 'cache.internal').start();
      ends.push(() => cache.stop());
      const asker = async (network: typeof inner) => {
        const container = await new GenericContainer(APP_IMAGES.redis).withNetwork(network).withEntrypoint(['sleep']).withCommand(['300']).start();
        ends.push(() => container.stop());
        return (host: string, seconds = 30) => container.exec(['timeout', String(seconds), 'redis-cli', '-h', host, 'ping']);
      };
      const [near, far] = [await asker(inner), await asker(outer)];
      const address = cache.getIpAddress(inner.getName());
      for (const host of ['cache', 'cache.internal', cache.getName().slice(1), cache.getId().slice(0, 12), address])
        assert.equal((await near(host)).output, 'PONG\n', host);
      assert.ok(cache.getNetworkNames().includes(inner.getName()));
      assert.match((await far('cache')).output, /Could not connect to Redis at cache:6379: (?:Name or service not known|Temporary failure in name resolution)/);
      assert.notEqual((await far(address, 1)).exitCode, 0);
    });

    test('ports: several of one container, and one that is chosen by the test; after a restart it is asked for again', async () => {
      const { GenericContainer, Wait } = modules.core;
      const fixed = 20_000 + (process.pid % 10_000);
      const container = await new GenericContainer(APP_IMAGES.redis)
        .withEntrypoint(['sh', '-c', 'redis-server --port 7001 --protected-mode no & exec redis-server --port 7002 --protected-mode no'])
        .withCommand([])
        .withExposedPorts(7001, { container: 7002, host: fixed })
        .withWaitStrategy(Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage('Ready to accept connections', 2)]))
        .start();
      ends.push(() => container.stop({ timeout: 0 }));
      assert.equal(container.getMappedPort(7002), fixed);
      const portOf = async (published: number) => {
        const client = new Redis(published, ground.address);
        ends.push(() => client.disconnect());
        return client.config('GET', 'port');
      };
      assert.deepEqual(await portOf(container.getMappedPort(7001)), ['port', '7001']);
      assert.deepEqual(await portOf(fixed), ['port', '7002']);
      await container.restart({ timeout: 0 });
      assert.deepEqual(await portOf(container.getMappedPort(7001)), ['port', '7001']);
      assert.deepEqual(await portOf(fixed), ['port', '7002']);
    });
  });
}
