/** What the commands on volumes promise, on whatever engine. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cliChecks } from '../support/cli-checks.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import type { EngineUnderTest } from './containers.suite.ts';

/** `open` gives an engine with nothing in it. */
export function commandsOnVolumes(title: string, open: () => Promise<EngineUnderTest>): void {
  describe(title, { concurrency: false }, () => {
    let [under, root]: [EngineUnderTest, string] = [undefined as never, ''];
    before(async () => {
      root = `${await busyboxRootfs()}:O`;
      under = await open();
    });
    after(async () => {
      for (const { Id } of await under.engine.containers.list({ all: true })) await under.engine.containers.remove(Id, { force: true, volumes: true });
      await under.close();
    });
    const { kobako, ok, fails } = cliChecks(() => under.engine);

    test('create, ls, inspect, rm', async () => {
      assert.equal(await ok('volume', 'create', '--label', 'a=b', '--label', 'c', 'first'), 'first\n');
      assert.equal(await ok('volume', 'create', '-d', 'local', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '--opt', 'o=size=1m,uid=7', '--name', 'v10'), 'v10\n');
      assert.equal(await ok('volume', 'create', 'v9'), 'v9\n');
      const anonymous = (await ok('volume', 'create')).trim();
      assert.match(anonymous, /^[0-9a-f]{64}$/);
      assert.equal(await ok('volume', 'ls', '-f', 'name=^(first|v)'), 'DRIVER    VOLUME NAME\nlocal     first\nlocal     v9\nlocal     v10\n');
      assert.equal(await ok('volume', 'list', '-q', '--filter', 'label=a=b'), 'first\n');
      assert.equal(await ok('volume', 'ls', '--format', '{{.Name}} {{.Label "a"}} {{.Labels}} {{.Size}}', '-f', 'label=c'), 'first b a=b,c= N/A\n');
      assert.match(await ok('volume', 'ls', '--format', 'json', '-f', 'name=v9'), /^\{"Availability":"N\/A",.*"Name":"v9".*\}\n$/);
      const [document] = JSON.parse(await ok('volume', 'inspect', 'v10')) as { Options: object }[];
      assert.deepEqual(document!.Options, { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=7' });
      assert.equal(await ok('volume', 'inspect', '-f', '{{.Name}} {{.Labels.a}} {{.Scope}}', 'first'), 'first b local\n');
      assert.equal(await ok('inspect', '--type', 'volume', '-f', '{{.Driver}}', 'first'), 'local\n');
      assert.equal(await ok('inspect', '-f', '{{.Name}}', 'first'), 'first\n');
      assert.match((await ok('__complete', 'volume')).split('\n').toSorted().join(' '), /first v10 v9/);
      assert.equal(await ok('volume', 'rm', 'first', 'v9', 'v10'), 'first\nv9\nv10\n');
      await fails(['volume', 'rm', 'first', anonymous], 1, 'Error response from daemon: get first: no such volume\n');
      await ok('volume', 'rm', '-f', 'first');
      await fails(['volume', 'inspect', 'first'], 1, 'Error response from daemon: get first: no such volume\n');
    });

    test('what is asked wrongly', async () => {
      await fails(['volume', 'create', 'a', 'b'], 1, /requires at most 1 argument/);
      await fails(['volume', 'create', '--name', 'ab', 'ab'], 1, /conflicting options: cannot specify a volume-name through both/);
      await fails(['volume', 'create', 'a/b'], 1, /includes invalid characters for a local volume name/);
      await fails(['volume', 'create', '-d', 'nope', 'ab'], 1, /error looking up volume plugin nope: plugin "nope" not found/);
      await fails(['volume', 'ls', 'x'], 1, /accepts no arguments/);
      await fails(['volume', 'ls', '-f', 'x'], 125, /bad format of filter/);
      await fails(['volume', 'rm'], 1, /requires at least 1 argument/);
      await fails(['volume', 'prune', '-a', '--filter', 'all=1'], 1, /cannot specify both --all and --filter all=1/);
      await fails(['system', 'prune', '--volumes', '--filter', 'until=1h'], 1, /The "until" filter is not supported with "--volumes"/);
    });

    test('run -v, --mount, --volumes-from, rm -v, in use', async () => {
      const run = (...argv: string[]) => ok('run', '--rootfs', root, ...argv);
      await run('--rm', '-v', 'kept:/k', 'sh', '-c', 'echo kept > /k/f');
      assert.equal(
        await run('--name', 'user', '--mount', 'type=volume,src=kept,dst=/k,ro', '-v', '/new', '--mount', 'dst=/more,volume-label=x=y', 'cat', '/k/f'),
        'kept\n',
      );
      assert.match(
        await ok('inspect', '-f', '{{range .Mounts}}{{.Destination}} {{.Type}} {{.RW}};{{end}}', 'user'),
        /^\/k volume false;\/more volume true;\/new volume true;\n$/,
      );
      assert.equal((await ok('volume', 'ls', '-q', '-f', 'label=x=y')).trim().length, 64);
      await fails(['volume', 'rm', 'kept'], 1, /^Error response from daemon: remove kept: volume is in use - \[[0-9a-f]{64}\]\n$/);
      assert.match(await ok('ps', '-a', '--filter', 'volume=kept', '--format', '{{.Names}} {{.LocalVolumes}} {{.Mounts}}'), /^user 3 kept,/);
      assert.equal(await run('--rm', '--volumes-from', 'user:ro', 'sh', '-c', 'cat /k/f; touch /new/x 2>/dev/null || echo no'), 'kept\nno\n');
      assert.match(await ok('system', 'df'), /Local Volumes +\d+ +3 /);
      assert.match(await ok('system', 'df', '-v'), /VOLUME NAME +LINKS +SIZE\n(.*\n)*kept +1 +5B\n/);
      await ok('rm', '-v', 'user');
      assert.equal(await ok('volume', 'ls', '-q', '-f', 'label=x=y'), '');
      assert.equal(await ok('volume', 'rm', 'kept'), 'kept\n');
    });

    test('prune: asks, and removes what nobody has', async () => {
      await ok('volume', 'create', 'named');
      const anonymous = (await ok('volume', 'create')).trim();
      const asked = await kobako(['volume', 'prune'], { input: 'n\n' });
      assert.equal(
        asked.stdout,
        'WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue? [y/N] ',
      );
      const all = await kobako(['volume', 'prune', '-a'], { input: 'n\n' });
      assert.match(all.stdout, /^WARNING! This will remove all local volumes not used by at least one container\./);
      assert.match(
        (await kobako(['system', 'prune', '--volumes'], { input: 'n\n' })).stdout,
        /\n {2}- all anonymous volumes not used by at least one container\n/,
      );
      assert.ok((await ok('volume', 'prune', '-f')).includes(`${anonymous}\n`));
      const again = (await ok('volume', 'create')).trim();
      assert.match(await ok('system', 'prune', '-f', '--volumes'), new RegExp(`Deleted Volumes:\n${again}\n\n`));
      assert.equal(await ok('volume', 'prune', '-af'), 'Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B\n');
      assert.equal(await ok('volume', 'prune', '-af'), 'Total reclaimed space: 0B\n');
    });
  });
}
