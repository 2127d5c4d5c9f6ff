/** What is asked of both engines about networks: bodies that are refused, documents, containers' places in them. */
import type { Answer, Asker } from './ask.ts';
import type { Seen } from './compare.ts';
import { IMAGES } from './sides.ts';

type Body = Readonly<Record<string, unknown>>;

const NET = 'compat-net';
const LAN = 'compat-lan';
const OTHER = 'compat-other';
const BOX = 'compat-box';
const BRIDGE = 'com.docker.network.bridge.';
const CREATE = 'POST /networks/create';
const INSPECT = 'GET /networks/{id}';
const STATIC_MAC = '02:42:ac:11:00:9a';

const ipam = (...Config: readonly Body[]): Body => ({ IPAM: { Config } });
const options = (Options: Body, Driver?: string): Body => ({ Options, ...(Driver === undefined ? {} : { Driver }) });

/** Each has a subnet of its own where it has one at all: what dockerd refuses late, it does not always give back. */
const BODIES: Readonly<Record<string, Body>> = {
  'no name': { Name: '' },
  'a name of a space': { Name: ' ' },
  'a name with a slash': { Name: 'compat/net' },
  'a name with a space': { Name: 'compat net' },
  'a predefined name': { Name: 'host' },
  'the name default': { Name: 'default' },
  'a name that is a number': { Name: 5 },
  'nothing else': {},
  labels: { Labels: { a: 'b', c: '' } },
  attachable: { Attachable: true },
  internal: { Internal: true },
  'scope local': { Scope: 'local' },
  'scope swarm': { Scope: 'swarm' },
  ingress: { Ingress: true },
  'an unknown driver': { Driver: 'nope' },
  'driver host': { Driver: 'host' },
  'driver null': { Driver: 'null' },
  'driver overlay': { Driver: 'overlay' },
  'no IPv4': { EnableIPv4: false },
  'no IPv4, but IPv6': { EnableIPv4: false, EnableIPv6: true },
  'IPv6 as text': { EnableIPv6: 'yes' },
  IPv6: { EnableIPv6: true },
  'IPv6 by an option': options({ 'com.docker.network.enable_ipv6': 'true' }),
  'IPv6 by an option that is none': options({ 'com.docker.network.enable_ipv6': 'x' }),
  'IPv6 with a subnet': { EnableIPv6: true, ...ipam({ Subnet: 'fd00:c0de:1::/64' }, { Subnet: '10.201.1.0/24' }) },
  'both, with gateways': {
    EnableIPv6: true,
    ...ipam({ Subnet: '10.201.2.0/24', Gateway: '10.201.2.9' }, { Subnet: 'fd00:c0de:2::/64', Gateway: 'fd00:c0de:2::9' }),
  },
  'a subnet': ipam({ Subnet: '10.201.3.0/24' }),
  'a subnet, a range, a gateway, others': ipam({
    Subnet: '10.201.4.0/24',
    IPRange: '10.201.4.128/25',
    Gateway: '10.201.4.7',
    AuxiliaryAddresses: { a: '10.201.4.8' },
  }),
  'a subnet that is none': ipam({ Subnet: 'x' }),
  'a subnet with an address': ipam({ Subnet: '10.201.5.1/24' }),
  'a prefix too long': ipam({ Subnet: '10.201.5.0/33' }),
  'no subnet, but a gateway': ipam({ Gateway: '10.201.5.1' }),
  'two subnets that are none': ipam({}, { Subnet: 'y' }),
  'a gateway that is none': ipam({ Subnet: '10.201.5.0/24', Gateway: 'x' }),
  'a gateway elsewhere': ipam({ Subnet: '10.201.5.0/24', Gateway: '10.202.0.1' }),
  'a gateway of the other family': ipam({ Subnet: '10.201.5.0/24', Gateway: 'fd00::1' }),
  'a range that is none': ipam({ Subnet: '10.201.5.0/24', IPRange: 'x' }),
  'a range elsewhere': ipam({ Subnet: '10.201.5.0/24', IPRange: '10.202.0.0/28' }),
  'a range too large': ipam({ Subnet: '10.201.5.0/24', IPRange: '10.201.0.0/16' }),
  'a range with an address': ipam({ Subnet: '10.201.5.0/24', IPRange: '10.201.5.5/28' }),
  'another address elsewhere': ipam({ Subnet: '10.201.5.0/24', AuxiliaryAddresses: { a: '10.202.0.1' } }),
  'another address that is none': ipam({ Subnet: '10.201.5.0/24', AuxiliaryAddresses: { a: 'x' } }),
  'the subnet twice': ipam({ Subnet: '10.201.6.0/24' }, { Subnet: '10.201.6.0/24' }),
  everything: ipam({ Subnet: '0.0.0.0/0' }),
  'an unknown IPAM driver': { IPAM: { Driver: 'nope' } },
  'IPAM options': { IPAM: { Driver: 'default', Options: { foo: 'bar' } } },
  'no inter-container traffic': options({ [`${BRIDGE}enable_icc`]: 'false' }),
  'an option that is no flag': options({ [`${BRIDGE}enable_icc`]: 'x' }),
  'an option that is no address': options({ [`${BRIDGE}host_binding_ipv4`]: 'x' }),
  'an MTU': options({ 'com.docker.network.driver.mtu': '1400' }),
  'an MTU that is none': options({ 'com.docker.network.driver.mtu': 'x' }),
  'a gateway mode': options({ [`${BRIDGE}gateway_mode_ipv4`]: 'routed' }),
  'a gateway mode that is none': options({ [`${BRIDGE}gateway_mode_ipv4`]: 'x' }),
  'a prefix of interfaces': options({ 'com.docker.network.container_iface_prefix': 'lan' }),
  'an option of nobody': options({ foo: 'bar' }),
  'options that are no texts': options({ foo: 1 }),
  isolated: { Internal: true, ...options({ [`${BRIDGE}gateway_mode_ipv4`]: 'isolated' }) },
  'a macvlan mode that is none': options({ macvlan_mode: 'x' }, 'macvlan'),
  'an ipvlan mode that is none': options({ ipvlan_mode: 'x' }, 'ipvlan'),
  'macvlan on the loopback': options({ parent: 'lo' }, 'macvlan'),
  'a VLAN that is none': options({ parent: 'lo.x' }, 'macvlan'),
  'a VLAN out of range': options({ parent: 'lo.5000' }, 'ipvlan'),
  'a form': { ConfigOnly: true, ...ipam({ Subnet: '10.201.7.0/24' }) },
  'a form of a form': { ConfigOnly: true, ConfigFrom: { Network: 'x' } },
  'a form, internal': { ConfigOnly: true, Internal: true },
  'by a form that is not there': { ConfigFrom: { Network: 'compat-none' } },
};

/** Where a network of the pools is depends on the machine. */
const POOLED = /\b(172\.\d+\.0\.[01]|192\.168\.\d+\.[01]|fd[0-9a-f]{2}:[0-9a-f:]+)(?=\/|"|$)/g;

/** What is another's each time: hardware addresses, subnets of the pools, ids where `normal` does not see them. */
function cleaned(value: unknown, pooled: boolean): unknown {
  if (typeof value === 'string') {
    const known = value.replace(/(?<=id:")[0-9a-f]{12}(?=")/g, '<id>').replace(/^(?!02:42)([0-9a-f]{2}:){5}[0-9a-f]{2}$/, '<mac>');
    return pooled ? known.replace(POOLED, '<pool>').replace(/^<pool>\/(16|20)$/, '<pool>') : known;
  }
  if (Array.isArray(value)) return value.map((each) => cleaned(each, pooled));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, cleaned(each, pooled)]));
}

const seen = ({ status, json, text }: Answer, pooled = false) => ({ status, body: cleaned(json ?? text, pooled) });

interface Case {
  readonly name: string;
  readonly run: (ask: Asker) => Promise<Seen>;
}

function creation([name, body]: readonly [string, Body]): Case {
  return {
    name: `network: ${name}`,
    run: async (ask) => {
      const created = await ask({ method: 'POST', path: '/networks/create', body: { Name: NET, ...body } });
      if (created.status !== 201) return { [CREATE]: seen(created) };
      const { Id } = created.json as { Id: string };
      const inspected = await ask({ path: `/networks/${Id}` });
      const removed = await ask({ method: 'DELETE', path: `/networks/${Id}` });
      const pooled = (body as { IPAM?: { Config?: unknown } }).IPAM?.Config === undefined;
      return { [CREATE]: seen(created), [INSPECT]: seen(inspected, pooled), 'DELETE /networks/{id}': seen(removed) };
    },
  };
}

/** Two networks and a container, in all that can happen to them. */
const places: Case = {
  name: 'a container’s places in networks',
  run: async (ask) => {
    const all: Record<string, unknown> = {};
    const post = (path: string, body: Body) => ask({ method: 'POST', path, body });
    const note = async (label: string, answer: Promise<Answer>) => void (all[label] = seen(await answer));
    const endpoint = (action: 'connect' | 'disconnect', label: string, network: string, body: Body) =>
      note(`POST /networks/{id}/${action}, ${label}`, post(`/networks/${network}/${action}`, body));
    const container = async (label: string) => {
      const { json } = await ask({ path: `/containers/${BOX}/json` });
      const { HostConfig, NetworkSettings, Config } = json as { HostConfig: Body; NetworkSettings: Body; Config: Body };
      const { NetworkMode, Links, PortBindings } = HostConfig;
      all[`GET /containers/{id}/json, ${label}`] = cleaned({ NetworkMode, Links, PortBindings, NetworkSettings, MacAddress: Config['MacAddress'] }, false);
      const listed = await ask({ path: `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify({ name: [BOX] }))}` });
      const [line] = listed.json as readonly [{ readonly Ports: readonly Body[]; readonly NetworkSettings: Body }];
      const ports = line.Ports.map((port) => JSON.stringify(port, ['IP', 'PrivatePort', 'PublicPort', 'Type'])).toSorted();
      all[`GET /containers/json, ${label}`] = cleaned({ ports, networks: line.NetworkSettings }, false);
    };
    const network = async (label: string, name = LAN) => note(`GET /networks/{id}, ${label}`, ask({ path: `/networks/${name}` }));
    const since = Math.floor(Date.now() / 1000) - 1;
    try {
      await post('/networks/create', { Name: LAN, ...ipam({ Subnet: '10.203.0.0/24' }) });
      await post('/networks/create', { Name: OTHER, EnableIPv6: true, Internal: true, ...ipam({ Subnet: '10.203.1.0/24' }, { Subnet: 'fd00:c0de:203::/64' }) });
      await note('POST /networks/create, twice', post('/networks/create', { Name: LAN }));
      await note('POST /networks/create, an overlap', post('/networks/create', { Name: 'compat-x', ...ipam({ Subnet: '10.203.0.0/25' }) }));
      await post(`/containers/create?name=${BOX}`, {
        Image: IMAGES.PLAIN,
        Cmd: ['sleep', '1000'],
        Hostname: 'box',
        ExposedPorts: { '80/tcp': {}, '81/udp': {}, '82/sctp': {} },
        StopSignal: 'KILL',
        HostConfig: {
          NetworkMode: LAN,
          PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '28480' }], '81/udp': [{ HostIp: '127.0.0.1', HostPort: '28481-28489' }] },
        },
        NetworkingConfig: { EndpointsConfig: { [LAN]: { Aliases: ['a1', 'a1', 'a2'], MacAddress: STATIC_MAC, IPAMConfig: { IPv4Address: '10.203.0.50' } } } },
      });
      await container('created');
      await endpoint('connect', 'one that does not run', OTHER, { Container: BOX, EndpointConfig: { Aliases: ['b1'], GwPriority: -1 } });
      await container('connected');
      await ask({ method: 'POST', path: `/containers/${BOX}/start` });
      await container('running');
      await network('with a container in it');
      await network('internal, of both families', OTHER);
      await note('DELETE /networks/{id}, in use', ask({ method: 'DELETE', path: `/networks/${LAN}` }));
      await endpoint('connect', 'again', LAN, { Container: BOX });
      await endpoint('connect', 'host', 'host', { Container: BOX });
      await endpoint('connect', 'none', 'none', { Container: BOX });
      await endpoint('connect', 'nobody', LAN, { Container: 'compat-none' });
      await endpoint('connect', 'no name', LAN, { Container: '' });
      await endpoint('connect', 'no network', 'compat-none', { Container: BOX });
      await endpoint('disconnect', 'one of two', OTHER, { Container: BOX });
      await endpoint('disconnect', 'again', OTHER, { Container: BOX });
      await endpoint('disconnect', 'nobody, by force', OTHER, { Container: 'compat-none', Force: true });
      const bad = (label: string, EndpointConfig: Body, name = OTHER) => endpoint('connect', label, name, { Container: BOX, EndpointConfig });
      await bad('an address elsewhere', { IPAMConfig: { IPv4Address: '10.9.0.1' } });
      await bad('an address that is none', { IPAMConfig: { IPv4Address: 'x', IPv6Address: '10.0.0.1', LinkLocalIPs: ['y'] } });
      await bad('a hardware address that is none', { MacAddress: 'x' });
      await bad('an alias on bridge', { Aliases: ['x'] }, 'bridge');
      await bad('a sysctl that is none', { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'x' } });
      await endpoint('connect', 'one that runs', OTHER, {
        Container: BOX,
        EndpointConfig: { IPAMConfig: { IPv4Address: '10.203.1.77', IPv6Address: 'fd00:c0de:203::77' }, DriverOpts: { k: 'v' }, Links: ['x:y'] },
      });
      await ask({ method: 'POST', path: `/containers/${BOX}/rename?name=${BOX}2` });
      await network('with one that has another name');
      await ask({ method: 'POST', path: `/containers/${BOX}2/rename?name=${BOX}` });
      await container('connected as it runs');
      await ask({ method: 'POST', path: `/containers/${BOX}/stop?t=0` });
      await container('stopped');
      await network('with nobody in it');
      await ask({ method: 'DELETE', path: `/containers/${BOX}?force=1` });
      await note('DELETE /networks/{id}, not in use', ask({ method: 'DELETE', path: `/networks/${LAN}` }));
      await note('POST /networks/prune', ask({ method: 'POST', path: `/networks/prune?filters=${encodeURIComponent('{"label!":["nope"]}')}` }));
      const filters = encodeURIComponent(JSON.stringify({ type: ['network'], network: [LAN] }));
      const events = await ask({ path: `/events?since=${since}&until=${Math.floor(Date.now() / 1000) + 1}&filters=${filters}` });
      all['GET /events'] = events.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
    } finally {
      await ask({ method: 'DELETE', path: `/containers/${BOX}?force=1` });
      for (const name of [LAN, OTHER]) await ask({ method: 'DELETE', path: `/networks/${name}` });
    }
    return all;
  },
};

export const NETWORK_CASES: readonly Case[] = [...Object.entries(BODIES).map(creation), places];
