/** Several machines on one: a host of its own network namespace for our networks, containers, and neighbours outside. */
import { createServer } from 'node:net';
import { createSocket } from 'node:dgram';
import { linuxNetworkKernel } from '../../src/kernel/linux/network-namespaces.ts';
import type { NetworkKernel, NetworkNamespace } from '../../src/kernel/network-contract.ts';
import type { NetworkRecord } from '../../src/network/contract.ts';
import { projectNode } from './paths.ts';
import { run } from './run.ts';

export interface NetLab extends Disposable {
  /** Whose host is the lab's. */
  readonly kernel: NetworkKernel;
  readonly host: NetworkNamespace;
  /** One more namespace, disposed of with the lab. */
  namespace(): NetworkNamespace;
  /** One that is there, by the path of its file; the handle goes with the lab. */
  open(path: string): NetworkNamespace;
  /** A neighbour of the host's on a wire of their own: `address` and `hostAddress` with prefix lengths. */
  neighbour(wire: string, hostAddress: string, address: string): NetworkNamespace;
  /** Answers each connection with the address that it came from. */
  serve(namespace: NetworkNamespace, address: string, port: number): void;
  /** The same by UDP. */
  serveDatagrams(namespace: NetworkNamespace, address: string, port: number): void;
}

/** `path`: of the file of the namespace that is to be the host; a new one where none is given. */
export function netLab(path?: string): NetLab {
  const real = linuxNetworkKernel();
  const made: Disposable[] = [];
  const keep = <T extends Disposable>(thing: T): T => (made.push(thing), thing);
  const host = keep(path === undefined ? real.create() : real.open(path));
  return {
    kernel: { ...real, host: () => host },
    host,
    namespace: () => keep(real.create()),
    open: (path) => keep(real.open(path)),
    neighbour(wire, hostAddress, address) {
      const namespace = keep(real.create());
      host.change([
        { op: 'link-add', link: { kind: 'veth', name: wire, peer: { name: 'eth0', namespace } } },
        { op: 'address-add', address: { link: wire, address: hostAddress, nodad: true } },
        { op: 'link-set', link: wire, settings: { up: true } },
      ]);
      namespace.change([
        { op: 'address-add', address: { link: 'eth0', address, nodad: true } },
        { op: 'link-set', link: 'eth0', settings: { up: true } },
        { op: 'route-add', route: { to: 'default', via: hostAddress.split('/')[0]!, link: 'eth0' } },
      ]);
      return namespace;
    },
    serve(namespace, address, port) {
      const { fd } = namespace.tcpListener({ address, port });
      const server = createServer((client) => client.on('error', () => {}).end(client.remoteAddress ?? ''));
      server.listen({ fd });
      made.push({ [Symbol.dispose]: () => void server.close() });
    },
    serveDatagrams(namespace, address, port) {
      const { fd } = namespace.udpSocket({ address, port });
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.on('message', (_message, from) => socket.send(from.address, from.port, from.address));
      socket.bind({ fd });
      made.push({ [Symbol.dispose]: () => void socket.close() });
    },
    [Symbol.dispose]() {
      for (const thing of made.toReversed()) thing[Symbol.dispose]();
    },
  };
}

const TCP = `const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect(+port, host);
socket.on('data', (data) => process.stdout.write(data));
socket.on('error', (error) => process.stdout.write(error.code));`;
const UDP = `const [host, port] = process.argv.slice(1);
const socket = require('node:dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (data) => { process.stdout.write(data); socket.close(); });
socket.on('error', (error) => { process.stdout.write(error.code); socket.close(); });
socket.connect(+port, host, () => socket.send('?'));`;

/** Seconds until an answer that has not come will not come: a slow machine needs more (see test/vm/run.ts). */
const PATIENCE = process.env['KOBAKO_PATIENCE'] ?? '1';

/** What whoever asks from there is told: its own address as the server sees it, an error's code, or `nothing`. */
export async function ask(from: NetworkNamespace, address: string, port: number, protocol: 'tcp' | 'udp' = 'tcp'): Promise<string> {
  const program = protocol === 'tcp' ? TCP : UDP;
  const args = [PATIENCE, 'nsenter', `--net=${from.path}`, projectNode, '-e', program, address, String(port)];
  const { stdout } = await run('timeout', args, { timeoutMs: 30_000 });
  return stdout.replace(/^::ffff:/, '') || 'nothing';
}

let count = 0;

export function bridgeRecord(record: Partial<NetworkRecord> & { subnet?: string; subnet6?: string } = {}): NetworkRecord {
  const { subnet, subnet6, ...rest } = record;
  const id = `${(++count).toString(16).padStart(12, '0')}`.padEnd(64, '0');
  const config = [subnet, subnet6].flatMap((Subnet) => (Subnet === undefined ? [] : [{ Subnet, Gateway: Subnet.replace(/[^.:]*\/.*$/, '1') }]));
  return {
    id,
    name: `net${count}`,
    created: new Date(0).toISOString(),
    driver: 'bridge',
    ipv4: subnet !== undefined,
    ipv6: subnet6 !== undefined,
    internal: false,
    attachable: false,
    ipam: { driver: 'default', options: null, config },
    options: {},
    labels: {},
    ...rest,
  };
}
