/** What the commands on networks promise, on whatever engine. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { cliChecks } from '../support/cli-checks.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import type { EngineUnderTest } from './containers.suite.ts';

export function commandsOnNetworks(title: string, open: () => Promise<EngineUnderTest>): void {
  describe(title, () => {
    let [under, root]: [EngineUnderTest, string] = [undefined as never, ''];
    before(async () => {
      root = `${await busyboxRootfs()}:O`;
      under = await open();
    });
    after(() => under.close());
    afterEach(async () => {
      for (const { Id } of await under.engine.containers.list({ all: true })) await under.engine.containers.remove(Id, { force: true });
      await under.engine.networks.prune();
    });
    const { kobako, ok, fails: failsWith } = cliChecks(() => under.engine);
    const fails = (argv: readonly string[], stderr: string | RegExp, code = 1) => failsWith(argv, code, stderr);
    const show = async (name: string, format: string) => (await ok('network', 'inspect', '-f', format, name)).trim();

    test('create, ls, inspect, rm', async () => {
      const id = (await ok('network', 'create', '--label', 'colour=red', '-o', 'com.docker.network.driver.mtu=1400', '--subnet', '10.81.0.0/24', 'lan')).trim();
      assert.match(id, /^[0-9a-f]{64}$/);
      assert.match(
        await ok('network', 'ls'),
        new RegExp(
          `^NETWORK ID +NAME +DRIVER +SCOPE\n[0-9a-f]{12} +bridge +bridge +local\n.*host +host +local\n${id.slice(0, 12)} +lan +bridge +local\n.*none +null +local\n$`,
        ),
      );
      assert.equal(await ok('network', 'ls', '-q', '--no-trunc', '-f', 'name=lan'), `${id}\n`);
      assert.equal(
        await ok('network', 'list', '--filter', 'label=colour', '--format', '{{.Name}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Label "colour"}}'),
        'lan true false false red\n',
      );
      assert.equal(
        await show('lan', '{{.Id}} {{(index .IPAM.Config 0).Subnet}} {{json .Options}}'),
        `${id} 10.81.0.0/24 {"com.docker.network.driver.mtu":"1400"}`,
      );
      assert.equal(await ok('inspect', '-f', '{{.Name}} {{.Driver}}', 'lan'), 'lan bridge\n');
      assert.equal(await ok('inspect', '--type', 'network', '-f', '{{.Scope}}', id.slice(0, 12)), 'local\n');
      assert.equal(JSON.parse(await ok('network', 'inspect', 'lan', 'none'))[1].Name, 'none');
      await fails(['network', 'create', 'lan'], 'kobako: network with name lan already exists\n');
      await fails(['network', 'inspect', 'nope'], 'Error response from daemon: network nope not found\n');
      assert.equal(await ok('network', 'rm', 'lan'), 'lan\n');
      await fails(
        ['network', 'rm', 'nope', 'host'],
        'Error response from daemon: network nope not found\nError response from daemon: host is a pre-defined network and cannot be removed\n',
      );
      assert.equal((await kobako(['network', 'rm', '-f', 'nope'])).code, 0);
      await fails(['network', 'create'], /requires exactly 1 argument/);
      await fails(['network', 'ls', 'x'], /accepts no arguments/);
    });

    test('create: which subnet each address is for', async () => {
      const six = [
        '--ipv6',
        '--subnet',
        '10.82.0.0/24,fd00:82::/64',
        '--ip-range',
        'fd00:82::/80',
        '--gateway',
        '10.82.0.9',
        '--aux-address',
        'a=10.82.0.7',
        '--aux-address',
        'b=fd00:82::7',
      ];
      await ok('network', 'create', ...six, 'both');
      assert.deepEqual(JSON.parse(await show('both', '{{json .IPAM.Config}}')), [
        { Subnet: '10.82.0.0/24', Gateway: '10.82.0.9', AuxiliaryAddresses: { a: '10.82.0.7' } },
        { Subnet: 'fd00:82::/64', IPRange: 'fd00:82::/80', AuxiliaryAddresses: { b: 'fd00:82::7' } },
      ]);
      await ok('network', 'create', '--ipv4=false', '--ipv6', 'only-six');
      assert.equal(await show('only-six', '{{.EnableIPv4}} {{.EnableIPv6}} {{len .IPAM.Config}}'), 'false true 1');
      const refused = (message: string, ...argv: string[]) => fails(['network', 'create', ...argv, 'x'], `kobako: ${message}\n`);
      await refused('every ip-range or gateway must have a corresponding subnet', '--gateway', '10.0.0.1');
      await refused('no matching subnet for gateway 10.2.0.1', '--subnet', '10.1.0.0/24', '--gateway', '10.2.0.1');
      await refused('no matching subnet for range 10.2.0.0/28', '--subnet', '10.1.0.0/24', '--ip-range', '10.2.0.0/28');
      await refused('no matching subnet for aux-address 10.2.0.1', '--subnet', '10.1.0.0/24', '--aux-address', 'a=10.2.0.1');
      await refused('multiple overlapping subnet configuration is not supported', '--subnet', '10.1.0.0/16', '--subnet', '10.1.2.0/24');
      const two = ['--subnet', '10.1.0.0/24', '--subnet', '10.2.0.0/24', '--gateway', '10.1.0.1', '--gateway', '10.1.0.2'];
      await refused('cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/24)', ...two);
      await refused('invalid CIDR address: x', '--subnet', 'x');
      await refused("invalid label '=x': empty name", '--label', '=x');
      await refused('plugin "nope" not found', '-d', 'nope');
    });

    test('run in networks, connect, disconnect, prune', async () => {
      await ok('network', 'create', '--subnet', '10.83.0.0/24', 'front');
      await ok('network', 'create', '--subnet', '10.83.1.0/24', 'back');
      const place = async (name: string, network: string, field: string) =>
        (await ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").${field}}}`, name)).trim();
      await ok('run', '-d', '--name', 'web', '--network', 'name=front,ip=10.83.0.50,alias=www', '--network', 'back', '--rootfs', root, 'sleep', '60');
      assert.deepEqual([await place('web', 'front', 'IPAddress'), await place('web', 'back', 'IPAddress')], ['10.83.0.50', '10.83.1.2']);
      assert.match(await place('web', 'front', 'DNSNames'), /^\[web www [0-9a-f]{12}\]$/);
      assert.equal(await ok('ps', '--filter', 'network=back', '--format', '{{.Names}} {{.Networks}}'), 'web back,front\n');
      assert.equal(await ok('network', 'disconnect', 'back', 'web'), '');
      await fails(['network', 'disconnect', 'back', 'web'], /^kobako: container [0-9a-f]{64} is not connected to network back\n$/);
      assert.equal(
        await ok(
          'network',
          'connect',
          '--ip',
          '10.83.1.9',
          '--alias',
          'a,b',
          '--link',
          'other:db',
          '--driver-opt',
          'k=v',
          '--gw-priority',
          '-5',
          'back',
          'web',
        ),
        '',
      );
      assert.equal(await place('web', 'back', 'Aliases'), '[a b]');
      assert.deepEqual(
        [await place('web', 'back', 'IPAddress'), await place('web', 'back', 'Links'), await place('web', 'back', 'GwPriority')],
        ['10.83.1.9', '[other:db]', '-5'],
      );
      assert.equal(await place('web', 'back', 'DriverOpts'), 'map[k:v]');
      await fails(['network', 'connect', '--ip', 'x', 'back', 'web'], /invalid argument "x" for "--ip" flag: invalid IPv4 address: x/);
      await fails(['network', 'connect', 'back'], /requires exactly 2 arguments/);
      assert.match(await ok('network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}', 'back'), /^web 10\.83\.1\.9\/24\n$/);
      await fails(['network', 'rm', 'back'], /has active endpoints \(name:"web" id:"[0-9a-f]{12}"\)\n$/);

      await ok('network', 'create', 'idle');
      const asked = await kobako(['network', 'prune'], { input: 'n\n' });
      assert.match(
        asked.stdout,
        /^WARNING! This will remove all custom networks not used by at least one container\.\nAre you sure you want to continue\? \[y\/N\] $/,
      );
      assert.equal(await ok('network', 'prune', '-f'), 'Deleted Networks:\nidle\n\n');
      assert.equal(await ok('network', 'prune', '-f'), '');
      await ok('rm', '-f', 'web');
      const { stdout } = await kobako(['system', 'prune'], { input: 'y\n' });
      assert.match(stdout, / {2}- all networks not used by at least one container\n/);
      assert.match(stdout, /Deleted Networks:\nfront\nback\n\n/);
    });

    test('names for the shell', async () => {
      await ok('network', 'create', 'named');
      assert.equal(await ok('__complete', 'network'), 'bridge\nhost\nnone\nnamed\n');
      assert.match(await ok('network', '--help'), /Manage networks[^]*connect[^]*create[^]*disconnect[^]*inspect[^]*ls[^]*prune[^]*rm/);
    });

    test('links: of the default network the host’s, of others the endpoint’s', async () => {
      await ok('run', '-d', '--name', 'db', '--rootfs', root, 'sleep', '60');
      await ok('network', 'create', 'linked');
      await ok('create', '--name', 'on-linked', '--network', 'linked', '--link', 'db:d', '--rootfs', root, 'true');
      assert.equal(await ok('inspect', '-f', '{{.HostConfig.Links}} {{.NetworkSettings.Networks.linked.Links}}', 'on-linked'), '[] [db:d]\n');
      await ok('create', '--name', 'on-bridge', '--link', 'db', '--rootfs', root, 'true');
      assert.equal(await ok('inspect', '-f', '{{.HostConfig.Links}}', 'on-bridge'), '[/db:/on-bridge/db]\n');
      await fails(['create', '--link', 'nobody', '--rootfs', root, 'true'], 'kobako: could not get container for nobody: No such container: nobody\n');
    });
  });
}
