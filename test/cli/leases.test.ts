/** The commands on leases, on an engine in this process and behind a socket. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, test, type TestContext } from 'node:test';
import { apiRoutes } from '../../src/api/routes.ts';
import { connectEngine } from '../../src/client/engine.ts';
import type { Engine } from '../../src/engine/contract.ts';
import { cli, cliSession } from '../support/cli.ts';
import { until } from '../support/monitored.ts';
import { ownedEngine, serveRoutes, type OwnedEngine } from '../support/owned-engine.ts';
import { busyboxRootfs } from '../support/rootfs.ts';

const { SIGHUP, SIGINT, SIGTERM } = constants.signals;

function commandsOnLeases(title: string, connect: (t: TestContext, ground: OwnedEngine) => Promise<Engine>): void {
  const open = async (t: TestContext) => {
    const ground = await ownedEngine(t);
    const engine = await connect(t, ground);
    const containers = async () => (await ground.engine.containers.list({ all: true })).map(({ Names }) => Names[0]);
    return { engine, containers, leases: () => ground.engine.leases.list(), root: `${await busyboxRootfs()}:O` };
  };

  describe(title, () => {
    test('run --lease: it goes with the command, which gives its exit code', async (t) => {
      const { engine, containers, leases, root } = await open(t);
      const { code, stdout } = await cli(engine, ['run', '--lease', '--rootfs', root, 'sh', '-c', 'echo said; exit 7']);
      assert.deepEqual([code, stdout, await containers(), await leases()], [7, 'said\n', [], []]);
      const missing = await cli(engine, ['run', '--lease', '--rootfs', root, 'no-such-program']);
      assert.deepEqual([missing.code, await containers(), await leases()], [127, [], []]);
      const both = await cli(engine, ['run', '--lease', '-d', '--rootfs', root, 'true']);
      assert.deepEqual([both.code, both.stderr.split('\n')[0]], [125, 'kobako: conflicting options: cannot specify both --lease and --detach']);
    });

    test('run --lease: whoever detaches leaves nothing', async (t) => {
      const { engine, containers, root } = await open(t);
      const session = cliSession(engine, ['run', '--lease', '-it', '--name', 'left', '--rootfs', root, 'sh'], { terminal: { rows: 24, cols: 80 } });
      await until('it runs', async () => (await containers()).includes('/left'));
      session.type('echo re""ady\n');
      await session.shows('ready');
      session.type('\x10\x11');
      assert.equal((await session.result).code, 0);
      assert.deepEqual(await containers(), []);
    });

    test('lease hold, ls, rm; run and create under it', async (t) => {
      const { engine, containers, leases, root } = await open(t);
      const held = cliSession(engine, ['lease', 'hold', '--grace', '60']);
      await held.shows(/^[0-9a-f]{32}\n/);
      const [{ Id, Grace } = { Id: '', Grace: 0 }] = await leases();
      assert.equal(Grace, 60);
      const env = { KOBAKO_LEASE: Id };
      assert.equal((await cli(engine, ['run', '-d', '--name', 'one', '--rootfs', root, 'sleep', '60'], { env })).code, 0);
      assert.equal((await cli(engine, ['create', '--name', 'two', '-l', `dev.kobako.lease=${Id}`, '--rootfs', root, 'true'])).code, 0);
      assert.equal((await cli(engine, ['create', '--name', 'free', '--rootfs', root, 'true'])).code, 0);
      const { stdout } = await cli(engine, ['lease', 'ls']);
      assert.match(stdout, new RegExp(`^LEASE ID +STATE +CREATED +CONTAINERS +NETWORKS +VOLUMES\n${Id} +held +\\d{4}-\\S+Z +2 +0 +0\n$`));
      assert.deepEqual(await cli(engine, ['lease', 'rm', Id]), { code: 0, stdout: `${Id}\n`, stderr: '' });
      assert.deepEqual(await containers(), ['/free']);
      assert.deepEqual(await held.result, { code: 1, stdout: `${Id}\n`, stderr: `kobako: lease ${Id} has ended\n` });
      const again = await cli(engine, ['lease', 'rm', Id]);
      assert.deepEqual([again.code, again.stderr], [1, `Error response from daemon: No such lease: ${Id}\n`]);
      const late = await cli(engine, ['run', '--rootfs', root, 'true'], { env });
      assert.deepEqual([late.code, late.stderr], [125, `kobako: lease "${Id}" has ended, or never was\n`]);
      for (const signal of [SIGHUP, SIGINT, SIGTERM]) {
        const interrupted = cliSession(engine, ['lease', 'hold']);
        await interrupted.shows('\n');
        interrupted.signal(signal);
        assert.equal((await interrupted.result).code, 128 + signal);
        assert.deepEqual(await leases(), []);
      }
    });

    test('lease run: the command has its id, and its exit code is told', async (t) => {
      const { engine, containers, leases, root } = await open(t);
      const program = async (command: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
        assert.deepEqual([command, args], ['prog', ['-x', 'y']]);
        assert.deepEqual(
          (await leases()).map(({ Id }) => Id),
          [env['KOBAKO_LEASE']],
        );
        assert.equal((await cli(engine, ['run', '-d', '--rootfs', root, 'sleep', '60'], { env })).code, 0);
        assert.equal((await containers()).length, 1);
        return 9;
      };
      for (const argv of [
        ['lease', 'run', 'prog', '-x', 'y'],
        ['lease', 'run', '--grace=5', '--', 'prog', '-x', 'y'],
      ]) {
        assert.equal((await cli(engine, argv, { program })).code, 9);
        assert.deepEqual([await containers(), await leases()], [[], []]);
      }
      const none = await cli(engine, ['lease', 'run']);
      assert.deepEqual([none.code, none.stderr.split('\n')[0]], [125, 'kobako: "kobako lease run" requires at least 1 argument']);
      assert.match((await cli(engine, ['lease', 'run', '--grace', 'x', 'prog'])).stderr, /invalid argument "x" for "--grace" flag/);
      assert.match((await cli(engine, ['lease', 'hold', '--grace', '100000'])).stderr, /invalid grace 100000/);
    });
  });
}

commandsOnLeases('leases in this process', async (_, { engine }) => engine);
commandsOnLeases('leases over HTTP', async (t, ground) => {
  const engine = connectEngine(await serveRoutes(t, ground, apiRoutes));
  t.after(() => engine.close());
  return engine;
});
