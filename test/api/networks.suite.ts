/** What networks promise, on whatever engine: as records, and as containers' places in them. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { EngineError, ErrorKind } from '../../src/base/errors.ts';
import type { Engine } from '../../src/engine/contract.ts';
import type { ContainerCreate } from '../../src/engine/types/container.ts';
import type { EndpointSettings, NetworkCreate } from '../../src/engine/types/network.ts';
import type { EngineEvent } from '../../src/engine/types/system.ts';
import { busyboxRootfs } from '../support/rootfs.ts';

const BRIDGE = 'com.docker.network.bridge.';

export interface NetworksUnderTest {
  readonly engine: Engine;
  close(): Promise<void>;
}

/** `open` gives an engine with nothing in it. */
/** Engines of other tests of this file are on the same host. */
let nextBlock = 74;

export function networksSuite(title: string, open: () => Promise<NetworksUnderTest>): void {
  describe(title, () => {
    let [under, engine, root]: [NetworksUnderTest, Engine, string] = [undefined as never, undefined as never, ''];
    before(async () => {
      root = await busyboxRootfs();
      under = await open();
      engine = under.engine;
    });
    after(() => under.close());
    afterEach(async () => {
      for (const { Id } of await engine.containers.list({ all: true })) await engine.containers.remove(Id, { force: true });
      // what was made by a form goes before the form
      const made = await engine.networks.list({ type: ['custom'] });
      for (const { Id } of made.toSorted((a, b) => Number(a.ConfigOnly) - Number(b.ConfigOnly))) await engine.networks.remove(Id);
    });

    const fails = (work: Promise<unknown>, kind: ErrorKind, message: string | RegExp) =>
      assert.rejects(work, (error: EngineError) => {
        if (typeof message === 'string') assert.equal(error.message, message);
        else assert.match(error.message, message);
        assert.equal(error.kind, kind);
        return true;
      });
    const network = async (body: NetworkCreate) => {
      const { Id, Warning } = await engine.networks.create(body);
      assert.match(Id, /^[0-9a-f]{64}$/);
      assert.equal(Warning, '');
      return Id;
    };
    const create = async (name: string, mode: string, endpoints?: Record<string, EndpointSettings>, more: ContainerCreate = {}) => {
      const { Id } = await engine.containers.create(
        {
          Cmd: ['sleep', '1000'],
          StopSignal: 'KILL',
          ...more,
          HostConfig: { NetworkMode: mode, ...more.HostConfig, Kobako: { Rootfs: { Path: root, Overlay: true } } },
          ...(endpoints === undefined ? {} : { NetworkingConfig: { EndpointsConfig: endpoints } }),
        },
        { name },
      );
      return Id;
    };
    const run = async (...args: Parameters<typeof create>) => {
      const id = await create(...args);
      await engine.containers.start(id);
      return id;
    };
    const settings = async (container: string) => (await engine.containers.inspect(container)).NetworkSettings;
    const place = async (container: string, name: string) => (await settings(container)).Networks[name]!;
    const names = async (filters: Record<string, string[]>) => (await engine.networks.list(filters)).map(({ Name }) => Name);
    /** What is told of networks while `work` goes on. */
    const events = async (work: () => Promise<void>): Promise<string[]> => {
      const seen: EngineEvent[] = [];
      const abort = new AbortController();
      const started = Promise.withResolvers<void>();
      const reading = (async () => {
        for await (const event of engine.system.events({ filters: { type: ['network'] }, signal: abort.signal, started: started.resolve })) seen.push(event);
      })();
      await started.promise;
      await work();
      await new Promise((resolve) => setTimeout(resolve, 50));
      abort.abort();
      await reading;
      return seen.map(
        ({
          Action,
          Actor: {
            Attributes: { name, type, container, reclaimed },
          },
        }) => [Action, name, type, container?.slice(0, 4), reclaimed].filter((word) => word !== undefined).join(' '),
      );
    };

    test('the networks that every engine has', async () => {
      const all = await engine.networks.list();
      assert.deepEqual(
        all.map(({ Name, Driver, Scope }) => [Name, Driver, Scope]),
        [
          ['bridge', 'bridge', 'local'],
          ['host', 'host', 'local'],
          ['none', 'null', 'local'],
        ],
      );
      const [bridge] = all;
      assert.equal(bridge!.IPAM.Config!.length, 1);
      assert.match(bridge!.IPAM.Config![0]!.Gateway!, /^(172|192)\.\d+\.\d+\.1$/);
      assert.equal(bridge!.Options[`${BRIDGE}default_bridge`], 'true');
      assert.deepEqual(await engine.networks.inspect('bridge'), bridge);
      assert.deepEqual((await engine.networks.inspect(bridge!.Id.slice(0, 10))).Name, 'bridge');
      assert.equal((await engine.networks.inspect('none')).IPAM.Config, null);
      for (const { Name, Id } of all)
        await fails(engine.networks.remove(Name === 'host' ? Id : Name), 'denied', `${Name} is a pre-defined network and cannot be removed`);
    });

    test('made, shown, removed', async () => {
      const body = { Name: 'lan', Labels: { colour: 'red' }, Options: { [`${BRIDGE}enable_icc`]: 'false' }, Internal: true, Attachable: true };
      let id = '';
      const seen = await events(async () => {
        id = await network({ ...body, IPAM: { Config: [{ Subnet: '10.61.0.0/24', IPRange: '10.61.0.128/25', AuxiliaryAddresses: { a: '10.61.0.200' } }] } });
      });
      assert.deepEqual(seen, ['create lan bridge']);
      const { Created, ...shown } = await engine.networks.inspect('lan');
      assert.ok(Math.abs(Date.parse(Created) - Date.now()) < 60_000, Created);
      assert.deepEqual(shown, {
        Name: 'lan',
        Id: id,
        Scope: 'local',
        Driver: 'bridge',
        EnableIPv4: true,
        EnableIPv6: false,
        // as it was asked for
        IPAM: {
          Driver: 'default',
          Options: null,
          Config: [{ Subnet: '10.61.0.0/24', IPRange: '10.61.0.128/25', AuxiliaryAddresses: { a: '10.61.0.200' } }],
        },
        Internal: true,
        Attachable: true,
        Ingress: false,
        ConfigFrom: { Network: '' },
        ConfigOnly: false,
        Containers: {},
        Options: { [`${BRIDGE}enable_icc`]: 'false' },
        Labels: { colour: 'red' },
      });
      await fails(engine.networks.inspect('lan', { scope: 'swarm' }), 'not-found', 'network lan not found');
      assert.equal((await engine.networks.inspect('lan', { scope: 'local', verbose: true })).Id, id);
      await fails(engine.networks.create({ Name: 'lan' }), 'conflict', 'network with name lan already exists');
      assert.deepEqual(await events(() => engine.networks.remove('lan')), ['destroy lan bridge']);
      await fails(engine.networks.inspect('lan'), 'not-found', 'network lan not found');
      await fails(engine.networks.remove('lan'), 'not-found', 'network lan not found');
    });

    test('subnets nobody asked for: of both families, none twice', async () => {
      await network({ Name: 'six-a', EnableIPv6: true });
      await network({ Name: 'six-b', EnableIPv6: true, EnableIPv4: false });
      await network({ Name: 'six-c', Options: { 'com.docker.network.enable_ipv6': 'true' }, IPAM: { Config: [{ Subnet: '10.62.0.0/24' }] } });
      const configs = await Promise.all(['six-a', 'six-b', 'six-c', 'bridge'].map(async (name) => (await engine.networks.inspect(name)).IPAM.Config!));
      const subnets = configs.flatMap((config) => config.map(({ Subnet }) => Subnet!));
      assert.equal(new Set(subnets).size, subnets.length);
      assert.deepEqual(
        configs.map((config) => config.map(({ Subnet }) => (Subnet!.includes(':') ? 6 : 4))),
        [[4, 6], [6], [4, 6], [4]],
      );
      assert.match(configs[1]![0]!.Subnet!, /^fd[0-9a-f]{2}:[0-9a-f:]+::\/64$/);
      assert.equal(configs[1]![0]!.Gateway, configs[1]![0]!.Subnet!.replace('::/64', '::1'));
      // what was asked for has no gateway to show, what was chosen has
      assert.deepEqual([configs[2]![0]!.Gateway, typeof configs[2]![1]!.Gateway], [undefined, 'string']);
    });

    const REFUSED: readonly (readonly [NetworkCreate, ErrorKind, string | RegExp])[] = [
      [{ Name: '' }, 'invalid', 'invalid name: name is empty'],
      [{ Name: ' ' }, 'invalid', 'invalid name: name is empty'],
      [{ Name: 'a\nb' }, 'invalid', /^invalid name: /],
      [{ Name: 'host' }, 'denied', 'operation is not permitted on predefined host network '],
      [{ Name: 'default' }, 'denied', 'operation is not permitted on predefined default network '],
      [{ Name: 'x', Driver: 'nope' }, 'not-found', 'plugin "nope" not found'],
      [{ Name: 'x', Driver: 'overlay' }, 'denied', /^This node is not a swarm manager/],
      [{ Name: 'x', Driver: 'host' }, 'denied', 'only one instance of "host" network is allowed'],
      [{ Name: 'x', Driver: 'null' }, 'denied', 'only one instance of "null" network is allowed'],
      [{ Name: 'x', Scope: 'swarm' }, 'denied', 'cannot create a swarm scoped network when swarm is not active'],
      [{ Name: 'x', Ingress: true }, 'denied', 'Ingress network can only be global scope network'],
      [{ Name: 'x', EnableIPv4: false }, 'invalid', 'IPv4 or IPv6 must be enabled'],
      [{ Name: 'x', Options: { 'com.docker.network.enable_ipv6': 'x' } }, 'invalid', 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool'],
      [{ Name: 'x', IPAM: { Config: [{ Subnet: 'x' }] } }, 'invalid', 'invalid network config:\ninvalid subnet x: invalid CIDR block notation'],
      [{ Name: 'x', IPAM: { Driver: 'nope' } }, 'not-found', 'plugin "nope" not found'],
      [{ Name: 'x', IPAM: { Driver: 'null' } }, 'invalid', 'ipv4 pool is empty'],
      [{ Name: 'x', IPAM: { Config: [{ Subnet: '0.0.0.0/0' }] } }, 'denied', /^invalid pool request: Pool overlaps/],
      [{ Name: 'x', EnableIPv6: true, IPAM: { Config: [{ Subnet: '::/0' }] } }, 'invalid', 'ipv6 pool is empty'],
      [{ Name: 'x', IPAM: { Config: [{ Subnet: '127.1.0.0/16' }] } }, 'invalid', "loopback subnet '127.1.0.0/16' is not allowed"],
      [{ Name: 'x', IPAM: { Config: [{ Subnet: '10.63.0.0/24' }, { Subnet: '10.64.0.0/24' }] } }, 'denied', "bridge driver doesn't support multiple subnets"],
      [{ Name: 'x', EnableIPv6: true, IPAM: { Config: [{ Subnet: 'ff00::/64' }] } }, 'invalid', "multicast subnet 'ff00::/64' is not allowed"],
      [{ Name: 'x', EnableIPv6: true, IPAM: { Config: [{ Subnet: 'fe80::/10' }] } }, 'invalid', "'fe80::/10' clashes with the Link-Local prefix 'fe80::/64'"],
      [{ Name: 'x', Options: { 'com.docker.network.driver.mtu': '-1' } }, 'invalid', 'invalid MTU number: -1'],
      [{ Name: 'x', Driver: 'macvlan', Options: { macvlan_mode: 'x' } }, 'invalid', /^requested macvlan mode 'x' is not valid/],
      [{ Name: 'x', ConfigFrom: { Network: 'nope' } }, 'not-found', 'configuration network "nope" does not exist'],
      [{ Name: 'x', ConfigOnly: true, ConfigFrom: { Network: 'y' } }, 'denied', 'a configuration network cannot depend on another configuration network'],
      [{ Name: 'x', ConfigOnly: true, Internal: true }, 'denied', /^configuration network can only contain network specific fields/],
    ];
    for (const [body, kind, message] of REFUSED)
      test(`refused: ${JSON.stringify(body)}`, async () => {
        await fails(engine.networks.create(body), kind, message);
        assert.equal((await engine.networks.list({ type: ['custom'] })).length, 0);
      });

    test('overlaps: with another network, with a bridge of that name, with what the host routes', async () => {
      const id = await network({ Name: 'first', IPAM: { Config: [{ Subnet: '10.65.0.0/24' }] }, Options: { [`${BRIDGE}name`]: 'kbtest0' } });
      const overlap = 'invalid pool request: Pool overlaps with other one on this address space';
      for (const Driver of ['bridge', 'macvlan'])
        await fails(engine.networks.create({ Name: 'x', Driver, IPAM: { Config: [{ Subnet: '10.65.0.128/25' }] } }), 'denied', overlap);
      const { Subnet } = (await engine.networks.inspect('bridge')).IPAM.Config![0]!;
      await fails(engine.networks.create({ Name: 'x', IPAM: { Config: [{ Subnet: Subnet! }] } }), 'denied', overlap);
      await fails(
        engine.networks.create({ Name: 'x', Options: { [`${BRIDGE}name`]: 'kbtest0' } }),
        'denied',
        new RegExp(`^cannot create network [0-9a-f]{64} \\(kbtest0\\): conflicts with network ${id} \\(kbtest0\\): networks have same bridge name$`),
      );
      await engine.networks.remove('first');
      await network({ Name: 'again', IPAM: { Config: [{ Subnet: '10.65.0.0/25' }] } });
    });

    test('filters', async () => {
      await network({ Name: 'red-1', Labels: { colour: 'red' }, Options: { [`${BRIDGE}name`]: 'kbtest1' }, IPAM: { Config: [{ Subnet: '10.66.0.0/24' }] } });
      const blue = await network({ Name: 'blue-1', Driver: 'macvlan', Options: { parent: 'kbtest1' }, Labels: { colour: 'blue', size: '' }, Scope: 'global' });
      const cases: readonly (readonly [Record<string, string[]>, readonly string[]])[] = [
        [{}, ['bridge', 'host', 'none', 'red-1', 'blue-1']],
        [{ driver: ['macvlan', 'null'] }, ['none', 'blue-1']],
        [{ id: [blue.slice(0, 20)] }, ['blue-1']],
        [{ label: ['colour'] }, ['red-1', 'blue-1']],
        [{ label: ['colour=blue', 'size'] }, ['blue-1']],
        [{ name: ['-1'] }, ['red-1', 'blue-1']],
        [{ name: ['^red-1$', 'host'] }, ['host', 'red-1']],
        [{ name: ['('] }, []],
        [{ scope: ['global'] }, ['blue-1']],
        [{ type: ['custom'] }, ['red-1', 'blue-1']],
        [{ type: ['custom', 'builtin'], driver: ['bridge'] }, ['bridge', 'red-1']],
        [{ dangling: ['true'] }, ['red-1', 'blue-1']],
        [{ dangling: ['0'] }, ['bridge', 'host', 'none']],
      ];
      for (const [filters, expected] of cases) assert.deepEqual(await names(filters), expected, JSON.stringify(filters));
      await fails(names({ nope: ['x'] }), 'invalid', "invalid filter 'nope'");
      await fails(names({ type: ['x'] }), 'invalid', "invalid filter: 'type'='x'");
      await fails(names({ dangling: ['x'] }), 'invalid', `invalid value for filter 'dangling', must be "true" (or "1"), or "false" (or "0")`);
      await fails(names({ dangling: ['true', 'false'] }), 'invalid', 'got more than one value for filter key "dangling"');
    });

    test('a form of networks, and one that is made by it', async () => {
      const form = { IPAM: { Config: [{ Subnet: '10.67.0.0/24' }] }, Options: { 'com.docker.network.driver.mtu': '1400' } };
      await network({ Name: 'form', ConfigOnly: true, ...form });
      await network({ Name: 'made', ConfigFrom: { Network: 'form' } });
      const { Driver, ConfigOnly, IPAM } = await engine.networks.inspect('form');
      assert.deepEqual([Driver, ConfigOnly, IPAM.Config], ['null', true, form.IPAM.Config]);
      const made = await engine.networks.inspect('made');
      assert.deepEqual([made.Driver, made.ConfigFrom, made.IPAM.Config, made.Options], ['bridge', { Network: 'form' }, form.IPAM.Config, form.Options]);
      const asked = 'user specified configurations are not supported if the network depends on a configuration network';
      await fails(engine.networks.create({ Name: 'x', ConfigFrom: { Network: 'form' }, Labels: { a: 'b' } }), 'denied', asked);
      await fails(engine.networks.create({ Name: 'x', ConfigFrom: { Network: 'made' } }), 'not-found', 'configuration network "made" does not exist');
      await fails(engine.networks.remove('form'), 'denied', 'error while removing network: configuration network "form" is in use');
      const id = await create('in-form', 'form');
      await fails(engine.containers.start(id), 'denied', 'failed to set up container networking: cannot create endpoint on configuration-only network');
      await engine.networks.remove('made');
      await engine.networks.remove('form');
    });

    test('prune: what nobody is in, as the filters say', async () => {
      for (const [index, Name] of ['kept-1', 'gone-1', 'gone-2'].entries())
        await network({ Name, Labels: { prune: String(index) }, IPAM: { Config: [{ Subnet: `10.68.${index}.0/24` }] } });
      await run('pruned-not', 'gone-1');
      await create('not-yet', 'gone-2');
      const seen = await events(async () => assert.deepEqual(await engine.networks.prune({ 'label!': ['prune=0'] }), { NetworksDeleted: ['gone-2'] }));
      assert.deepEqual(seen, ['destroy gone-2 bridge', 'prune 0']);
      assert.deepEqual(await engine.networks.prune({ label: ['prune=7'] }), { NetworksDeleted: null });
      assert.deepEqual(await engine.networks.prune({ until: ['1h'] }), { NetworksDeleted: null });
      assert.deepEqual(await names({ label: ['prune'] }), ['kept-1', 'gone-1']);
      await fails(engine.networks.prune({ driver: ['bridge'] }), 'invalid', "invalid filter 'driver'");
      await fails(engine.networks.prune({ until: ['x'] }), 'invalid', 'failed to parse value as time or duration: "x"');
    });

    test('a container’s places in networks while it runs, and after', async () => {
      await network({ Name: 'web', IPAM: { Config: [{ Subnet: '10.69.0.0/24', Gateway: '10.69.0.254' }] } });
      await network({ Name: 'data', Internal: true, EnableIPv6: true, IPAM: { Config: [{ Subnet: '10.69.1.0/24' }, { Subnet: 'fd00:69::/64' }] } });
      const id = await create(
        'app',
        'web',
        {
          web: { Aliases: ['www'], IPAMConfig: { IPv4Address: '10.69.0.77' }, MacAddress: '02:42:AC:11:00:9A' },
          data: { IPAMConfig: { IPv6Address: 'fd00:69::99' } },
        },
        { Hostname: 'front' },
      );
      const before = await place(id, 'web');
      assert.deepEqual([before.NetworkID, before.EndpointID, before.IPAddress, before.IPAMConfig], ['', '', '', { IPv4Address: '10.69.0.77' }]);
      const seen = await events(async () => void (await engine.containers.start(id)));
      assert.deepEqual(seen, [`connect web bridge ${id.slice(0, 4)}`, `connect data bridge ${id.slice(0, 4)}`]);
      const web = await place(id, 'web');
      assert.deepEqual(
        [web.IPAddress, web.IPPrefixLen, web.Gateway, web.MacAddress, web.Aliases, web.DNSNames],
        ['10.69.0.77', 24, '10.69.0.254', '02:42:ac:11:00:9a', ['www'], ['app', 'www', id.slice(0, 12), 'front']],
      );
      assert.equal(web.NetworkID, (await engine.networks.inspect('web')).Id);
      const data = await place(id, 'data');
      // nothing goes out of an internal network
      assert.deepEqual(
        [data.IPAddress, data.Gateway, data.GlobalIPv6Address, data.GlobalIPv6PrefixLen, data.IPv6Gateway],
        ['10.69.1.2', '', 'fd00:69::99', 64, ''],
      );
      const { SandboxID, SandboxKey, IPAddress } = await settings(id);
      assert.match(SandboxID, /^[0-9a-f]{64}$/);
      assert.match(SandboxKey, /^\/.*[^/]$/);
      assert.equal(IPAddress, '');
      assert.deepEqual((await engine.networks.inspect('web')).Containers, {
        [id]: { Name: 'app', EndpointID: web.EndpointID, MacAddress: '02:42:ac:11:00:9a', IPv4Address: '10.69.0.77/24', IPv6Address: '' },
      });
      assert.equal((await engine.networks.inspect('data')).Containers[id]!.IPv6Address, 'fd00:69::99/64');
      const inUse = new RegExp(`^error while removing network: network web has active endpoints \\(name:"app" id:"${web.EndpointID!.slice(0, 12)}"\\)$`);
      await fails(engine.networks.remove('web'), 'denied', inUse);
      assert.deepEqual((await names({ dangling: ['true'] })).length, 0);
      const [listed] = await engine.containers.list({ filters: { network: ['data'] } });
      assert.deepEqual([listed!.Id, listed!.NetworkSettings.Networks['web']!.IPAddress], [id, '10.69.0.77']);
      assert.equal(listed!.NetworkSettings.Networks['web']!.Aliases, null);

      await engine.containers.rename(id, 'app2');
      assert.deepEqual((await place(id, 'web')).DNSNames, ['app2', 'www', id.slice(0, 12), 'front']);
      assert.equal((await engine.networks.inspect('web')).Containers[id]!.Name, 'app2');

      const ends = await events(async () => void (await engine.containers.stop(id, { timeout: 0 })));
      assert.deepEqual(ends.toSorted(), [`disconnect data bridge ${id.slice(0, 4)}`, `disconnect web bridge ${id.slice(0, 4)}`]);
      const stopped = await place(id, 'web');
      assert.deepEqual([stopped.IPAddress, stopped.EndpointID, stopped.NetworkID], ['', '', web.NetworkID]);
      assert.deepEqual((await engine.networks.inspect('web')).Containers, {});
      await engine.networks.remove('web');
      await fails(engine.containers.start(id), 'not-found', 'failed to set up container networking: network web not found');
    });

    test('addresses: the next one each time, none twice, and the end of them', async () => {
      const tiny = await network({ Name: 'tiny', IPAM: { Config: [{ Subnet: '10.70.0.0/29', AuxiliaryAddresses: { router: '10.70.0.3' } }] } });
      const at = async (name: string) => (await place(name, 'tiny')).IPAddress;
      await run('tiny-1', 'tiny');
      assert.equal(await at('tiny-1'), '10.70.0.2');
      await engine.containers.restart('tiny-1', { timeout: 0 });
      // not the one that it had just now
      assert.equal(await at('tiny-1'), '10.70.0.4');
      await run('tiny-2', tiny.slice(0, 12), { tiny: { IPAMConfig: { IPv4Address: '10.70.0.5' } } });
      await create('tiny-3', 'tiny', { tiny: { IPAMConfig: { IPv4Address: '10.70.0.5' } } });
      await fails(engine.containers.start('tiny-3'), 'denied', 'failed to set up container networking: Address already in use');
      await run('tiny-4', 'tiny');
      await run('tiny-5', 'tiny');
      assert.deepEqual([await at('tiny-4'), await at('tiny-5')], ['10.70.0.6', '10.70.0.2']);
      await create('tiny-6', 'tiny');
      const none = `failed to set up container networking: no available IPv4 addresses on this network's address pools: tiny (${tiny})`;
      await assert.rejects(engine.containers.start('tiny-6'), { message: none });
      await engine.containers.remove('tiny-2', { force: true });
      await engine.containers.start('tiny-6');
      assert.equal(await at('tiny-6'), '10.70.0.5');
      // who starts at once gets addresses of their own
      const many = await network({ Name: 'many', IPAM: { Config: [{ Subnet: '10.70.1.0/24' }] } });
      const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => run(`many-${index}`, many)));
      const addresses = await Promise.all(ids.map(async (id) => (await place(id, 'many')).IPAddress));
      assert.deepEqual(
        addresses.toSorted(),
        Array.from({ length: 8 }, (_, index) => `10.70.1.${index + 2}`),
      );
    });

    test('the default bridge is shown above the networks, too', async () => {
      const id = await run('on-bridge', 'default', undefined, { MacAddress: '02:42:ac:11:00:99' });
      const { Networks, EndpointID, IPAddress, MacAddress, Gateway, IPPrefixLen } = await settings(id);
      const { bridge } = Networks;
      assert.deepEqual(
        [EndpointID, IPAddress, MacAddress, Gateway, IPPrefixLen],
        [bridge!.EndpointID, bridge!.IPAddress, '02:42:ac:11:00:99', bridge!.Gateway, 16],
      );
      assert.match(IPAddress, /^\d+\.\d+\.\d+\.\d+$/);
      assert.equal(bridge!.DNSNames, null);
      assert.equal((await engine.containers.inspect(id)).Config.MacAddress, '02:42:ac:11:00:99');
      for (const mode of ['host', 'none']) {
        const other = await run(`on-${mode}`, mode);
        const { Networks: only } = await settings(other);
        assert.deepEqual(Object.keys(only), [mode]);
        assert.match(only[mode]!.EndpointID!, /^[0-9a-f]{64}$/);
        assert.deepEqual([only[mode]!.IPAddress, only[mode]!.MacAddress], ['', '']);
        assert.equal((await engine.networks.inspect(mode)).Containers[other]!.Name, `on-${mode}`);
      }
      const joined = await run('on-other', `container:on-bridge`);
      assert.deepEqual((await settings(joined)).Networks, {});
    });

    test('published ports: shown while it runs; a port that is taken is an error before it starts', async () => {
      const ports: ContainerCreate = {
        ExposedPorts: { '80/tcp': {}, '81/udp': {}, '82/tcp': {}, '90': {} },
        HostConfig: {
          PortBindings: {
            '80/tcp': [
              { HostIp: '', HostPort: '28080' },
              { HostIp: '127.0.0.1', HostPort: '28090-28099' },
            ],
            '81/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
          },
        },
      };
      await network({ Name: 'pub', IPAM: { Config: [{ Subnet: '10.71.0.0/24' }] } });
      const id = await create('pub-1', 'pub', undefined, ports);
      assert.deepEqual((await settings(id)).Ports, {});
      await engine.containers.start(id);
      const { Ports } = await settings(id);
      assert.deepEqual(Object.keys(Ports).toSorted(), ['80/tcp', '81/udp', '82/tcp', '90/tcp']);
      assert.deepEqual(
        Ports['80/tcp']!.filter(({ HostIp }) => !HostIp.includes(':')),
        [
          { HostIp: '0.0.0.0', HostPort: '28080' },
          { HostIp: '127.0.0.1', HostPort: '28090' },
        ],
      );
      assert.match(Ports['81/udp']![0]!.HostPort, /^\d{5}$/);
      assert.equal(Ports['82/tcp'], null);
      const [listed] = await engine.containers.list({ filters: { name: ['^/pub-1$'] } });
      assert.ok(
        listed!.Ports.some(({ IP, PrivatePort, PublicPort, Type }) => IP === '0.0.0.0' && PrivatePort === 80 && PublicPort === 28_080 && Type === 'tcp'),
      );
      assert.ok(listed!.Ports.some(({ IP, PrivatePort }) => IP === undefined && PrivatePort === 82));
      await create('pub-2', 'pub', undefined, ports);
      await fails(engine.containers.start('pub-2'), 'internal', /^failed to set up container networking: .*28080 failed: port is already allocated$/);
      assert.deepEqual((await place('pub-2', 'pub')).IPAddress, '');
      await engine.containers.stop(id, { timeout: 0 });
      await engine.containers.start('pub-2');
      await create('pub-3', 'pub', undefined, { ExposedPorts: { '80/tcp': {} }, HostConfig: { PublishAllPorts: true } });
      await engine.containers.start('pub-3');
      assert.match((await settings('pub-3')).Ports['80/tcp']![0]!.HostPort, /^\d{5}$/);
    });

    test('connect and disconnect, of one that runs and of one that does not', async () => {
      const one = await network({ Name: 'one', IPAM: { Config: [{ Subnet: '10.72.0.0/24' }] } });
      await network({ Name: 'two', IPAM: { Config: [{ Subnet: '10.72.1.0/24' }] } });
      await network({ Name: 'auto' });
      const runs = await run('runs', 'one');
      const stands = await create('stands', 'one');

      const seen = await events(() =>
        engine.networks.connect('two', 'runs', { Aliases: ['second'], GwPriority: 3, IPAMConfig: { IPv4Address: '10.72.1.50' } }),
      );
      assert.deepEqual(seen, [`connect two bridge ${runs.slice(0, 4)}`]);
      const there = await place('runs', 'two');
      assert.deepEqual([there.IPAddress, there.GwPriority, there.DNSNames], ['10.72.1.50', 3, ['runs', 'second', runs.slice(0, 12)]]);
      await fails(engine.networks.connect(one, 'runs'), 'denied', 'endpoint with name runs already exists in network one');
      await engine.networks.connect('bridge', 'runs');
      assert.notEqual((await settings('runs')).IPAddress, '');
      await engine.networks.disconnect('bridge', 'runs');
      assert.deepEqual(await events(() => engine.networks.disconnect('two', 'runs', { force: true })), [`disconnect two bridge ${runs.slice(0, 4)}`]);
      assert.deepEqual(Object.keys((await settings('runs')).Networks), ['one']);
      await fails(engine.networks.disconnect('two', 'runs'), 'conflict', `container ${runs} is not connected to network two`);

      // one that does not run asks for it, and may ask again
      await engine.networks.connect('two', 'stands', { Aliases: ['x'] });
      await engine.networks.connect('two', 'stands', { Aliases: ['second'] });
      assert.deepEqual([(await place('stands', 'two')).Aliases, (await place('stands', 'two')).IPAddress], [['second'], '']);
      assert.deepEqual((await engine.networks.inspect('two')).Containers, {});
      await engine.containers.start('stands');
      assert.match((await place('stands', 'two')).IPAddress!, /^10\.72\.1\./);
      await engine.containers.stop('stands', { timeout: 0 });
      await engine.networks.disconnect('two', 'stands');
      await fails(engine.networks.disconnect('two', 'stands'), 'conflict', `container ${stands} is not connected to the network two`);
      assert.deepEqual(Object.keys((await settings('stands')).Networks), ['one']);

      for (const container of ['runs', 'stands']) {
        const connect = (name: string, endpoint?: EndpointSettings) => engine.networks.connect(name, container, endpoint);
        const settingsFault = (message: string) => `invalid endpoint settings:\n${message}`;
        await fails(connect('nope'), 'not-found', 'network nope not found');
        await fails(connect('host'), 'invalid', 'cannot connect container to host network - container must be created in host network mode');
        await fails(connect('none'), 'invalid', 'container cannot be connected to multiple networks with one of the networks in private (none) mode');
        const alias = settingsFault('network-scoped alias is supported only for containers in user defined networks');
        await fails(connect('bridge', { Aliases: ['x'] }), 'invalid', alias);
        const own = settingsFault('user specified IP address is supported on user defined networks only');
        await fails(
          connect('bridge', { IPAMConfig: { IPv4Address: (await engine.networks.inspect('bridge')).IPAM.Config![0]!.Gateway!.replace(/1$/, '50') } }),
          'invalid',
          own,
        );
        const configured = settingsFault('user specified IP address is supported only when connecting to networks with user configured subnets');
        await fails(connect('auto', { IPAMConfig: { IPv4Address: '172.30.0.9' } }), 'invalid', configured);
        const range = settingsFault('no configured subnet or ip-range contain the IP address 10.9.0.1');
        await fails(connect('two', { IPAMConfig: { IPv4Address: '10.9.0.1' } }), 'invalid', range);
        const both = settingsFault('* invalid IPv4 address: x\n* no configured subnet or ip-range contain the IP address x');
        await fails(connect('two', { IPAMConfig: { IPv4Address: 'x' } }), 'invalid', both);
        await fails(connect('two', { IPAMConfig: { LinkLocalIPs: ['x'] } }), 'invalid', settingsFault('invalid link-local IP address: x'));
        await fails(connect('two', { MacAddress: 'x' }), 'invalid', 'invalid MAC address x');
        await fails(connect('two', { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'x' } }), 'invalid', /unrecognised network interface sysctl 'x'/);
        assert.deepEqual(Object.keys((await settings(container)).Networks), ['one']);
      }
      await fails(engine.networks.connect('one', 'nobody'), 'not-found', 'No such container: nobody');
      await fails(engine.networks.connect('one', ''), 'invalid', 'invalid name or ID supplied: ""');
      await fails(engine.networks.disconnect('one', 'nobody'), 'not-found', 'No such container: nobody');
      await fails(engine.networks.disconnect('one', 'nobody', { force: true }), 'not-found', 'endpoint nobody not found');

      const alone = 'container sharing network namespace with another container or host cannot be connected to any other network';
      await run('of-host', 'host');
      await fails(engine.networks.connect('one', 'of-host'), 'invalid', alone);
      await fails(
        engine.networks.disconnect('host', 'of-host'),
        'invalid',
        'cannot disconnect container from host network - container was created in host network mode',
      );
      await run('of-runs', 'container:runs');
      await fails(engine.networks.connect('one', 'of-runs'), 'invalid', alone);
      await run('of-none', 'none');
      await fails(engine.networks.connect('one', 'of-none'), 'invalid', /private \(none\) mode$/);
      await engine.networks.disconnect('none', 'of-none');
      assert.deepEqual((await settings('of-none')).Networks, {});
      await engine.networks.connect('one', 'of-none');
      assert.match((await place('of-none', 'one')).IPAddress!, /^10\.72\.0\./);
    });

    test('several networks at creation, and what of them makes no sense', async () => {
      const lan = await network({ Name: 'lan', IPAM: { Config: [{ Subnet: '10.73.0.0/24' }] } });
      // a network is called by its name, whatever it was called
      const id = await create('by-id', lan.slice(0, 12), { [lan]: { Aliases: ['q'] } });
      const { HostConfig, NetworkSettings } = await engine.containers.inspect(id);
      assert.deepEqual([HostConfig.NetworkMode, Object.keys(NetworkSettings.Networks)], [lan, ['lan']]);
      // only those that are named
      const other = await create('by-name', 'bridge', { lan: {} });
      assert.deepEqual(Object.keys((await settings(other)).Networks), ['lan']);
      const refused = (mode: string, endpoints: Record<string, EndpointSettings>, message: string, more?: ContainerCreate) =>
        fails(create('refused', mode, endpoints, more), 'invalid', message);
      await refused(
        'lan',
        { lan: { IPAMConfig: { IPv4Address: '10.9.0.1' } } },
        'invalid config for network lan: invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.9.0.1',
      );
      await refused(
        'default',
        { default: { Aliases: ['x'] } },
        'invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks',
      );
      await refused('lan', { lan: { MacAddress: 'x' } }, 'invalid config for network lan: invalid MAC address x');
      const macs = 'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty';
      await refused('lan', { lan: { MacAddress: '02:42:ac:11:00:9a' } }, macs, { MacAddress: '02:42:ac:11:00:99' });
      // a network that is not there is an error at the start
      const later = await create('later', 'nope');
      await fails(engine.containers.start(later), 'not-found', 'failed to set up container networking: network nope not found');
      const both = async (name: string, mode: string, endpoints: Record<string, EndpointSettings>, message: string) => {
        const container = await create(name, mode, endpoints);
        await fails(engine.containers.start(container), 'invalid', `failed to set up container networking: ${message}`);
        assert.equal((await engine.containers.inspect(container)).State.Running, false);
      };
      await both(
        'host-and',
        'host',
        { host: {}, lan: {} },
        'container sharing network namespace with another container or host cannot be connected to any other network',
      );
      await both(
        'none-and',
        'none',
        { none: {}, lan: {} },
        'container cannot be connected to multiple networks with one of the networks in private (none) mode',
      );
      await both('and-host', 'lan', { host: {}, lan: {} }, 'cannot connect container to host network - container must be created in host network mode');
      assert.deepEqual((await engine.networks.inspect('lan')).Containers, {});
    });

    test('names that JavaScript has a use for', async () => {
      const block = nextBlock++;
      const id = await run('js', 'bridge');
      for (const [index, name] of ['__proto__', 'constructor', 'toString'].entries()) {
        await network({
          Name: name,
          Labels: JSON.parse(`{"${name}":"x"}`) as Record<string, string>,
          IPAM: { Config: [{ Subnet: `10.${block}.${index}.0/24` }] },
        });
        await fails(engine.networks.disconnect(name, 'js'), 'conflict', `container ${id} is not connected to network ${name}`);
        await engine.networks.connect(name, 'js', { Aliases: [name] });
        const networks = Object.entries((await settings('js')).Networks);
        assert.equal(networks.find(([key]) => key === name)![1].IPAddress, `10.${block}.${index}.2`);
        assert.deepEqual(Object.entries((await engine.networks.inspect(name)).Labels), [[name, 'x']]);
        await engine.networks.disconnect(name, 'js');
        const made = await create(`js-${index}`, name, Object.fromEntries([[name, { Aliases: ['x'] }]]));
        assert.deepEqual(Object.keys((await settings(made)).Networks), [name]);
      }
      assert.deepEqual(Object.keys((await settings('js')).Networks), ['bridge']);
    });

    test('ports in documents that make no sense', async () => {
      const refused = (more: ContainerCreate, message: string) => fails(create('ports', 'bridge', undefined, more), 'invalid', message);
      const bound = (port: string, binding: { HostIp?: string; HostPort?: string } = {}) => ({
        HostConfig: { PortBindings: { [port]: [{ HostIp: '', HostPort: '', ...binding }] } },
      });
      await refused(bound('80-82/tcp'), 'invalid port specification: "80-82"');
      await refused(bound('70000/tcp'), 'invalid port specification: "70000"');
      await refused(bound('80/tcp', { HostPort: '9-8' }), 'invalid port specification: "9-8"');
      await refused(bound('80/tcp', { HostPort: '-1' }), 'invalid port specification: "-1"');
      await refused(bound('80/tcp', { HostIp: 'x' }), 'invalid IP address: x');
      await refused(bound('80/foo'), 'invalid proto: foo');
      await refused({ ExposedPorts: { x: {} } }, 'invalid port specification: "x"');
    });
  });
}
