/**
 * `npm run bench`: start to exit of `true`, every contestant in turn within each round, so that a busy machine hits all
 * alike. Prints a table and one line of JSON. The floor does only clone3, overlay, pivot_root, exec, wait.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { openEngine } from '../src/engine/open-engine.ts';
import { DEFAULT_RUN } from '../src/engine/contract.ts';
import { planContainer } from '../src/runtime/container-plan.ts';
import { parseSpec } from '../src/runtime/validate.ts';
import { openCgroups } from '../src/engine/cgroups.ts';
import { LinuxPlanRunner } from '../src/kernel/linux/helper.ts';
import { machineFacts } from '../src/kernel/linux/machine.ts';
import { debs } from '../test/support/debs.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';
import { projectDir } from '../test/support/paths.ts';
import { DETACHED } from '../src/engine/oci-options.ts';

const ROUNDS = Number(process.argv[2] ?? 60);
const WARM_UP = 5;

interface Contestant {
  readonly name: string;
  readonly once: (round: number) => Promise<void>;
}

function command(program: string, args: (round: number) => readonly string[], env = process.env): Contestant['once'] {
  return (round) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args(round), { stdio: ['ignore', 'ignore', 'inherit'], env });
      child.on('error', reject);
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args(round).join(' ')}: exit code ${code}`))));
    });
}

async function main(): Promise<void> {
  const folder = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/kobako-bench-`);
  const engine = openEngine({ stateDir: `${folder}/state` });
  const runner = new LinuxPlanRunner(`${projectDir}/dist/kobako-helper`);
  try {
    const rootfs = await busyboxRootfs();
    cpSync(rootfs, `${folder}/bundle/rootfs`, { recursive: true, verbatimSymlinks: true });
    mkdirSync(`${folder}/scratch`);
    const made = spawnSync('cc', ['-O2', '-static', '-o', `${folder}/floor`, `${projectDir}/bench/floor.c`], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
    const spec = spawnSync(`${projectDir}/bin/kobako-runc`, ['spec', '-b', `${folder}/bundle`]);
    if (spec.status !== 0) throw new Error(String(spec.stderr));
    const config = JSON.parse(readFileSync(`${folder}/bundle/config.json`, 'utf8')) as {
      ociVersion: string;
      process: { terminal: boolean; args: string[]; rlimits: unknown[] };
    };
    Object.assign(config, { ociVersion: '1.0.2' });
    Object.assign(config.process, { terminal: false, args: ['/bin/true'], rlimits: [] });
    writeFileSync(`${folder}/bundle/config.json`, JSON.stringify(config));

    const [machine, cgroups] = [machineFacts(), openCgroups()];
    const bundled = async (round: number) => {
      const parsed = parseSpec(readFileSync(`${folder}/bundle/config.json`, 'utf8'));
      const control = cgroups?.containerParts(`/kobako-bench/w${round}`, parsed.linux?.resources ?? {}, true);
      const monitor = { ...DETACHED, leave: false };
      const { plan } = planContainer({
        id: 'bench',
        spec: parsed,
        root: { kind: 'dir', path: `${folder}/bundle/rootfs` },
        machine,
        cgroup: control?.parts,
        stdio: { kind: 'inherit' },
        monitor,
        bundle: `${folder}/bundle`,
      });
      const { status } = await runner.run(plan).exited;
      if (status !== 0) throw new Error(`exit code ${status}`);
    };
    const options = { ...DEFAULT_RUN, rootfs: { path: rootfs, overlay: true }, args: ['/bin/true'], autoRemove: true };
    const contestants: Contestant[] = [
      { name: 'floor (static C), spawned from Node', once: command(`${folder}/floor`, () => [rootfs, `${folder}/scratch`, '/bin/true']) },
      { name: 'kobako, the bundle, warm Node process', once: bundled },
      { name: 'kobako, engine.run, warm Node process', once: async () => void (await (await engine.run(options)).wait()) },
      {
        name: 'kobako-runc run',
        once: command(`${projectDir}/bin/kobako-runc`, (n) => ['--root', `${folder}/kr`, 'run', '-b', `${folder}/bundle`, `kobako-bench-k${n}`]),
      },
      { name: 'kobako run (command line)', once: command(`${projectDir}/bin/kobako`, () => ['run', '--rm', '--rootfs', `${rootfs}:O`, '/bin/true']) },
    ];
    // Debian's own, unpacked into this project's cache and not installed
    const tree = await debs(['runc', 'crun'], { dependencies: true });
    const env = { ...process.env, LD_LIBRARY_PATH: `${tree}/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu` };
    for (const name of ['runc', 'crun']) {
      const path = [`${tree}/usr/sbin/${name}`, `${tree}/usr/bin/${name}`].find((file) => existsSync(file)) ?? name;
      const once = command(path, (n) => ['--root', `${folder}/${name}`, 'run', '-b', `${folder}/bundle`, `kobako-bench-${name}${n}`], env);
      const works = await once(-1).then(
        () => true,
        (error: Error) => console.log(`${name} does not run here: ${error.message}`),
      );
      if (works) contestants.push({ name: `${name} run`, once });
    }
    report(await race(contestants));
  } finally {
    runner.close();
    engine.close();
    cgroupsRelease();
    rmSync(folder, { recursive: true, force: true });
  }
}

function cgroupsRelease(): void {
  const cgroups = openCgroups();
  cgroups?.driver.release(cgroups.files, '/kobako-bench/any');
}

async function race(contestants: readonly Contestant[]): Promise<Map<string, number[]>> {
  const times = new Map(contestants.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    for (const { name, once } of contestants) {
      const start = performance.now();
      await once(round);
      if (round >= WARM_UP) times.get(name)!.push(performance.now() - start);
      // what a contestant left to the kernel, and a helper that gets ready, is its own and nobody else's time
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  }
  return times;
}

function report(times: ReadonlyMap<string, readonly number[]>): void {
  const rows = [...times].map(([name, list]) => {
    const sorted = list.toSorted((a, b) => a - b);
    return { name, median: sorted[sorted.length >> 1]!, p90: sorted[Math.floor(sorted.length * 0.9)]! };
  });
  const floor = rows[0]!.median;
  console.log(`${'start to exit of true, ms'.padEnd(42)}median     p90   over the floor`);
  for (const { name, median, p90 } of rows) {
    console.log(`${name.padEnd(42)}${median.toFixed(2).padStart(6)}  ${p90.toFixed(2).padStart(6)}   ${(median - floor).toFixed(2).padStart(6)}`);
  }
  console.log(JSON.stringify(rows.map((row) => ({ ...row, rounds: ROUNDS }))));
}

await main();
