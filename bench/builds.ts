/**
 * `bin/node bench/builds.ts [ROUNDS [PATTERN]]`: what who builds images waits for, with buildx and with the classic builder's API:
 * our daemon beside a real dockerd 28 where one is at hand. Contestants take turns within each round; everybody's data
 * lies in memory. Of builds that are cached most is the clients' own time, so there are two more lines: the older builder's
 * API without a client, and the time in which buildx waits for the engine (`wire.c`). Prints medians and ratios, and one
 * line of JSON.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { dockerClient, noDockerClient } from '../test/support/docker-client.ts';
import { busyboxArchive } from '../test/support/image-archive.ts';
import { noPeers } from '../test/support/peers.ts';
import { runOk } from '../test/support/run.ts';
import { benchFolder } from './cleanup.ts';
import { agent, call, dockerd, kobako, median, timed } from './contestants.ts';
import { Wire } from './wire.ts';

const ROUNDS = Number(process.argv[2] ?? 7);
/** Of the tasks' names with their builder: `500 MB, buildx`. */
const WANTED = new RegExp(process.argv[3] ?? '');
const IMAGE = 'bench/busybox:1';
const MANY_FILES = 5_000;
const LARGE_FILES = 50;
const LARGE_FILE = 10_000_000;

type Builder = 'buildx' | 'classic';
type Line = Builder | 'buildx, the engine’s part' | 'classic API';

interface Bench {
  readonly name: string;
  readonly rounds: number;
  /** Made once, in an empty folder. */
  prepare(folder: string): void;
  /** Before each build, not timed. */
  change?(folder: string, round: string): void;
  /** Whether each round's build is one that was never done. */
  readonly cold: boolean;
  /** Also without the clients' own time. */
  readonly split?: boolean;
}

const steps = (count: number, step: (index: number) => string) => Array.from({ length: count }, (_, index) => step(index)).join('\n');
const dockerfile = (folder: string, text: string) => writeFileSync(`${folder}/Dockerfile`, text);
const TEN_STEPS = `FROM ${IMAGE}\nARG round\n${steps(10, (index) => `RUN echo "$round ${index}" >/step-${index}`)}\n`;

const BENCHES: readonly Bench[] = [
  { name: 'ten RUN steps, cold', rounds: ROUNDS, prepare: (folder) => dockerfile(folder, TEN_STEPS), cold: true },
  { name: 'ten RUN steps, all cached', rounds: ROUNDS * 2, prepare: (folder) => dockerfile(folder, TEN_STEPS), cold: false, split: true },
  {
    name: `one changed file of ${MANY_FILES}`,
    rounds: ROUNDS,
    prepare(folder) {
      dockerfile(folder, `FROM ${IMAGE}\nCOPY . /context\n`);
      for (let index = 0; index < MANY_FILES; index++) {
        mkdirSync(`${folder}/${index % 50}`, { recursive: true });
        writeFileSync(`${folder}/${index % 50}/${index}`, `${index}\n`.repeat(400));
      }
    },
    change: (folder, round) => writeFileSync(`${folder}/7/7`, round),
    cold: false,
  },
  {
    name: 'ten parallel stages of 0.2 s',
    rounds: ROUNDS,
    prepare(folder) {
      const stages = steps(10, (index) => `FROM ${IMAGE} AS s${index}\nARG round\nRUN sleep 0.2 && echo "$round" >/out-${index}`);
      dockerfile(folder, `${stages}\nFROM ${IMAGE}\n${steps(10, (index) => `COPY --from=s${index} /out-${index} /`)}\n`);
    },
    cold: true,
  },
  {
    name: `a context of ${(LARGE_FILES * LARGE_FILE) / 1e6} MB`,
    rounds: Math.min(ROUNDS, 3),
    prepare(folder) {
      dockerfile(folder, `FROM ${IMAGE}\nCOPY data /data\n`);
      mkdirSync(`${folder}/data`);
      const bytes = Buffer.alloc(LARGE_FILE);
      for (let index = 0; index < LARGE_FILES; index++) writeFileSync(`${folder}/data/${index}`, randomFillSync(bytes));
    },
    // every file is another one, to who compares contents and to who compares dates
    change(folder, round) {
      for (let index = 0; index < LARGE_FILES; index++) {
        const fd = openSync(`${folder}/data/${index}`, 'r+');
        writeSync(fd, round, 0);
        closeSync(fd);
      }
    },
    cold: false,
  },
];

async function main(folder: string): Promise<void> {
  const without = await noDockerClient();
  if (without !== undefined) throw new Error(without);
  const missing = noPeers();
  if (missing !== undefined) console.log(missing);
  const { program, config } = await dockerClient(folder);
  const contestants = [await kobako(folder), ...(missing === undefined ? [await dockerd(folder)] : [])];
  const rows: { task: string; builder: Line; name: string; ms: number }[] = [];
  const build = (socket: string, builder: Builder, context: string, round: string) =>
    runOk(program, ['build', '-q', '-t', `bench/out:${builder}`, '--build-arg', `round=${round}`, context], {
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        DOCKER_CONFIG: config,
        DOCKER_HOST: `unix://${socket}`,
        DOCKER_BUILDKIT: builder === 'buildx' ? '1' : '0',
      },
      timeoutMs: 300_000,
    });
  try {
    const image = await busyboxArchive(IMAGE);
    for (const { socket } of contestants) await call(socket, 'POST', '/images/load?quiet=1', image);
    for (const builder of ['buildx', 'classic'] as const) {
      for (const [index, { name, rounds, prepare, change, cold, split = false }] of BENCHES.entries()) {
        if (!WANTED.test(`${name}, ${builder}`)) continue;
        const context = `${folder}/${builder}-${index}`;
        mkdirSync(context);
        prepare(context);
        const samples = contestants.map((): number[] => []);
        // the first is not counted: with it the cache holds what the others find
        for (let round = 0; round <= rounds; round++) {
          const mark = `${builder} ${round}`;
          change?.(context, mark);
          for (const [at, contestant] of contestants.entries()) {
            const ms = await timed(() => build(contestant.socket, builder, context, cold ? mark : builder));
            if (round > 0) samples[at]!.push(ms);
          }
        }
        report(name, builder, samples.map(median));
        if (split) await (builder === 'buildx' ? engines(name, context, rounds) : direct(name, context, rounds));
        rmSync(context, { recursive: true });
      }
    }
  } finally {
    for (const contestant of contestants) await contestant.end();
  }
  console.log(JSON.stringify(rows));

  /** Between the client and the engine: how long who has to wait for the engine. */
  async function engines(name: string, context: string, rounds: number): Promise<void> {
    const samples = contestants.map((): number[] => []);
    await using stack = new AsyncDisposableStack();
    const wires: Wire[] = [];
    for (const [at, { socket }] of contestants.entries()) wires.push(stack.use(await Wire.open(folder, `${at}`, socket)));
    for (let round = 0; round <= rounds; round++) {
      for (const [at, wire] of wires.entries()) {
        await wire.passed();
        await build(wire.socket, 'buildx', context, 'buildx');
        const { engine } = await wire.passed();
        if (round > 0) samples[at]!.push(engine);
      }
    }
    report(name, 'buildx, the engine’s part', samples.map(median));
  }

  /** As the client would ask for it, but from here; a call takes so little that there are more of them. */
  async function direct(name: string, context: string, rounds: number): Promise<void> {
    const samples = contestants.map((): number[] => []);
    const query = new URLSearchParams({ q: '1', t: 'bench/out:direct', buildargs: '{"round":"classic"}' });
    const tar = execFileSync('tar', ['-C', context, '-c', '.']);
    for (let round = 0; round <= rounds * 10; round++) {
      for (const [at, { socket }] of contestants.entries()) {
        const ms = await timed(() => call(socket, 'POST', `/build?${query}`, tar));
        if (round > 0) samples[at]!.push(ms);
      }
    }
    report(name, 'classic API', samples.map(median));
  }

  function report(task: string, builder: Line, values: readonly number[]): void {
    const shown = values.map((ms, index) => `${contestants[index]!.name} ${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`);
    const ratio = values.length > 1 ? `   ${(values[1]! / values[0]!).toFixed(1)} times` : '';
    console.log(`${`${task}, ${builder}`.padEnd(53)}${shown.join('   ')}${ratio}`);
    for (const [index, ms] of values.entries()) rows.push({ task, builder, name: contestants[index]!.name, ms });
  }
}

const { folder, remove } = benchFolder();
try {
  await main(folder);
} finally {
  agent.destroy();
  await remove();
}
