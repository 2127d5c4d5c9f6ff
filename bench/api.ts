/**
 * `bin/node bench/api.ts [ROUNDS]`: what clients of Docker's API wait for: our daemon beside a real dockerd 28 where one
 * is at hand. Contestants take turns within each round, the first of which does not count; everybody's data lies in memory.
 * Prints medians and ratios, and one line of JSON.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { noPeers, peers } from '../test/support/peers.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';
import { benchFolder } from './cleanup.ts';
import { agent, call, type Contestant, dockerd, idOf, kobako, median, settled, timed } from './contestants.ts';

const ROUNDS = Number(process.argv[2] ?? 15);
const AT_ONCE = 8;
const MANY = 50;
const IMAGE = 'bench-busybox';

async function started(socket: string, Cmd: readonly string[], more: object = {}): Promise<string> {
  const id = idOf(await call(socket, 'POST', '/containers/create', { Image: IMAGE, Cmd, HostConfig: { NetworkMode: 'none' }, ...more }));
  await call(socket, 'POST', `/containers/${id}/start`);
  return id;
}

const gone = (socket: string, id: string) => call(socket, 'DELETE', `/containers/${id}?force=1`);

async function whole(socket: string): Promise<void> {
  const id = await started(socket, ['true']);
  await call(socket, 'POST', `/containers/${id}/wait`);
  await gone(socket, id);
}

async function exec(socket: string, container: string): Promise<void> {
  const id = idOf(await call(socket, 'POST', `/containers/${container}/exec`, { Cmd: ['true'], AttachStdout: true, AttachStderr: true }));
  await call(socket, 'POST', `/exec/${id}/start`, {});
  await call(socket, 'GET', `/exec/${id}/json`);
}

async function manyAtOnce(socket: string): Promise<void> {
  let left = MANY;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await whole(socket);
    }),
  );
}

const TASKS: readonly (readonly [name: string, rounds: number, task: (contestant: Contestant) => Promise<number>])[] = [
  ['create, start, wait, remove', ROUNDS, ({ socket }) => timed(() => whole(socket))],
  [
    'exec',
    ROUNDS,
    async ({ socket }) => {
      const id = await started(socket, ['sleep', '300']);
      const ms = await timed(() => exec(socket, id));
      await gone(socket, id);
      return ms;
    },
  ],
  ['docker run --rm', ROUNDS, ({ socket }) => timed(() => docker(socket, ['run', '--rm', '--network', 'none', IMAGE, 'true']))],
  ['the docker command itself (--version)', ROUNDS, ({ socket }) => timed(() => docker(socket, ['--version']))],
  [`${MANY} runs, ${AT_ONCE} at a time`, 2, ({ socket }) => timed(() => manyAtOnce(socket))],
  [
    'ping, the slowest of 100',
    5,
    async ({ socket }) => {
      const all: number[] = [];
      for (let i = 0; i < 100; i++) all.push(await timed(() => call(socket, 'GET', '/_ping')));
      return Math.max(...all);
    },
  ],
  [
    'a million lines of log: written',
    2,
    ({ socket }) =>
      timed(async () => {
        const id = await started(socket, ['seq', '1000000']);
        await call(socket, 'POST', `/containers/${id}/wait`);
        await gone(socket, id);
      }),
  ],
  [
    'a million lines of log: read',
    2,
    async ({ socket }) => {
      const id = await started(socket, ['seq', '1000000']);
      await call(socket, 'POST', `/containers/${id}/wait`);
      const ms = await timed(() => call(socket, 'GET', `/containers/${id}/logs?stdout=1`));
      await gone(socket, id);
      return ms;
    },
  ],
];

let cli = '';
const docker = (socket: string, args: readonly string[]) =>
  runOk(cli, args, { env: { ...process.env, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: cli.replace(/\/docker$/, '') } });

/** KiB of memory that is their own (Pss), of each process whose command line fits. */
function memory(fits: RegExp): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!fits.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))) return [];
      return [Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0)];
    } catch {
      return [];
    }
  });
}

async function perContainer({ socket, keeper }: Contestant): Promise<number> {
  const before = memory(keeper).length;
  const ids = await Promise.all(Array.from({ length: 20 }, () => started(socket, ['sleep', '300'])));
  const all = memory(keeper);
  await Promise.all(ids.map((id) => gone(socket, id)));
  // what is there without a container counts, too
  return all.reduce((sum, kib) => sum + kib, 0) / Math.max(1, all.length - before);
}

async function main(folder: string): Promise<void> {
  const missing = noPeers();
  if (missing !== undefined) console.log(missing);
  const contestants = [await kobako(folder), ...(missing === undefined ? [await dockerd(folder)] : [])];
  const rows: { task: string; name: string; value: number }[] = [];
  try {
    if (missing === undefined) {
      mkdirSync(`${folder}/cli`);
      await peers(['clients', `${folder}/cli`]);
      cli = `${folder}/cli/docker`;
    }
    await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${folder}/busybox.tar`, '.']);
    const image = readFileSync(`${folder}/busybox.tar`);
    for (const { socket } of contestants) await call(socket, 'POST', `/images/create?fromSrc=-&repo=${IMAGE}`, image);
    for (const [task, rounds, work] of TASKS) {
      if (cli === '' && task.includes('docker')) continue;
      const samples = contestants.map((): number[] => []);
      for (let round = 0; round <= rounds; round++) {
        for (const [index, contestant] of contestants.entries()) {
          const ms = await work(contestant);
          if (round > 0) samples[index]!.push(ms);
          await settled();
        }
      }
      report(task, 'ms', samples.map(median));
    }
    const kept: number[] = [];
    for (const contestant of contestants) kept.push(await perContainer(contestant));
    report('memory for each container', 'KiB', kept);
  } finally {
    for (const contestant of contestants) await contestant.end();
  }
  console.log(JSON.stringify(rows));

  function report(task: string, unit: string, values: readonly number[]): void {
    const shown = values.map((value, index) => `${contestants[index]!.name} ${value.toFixed(value < 100 ? 1 : 0)} ${unit}`);
    const ratio = values.length > 1 ? `   ${(values[1]! / values[0]!).toFixed(1)} times` : '';
    console.log(`${task.padEnd(40)}${shown.join('   ')}${ratio}`);
    for (const [index, value] of values.entries()) rows.push({ task, name: contestants[index]!.name, value });
  }
}

const { folder, remove } = benchFolder();
try {
  await main(folder);
} finally {
  agent.destroy();
  await remove();
}
