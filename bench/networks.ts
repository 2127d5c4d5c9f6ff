/**
 * `bin/node bench/networks.ts [ROUNDS] [TASKS]`: what networks cost, our daemon beside a real dockerd 28 where one is at
 * hand (KOBAKO_APPS=dockerd or =kobako: that one alone). Contestants take turns within each round; everybody's data lies
 * in memory. TASKS: a pattern of the tasks' names. Prints medians and how many times better ours is, and one line of JSON.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { groundOn } from '../test/clients/apps-ground.ts';
import { ComposeProject } from '../test/clients/compose-project.ts';
import { dockerClient } from '../test/support/docker-client.ts';
import { noPeers } from '../test/support/peers.ts';
import { projectDir } from '../test/support/paths.ts';
import { busyboxRootfs, copyRootfs } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';
import { benchFolder } from './cleanup.ts';
import { agent, call, type Contestant, dockerd, idOf, kobako, median, settled, timed } from './contestants.ts';
import { meterEngine } from './engine-meter.ts';

const ROUNDS = Number(process.argv[2] ?? 15);
const WANTED = new RegExp(process.argv[3] ?? '');
const FEW = Math.min(ROUNDS, 3);
const IMAGE = 'bench-net';
const MANY = 200;
const AT_ONCE = 8;
const CONNECTIONS = 3000;
const SEND_MS = 2000;
const SINK = '7001/tcp';
const GREETER = '7002/tcp';

/** What a task finds: a number for each of its measures. */
type Found = Readonly<Record<string, number>>;

interface Task {
  readonly name: string;
  readonly rounds: number;
  /** What the measures are in; of ms and µs less is better. */
  readonly unit: 'ms' | 'µs' | 'Gbit/s' | '1/s';
  readonly work: (contestant: Contestant) => Promise<Found>;
}

interface Endpoint {
  readonly id: string;
  readonly address: string;
}

let client = { program: '', config: '' };
let helper = '';
let folder = '';

const docker = ({ socket }: Contestant, args: readonly string[]) =>
  runOk(client.program, args, { env: { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: client.config } });

async function started({ socket }: Contestant, body: object, name = ''): Promise<string> {
  const id = idOf(await call(socket, 'POST', `/containers/create${name === '' ? '' : `?name=${name}`}`, { Image: IMAGE, ...body }));
  await call(socket, 'POST', `/containers/${id}/start`);
  return id;
}

const gone = ({ socket }: Contestant, id: string) => call(socket, 'DELETE', `/containers/${id}?force=1`);

async function whole(contestant: Contestant, NetworkMode: string): Promise<void> {
  const id = await started(contestant, { Cmd: ['true'], HostConfig: { NetworkMode } });
  await call(contestant.socket, 'POST', `/containers/${id}/wait`);
  await gone(contestant, id);
}

/** What the helper prints in a container that runs. */
async function helped({ socket }: Contestant, container: string, ...args: string[]): Promise<number[]> {
  const id = idOf(await call(socket, 'POST', `/containers/${container}/exec`, { Cmd: ['/net', ...args], AttachStdout: true, AttachStderr: true }));
  const text = (await call(socket, 'POST', `/exec/${id}/start`, {})).slice(8);
  const { ExitCode } = JSON.parse(await call(socket, 'GET', `/exec/${id}/json`)) as { ExitCode: number };
  if (ExitCode !== 0) throw new Error(`net ${args.join(' ')}: ${text}`);
  return text.trim().split(' ').map(Number);
}

/** A network of its own for what `use` does; removed after it. */
async function withNetwork<T>({ socket }: Contestant, use: (name: string) => Promise<T>): Promise<T> {
  await call(socket, 'POST', '/networks/create', { Name: 'bench-net' });
  try {
    return await use('bench-net');
  } finally {
    await call(socket, 'DELETE', '/networks/bench-net');
  }
}

/** Two containers on one network, of which one serves, with its ports published on this machine's loopback. */
async function withPair<T>(contestant: Contestant, use: (server: Endpoint, from: string, ports: Record<string, string>) => Promise<T>): Promise<T> {
  return withNetwork(contestant, async (network) => {
    const PortBindings = Object.fromEntries([SINK, GREETER].map((port) => [port, [{ HostIp: '127.0.0.1', HostPort: '' }]]));
    const serving = { Cmd: ['/net', 'serve'], ExposedPorts: { [SINK]: {}, [GREETER]: {} }, HostConfig: { NetworkMode: network, PortBindings, Init: true } };
    const server = await started(contestant, serving, 'bench-server');
    const from = await started(contestant, { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: network } });
    try {
      const { NetworkSettings } = JSON.parse(await call(contestant.socket, 'GET', `/containers/${server}/json`)) as {
        NetworkSettings: { Networks: Record<string, { IPAddress: string }>; Ports: Record<string, { HostPort: string }[]> };
      };
      const ports = Object.fromEntries(Object.entries(NetworkSettings.Ports).map(([port, [binding]]) => [port, `127.0.0.1:${binding!.HostPort}`]));
      return await use({ id: server, address: NetworkSettings.Networks[network]!.IPAddress }, from, ports);
    } finally {
      await gone(contestant, server);
      await gone(contestant, from);
    }
  });
}

/** The helper on this machine, towards a published port. */
async function outside({ there }: Contestant, ...args: string[]): Promise<number> {
  const [program, ...words] = [...there, helper, ...args];
  return Number((await runOk(program!, words)).stdout);
}

const spread = async (count: number, work: (index: number) => Promise<unknown>) => {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await work(next++);
    }),
  );
};

async function everybody(contestant: Contestant): Promise<Found> {
  return withNetwork(contestant, async (network) => {
    const ids: string[] = [];
    try {
      const start = await timed(() =>
        spread(MANY, async (index) =>
          ids.push(await started(contestant, { Cmd: ['sleep', '600'], HostConfig: { NetworkMode: network } }, `bench-many-${index}`)),
        ),
      );
      let missing = 0;
      const resolve = await timed(() =>
        spread(MANY, async (index) => (missing += (await helped(contestant, ids[index]!, 'resolve', 'bench-many-', String(MANY)))[0]!)),
      );
      if (missing > 0) throw new Error(`${missing} of ${MANY * MANY} names were not found`);
      return { 'start them': start, 'each finds all': resolve };
    } finally {
      await spread(ids.length, (index) => gone(contestant, ids[index]!));
    }
  });
}

async function application(contestant: Contestant): Promise<Found> {
  const work = mkdtempSync(`${folder}/app-`);
  const ground = await groundOn(work, `unix://${contestant.socket}`, contestant.address, ['postgres', 'redis', 'nginx', 'node'], async () => {});
  const app = await ComposeProject.create(ground, 'bench-app');
  try {
    const up = (env = {}) => timed(() => app.ok(['up', '-d', '--wait', '--no-build'], { env }));
    const down = () => timed(() => app.ok(['down', '-t', '5']));
    const first = await up();
    await app.visit();
    // the first time is PostgreSQL's more than the engine's: it makes its cluster
    const found = { 'up, with new volumes': first, down: await down(), 'up again': await up() };
    await down();
    const meter = await meterEngine(`${work}/metered.sock`, contestant.socket);
    const metered = await up({ DOCKER_HOST: meter.host });
    await meter.end();
    // compose asks whether a service is healthy every 500 ms, the first time after 500 ms, and three times one after the other here
    return { ...found, "up again: the engine's part": meter.busy(), 'up again: without the engine': metered - meter.busy() };
  } finally {
    await app.run(['down', '-v', '-t', '0']);
    rmSync(work, { recursive: true });
  }
}

const TASKS: readonly Task[] = [
  {
    name: 'docker run --rm, default bridge',
    rounds: ROUNDS,
    unit: 'ms',
    work: async (c) => ({ '': await timed(() => docker(c, ['run', '--rm', IMAGE, 'true'])) }),
  },
  {
    name: 'API: create, start, wait, remove',
    rounds: ROUNDS * 2,
    unit: 'ms',
    work: async (c) => {
      await whole(c, 'none'); // whoever comes first after the other engine pays for it
      const [none, bridge] = [await timed(() => whole(c, 'none')), await timed(() => whole(c, 'bridge'))];
      return { none, bridge, 'bridge costs more': bridge - none };
    },
  },
  { name: 'network: create and remove', rounds: ROUNDS, unit: 'ms', work: async (c) => ({ '': await timed(() => withNetwork(c, async () => {})) }) },
  {
    name: 'network: connect and disconnect',
    rounds: ROUNDS,
    unit: 'ms',
    work: (c) =>
      withNetwork(c, async (network) => {
        const Container = await started(c, { Cmd: ['sleep', '600'] });
        const connect = await timed(() => call(c.socket, 'POST', `/networks/${network}/connect`, { Container }));
        const disconnect = await timed(() => call(c.socket, 'POST', `/networks/${network}/disconnect`, { Container }));
        await gone(c, Container);
        return { connect, disconnect };
      }),
  },
  {
    name: 'TCP',
    rounds: FEW,
    unit: 'Gbit/s',
    work: (c) =>
      withPair(c, async (server, from, ports) => ({
        'between containers': (await helped(c, from, 'send', server.address, String(SEND_MS)))[0]! / 1e9,
        'published on loopback': (await outside(c, 'send', ports[SINK]!, String(SEND_MS))) / 1e9,
      })),
  },
  {
    name: 'connections',
    rounds: FEW,
    unit: '1/s',
    work: (c) =>
      withPair(c, async (server, from, ports) => ({
        'between containers': (await helped(c, from, 'connect', server.address, String(CONNECTIONS)))[0]!,
        'published on loopback': await outside(c, 'connect', ports[GREETER]!, String(CONNECTIONS)),
      })),
  },
  {
    name: 'DNS answer',
    rounds: FEW,
    unit: 'µs',
    work: (c) =>
      withPair(c, async (_server, from) => {
        const [half, most] = await helped(c, from, 'dns', 'bench-server', '3000');
        return { median: half!, p99: most! };
      }),
  },
  { name: `${MANY} containers on one network`, rounds: 1, unit: 'ms', work: everybody },
  { name: 'compose: the application', rounds: FEW, unit: 'ms', work: application },
];

interface Row {
  readonly task: string;
  readonly name: string;
  readonly value: number;
}

/** Each task on each contestant, in turns. */
async function race(contestants: readonly Contestant[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, rounds, unit, work } of TASKS) {
    if (!WANTED.test(name)) continue;
    const samples = contestants.map((): Found[] => []);
    for (let round = 0; round < rounds; round++)
      for (const [index, contestant] of contestants.entries()) {
        const found = await work(contestant).catch((error: Error) => console.log(`${name}: ${contestant.name}: ${error.message}`));
        if (found !== undefined) samples[index]!.push(found);
        await settled();
      }
    const measures = new Set(samples.flatMap((list) => list.flatMap((found) => Object.keys(found))));
    for (const measure of measures) {
      const title = measure === '' ? name : `${name}: ${measure}`;
      const values = samples.map((list) => (list.length === 0 ? undefined : median(list.map((found) => found[measure]!))));
      report(title, unit, values);
      for (const [index, value] of values.entries()) if (value !== undefined) rows.push({ task: title, name: contestants[index]!.name, value });
    }
  }
  return rows;

  function report(title: string, unit: Task['unit'], values: readonly (number | undefined)[]): void {
    const shown = values.map((value, index) => `${contestants[index]!.name} ${value?.toFixed(value < 100 ? 1 : 0) ?? '?'} ${unit}`);
    const [ours, theirs] = values;
    const both = ours !== undefined && theirs !== undefined && ours > 0 && theirs > 0; // a difference may be none
    const times = both ? `   ${(unit === 'ms' || unit === 'µs' ? theirs / ours : ours / theirs).toFixed(1)} times` : '';
    console.log(`${title.padEnd(54)}${shown.join('   ')}${times}`);
  }
}

async function main(): Promise<void> {
  const only = process.env['KOBAKO_APPS'];
  const missing = noPeers();
  if (missing !== undefined) console.log(missing);
  client = await dockerClient(folder);
  helper = `${folder}/net`;
  await runOk('cc', ['-O2', '-static', '-o', helper, `${projectDir}/bench/net.c`]);
  await copyRootfs(await busyboxRootfs(), `${folder}/image`);
  cpSync(helper, `${folder}/image/net`);
  await runOk('tar', ['-C', `${folder}/image`, '-cf', `${folder}/image.tar`, '.']);
  const image = readFileSync(`${folder}/image.tar`);
  const contestants: Contestant[] = [];
  try {
    if (only !== 'dockerd') contestants.push(await kobako(folder));
    if (only !== 'kobako' && missing === undefined) contestants.push(await dockerd(folder));
    for (const { socket } of contestants) await call(socket, 'POST', `/images/create?fromSrc=-&repo=${IMAGE}`, image);
    console.log(JSON.stringify(await race(contestants)));
  } finally {
    for (const contestant of contestants) await contestant.end();
  }
}

const made = benchFolder();
folder = made.folder;
try {
  await main();
} finally {
  agent.destroy();
  await made.remove();
}
