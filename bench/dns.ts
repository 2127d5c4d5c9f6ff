/**
 * `bin/node bench/dns.ts [CONTAINERS] [SECONDS]`: how long our name server takes for a name of a network, by UDP on the
 * loopback, with one server for each container in one process: one question at a time, then from many containers at once.
 * And the memory that the servers cost. Clients are a process of their own.
 */
import { fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Forwarder, Slots } from '../src/network/dns/forwarder.ts';
import { serveDns } from '../src/network/dns/server.ts';
import { ContainerZone, NetworkNames, viewedNetwork } from '../src/network/dns/zone.ts';
import { serverSockets } from '../test/support/dns-ground.ts';
import { query } from '../test/support/dns-messages.ts';

/** Answers, one after the other on each of so many sockets; microseconds each. */
async function measure(ports: readonly number[], names: readonly string[], atOnce: number, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  const client = async (index: number) => {
    const socket: Socket = createSocket('udp4');
    socket.connect(ports[index % ports.length]!, '127.0.0.1');
    await once(socket, 'connect');
    for (let turn = index; performance.now() < end; turn++) {
      const start = performance.now();
      socket.send(query(names[turn % names.length]!));
      await once(socket, 'message');
      times.push((performance.now() - start) * 1000);
    }
    socket.close();
  };
  await Promise.all(Array.from({ length: atOnce }, (_, index) => client(index)));
  return times.toSorted((a, b) => a - b);
}

if (process.send !== undefined) {
  process.once('message', async ({ ports, names, seconds }: { ports: number[]; names: string[]; seconds: number }) => {
    await measure(ports, names, 1, 0.5); // warm
    for (const atOnce of [1, 8, ports.length]) {
      const times = await measure(ports, names, atOnce, seconds);
      const at = (part: number) => `${times[Math.floor(times.length * part)]!.toFixed(0)} µs`;
      const rate = (times.length / seconds).toFixed(0);
      console.log(`${atOnce} at once: p50 ${at(0.5)}, p99 ${at(0.99)}, ${rate} answers/s`);
    }
    process.disconnect();
  });
} else {
  const [containers = 200, seconds = 3] = process.argv.slice(2).map(Number);
  const names = new NetworkNames('bench');
  const slots = new Slots(4096);
  const before = process.memoryUsage.rss();
  const ports = Array.from({ length: containers }, (_, index) => {
    names.put({
      id: String(index),
      names: [`web-${index}`, 'web', `alias-${index}`],
      ipv4: `10.0.${index >> 8}.${index & 255}`,
      ipv6: `fd00::${index.toString(16)}`,
    });
    const { port, ...fds } = serverSockets();
    serveDns({ ...fds, zone: new ContainerZone(() => [viewedNetwork(names)]), forwarder: new Forwarder({ servers: () => [], open: () => undefined, slots }) });
    return port;
  });
  console.log(`${containers} servers: ${((process.memoryUsage.rss() - before) / containers / 1024).toFixed(0)} KiB each`);
  const clients = fork(import.meta.filename, { execPath: process.execPath });
  clients.send({ ports, names: ports.map((_, index) => `web-${index}`), seconds });
  await once(clients, 'exit');
  console.log(`after that: ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB in all`);
  process.exit();
}
