/**
 * `bin/node bench/log.ts [ROUNDS]`: how long a container needs to write 1,000,000 lines to its log, with our monitor and
 * under a real dockerd 28 (where one is at hand), in turn, and without any log.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DEFAULT_RUN } from '../src/engine/contract.ts';
import { openEngine } from '../src/engine/open-engine.ts';
import { noPeers, peers } from '../test/support/peers.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';

const ROUNDS = Number(process.argv[2] ?? 5);
const COMMAND = ['sh', '-c', 'seq 1000000'];

const folder = mkdtempSync(`${tmpdir()}/kobako-bench-`);
const engine = openEngine({ stateDir: `${folder}/state` });
const root = await busyboxRootfs();
const ours = (logDriver: 'json-file' | 'none') => async () => {
  const running = await engine.run({ ...DEFAULT_RUN, rootfs: { path: root, overlay: true }, args: COMMAND, detach: true, logDriver });
  await running.wait();
  await engine.remove(running.containerId);
};
const contestants: [string, () => Promise<void>][] = [
  ['kobako, no log', ours('none')],
  ['kobako, json-file', ours('json-file')],
];
try {
  const missing = noPeers();
  if (missing === undefined) {
    await peers(['clients', folder]);
    const env = { ...process.env, DOCKER_HOST: await peers(['docker']), DOCKER_CONFIG: folder };
    await runOk('sh', ['-c', `tar -C ${root} -c . | ${folder}/docker import - kobako-bench-log`], { env });
    for (const driver of ['none', 'json-file']) {
      contestants.push([
        `dockerd 28, ${driver}`,
        async () => {
          const { stdout } = await runOk(`${folder}/docker`, ['run', '-d', '--log-driver', driver, 'kobako-bench-log', ...COMMAND], { env });
          await runOk(`${folder}/docker`, ['wait', stdout.trim()], { env });
          await runOk(`${folder}/docker`, ['rm', stdout.trim()], { env });
        },
      ]);
    }
  } else console.log(missing);
  const times = new Map(contestants.map(([name]) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, once] of contestants) {
      const start = performance.now();
      await once();
      times.get(name)!.push(performance.now() - start);
    }
  }
  const median = (name: string) => times.get(name)!.toSorted((x, y) => x - y)[ROUNDS >> 1]!;
  for (const name of times.keys()) console.log(`${name.padEnd(24)}${median(name).toFixed(0).padStart(6)} ms`);
  for (const [engine, without] of [
    ['kobako', 'kobako, no log'],
    ['dockerd 28', 'dockerd 28, none'],
  ] as const) {
    if (!times.has(without)) continue;
    const [plain, logged] = [median(without), median(`${engine}, json-file`)];
    console.log(`${engine}: the log costs ${(logged - plain).toFixed(0)} ms, ${(logged / plain).toFixed(2)} times as long`);
  }
} finally {
  engine.close();
  if (noPeers() === undefined) await peers(['down']);
  rmSync(folder, { recursive: true, force: true });
}
