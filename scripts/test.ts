/** `npm test`: every check and every suite, one closing summary, and proof that the machine is as it was before. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { machineState, RUN_VARIABLE, settledLeftovers } from '../test/support/machine-state.ts';
import { runNodeTests, testFiles } from '../test/support/node-test.ts';
import { projectDir, projectNode } from '../test/support/paths.ts';
import { filesToRetry, withSecondTry } from '../test/support/second-try.ts';
import { summary, type TallyLine } from '../test/support/tally.ts';
import { runVmSuite } from '../test/vm/run.ts';

const bin = `${projectDir}/node_modules/.bin`;
const CHECKS: readonly (readonly [name: string, ...command: string[]])[] = [
  ['format', `${bin}/oxfmt`, '--check'],
  ['lint', `${bin}/oxlint`, '--deny-warnings'],
  ['types', `${bin}/tsc`, '--noEmit'],
  ['generated files', projectNode, 'scripts/gen-ops.ts', '--check'],
];
/** What depends on the cgroup tree and the kernel most; emulated it takes minutes, and `npm run test:vm`, with all of it, a quarter of an hour. */
const VM = ['test/integration/{cgroup,monitor-ends,lan-network,network-kernel}.test.ts', 'src/cgroup/**/*live*.test.ts', 'test/vm/*.guest.ts'];
const SUITES: readonly (readonly [label: string, ...patterns: string[]])[] = [
  ['unit', 'src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts', 'test/support/**/*.test.ts', 'test/vm/**/*.test.ts'],
  ['native', 'test/native/**/*.test.ts', 'native/**/*.test.ts'],
  ['integration', 'test/integration/**/*.test.ts'],
  ['security', 'test/security/**/*.test.ts'],
  ['api', 'test/api/**/*.test.ts', 'test/cli/**/*.test.ts'],
  ['daemon', 'test/daemon/**/*.test.ts'],
  ['crash', 'test/crash/**/*.test.ts'],
  ['images', 'test/images/!(*docker*|archives|registry).test.ts'],
];
/**
 * One file at a time, for they share the real engines that they start; and last, for they wait more than they compute, and
 * the virtual machine computes for minutes: it runs beside them.
 */
const BESIDE_VM: typeof SUITES = [
  ['images beside others', 'test/images/{*docker*,archives,registry}.test.ts'],
  ['builds', 'test/build/**/*.test.ts'],
  ['clients', 'test/clients/**/*.test.ts'],
];

/** Milliseconds for one test, and for one file. */
const TIMEOUT_MS = 240_000;

async function check(name: string, command: readonly string[]): Promise<TallyLine> {
  console.log(`\n# ${name}`);
  const child = spawn(command[0]!, command.slice(1), { cwd: projectDir, stdio: ['ignore', 'inherit', 'inherit'] });
  const outcome = await once(child, 'close').then(
    ([code, signal]) => (code === 0 ? undefined : `exit code ${code ?? signal}`),
    (error: Error) => error.message,
  );
  return outcome === undefined ? { file: '', name, result: 'passed' } : { file: '', name, result: 'failed', reason: outcome };
}

/** Its report comes in one piece, for others are printed meanwhile. */
async function vmSuite(): Promise<{ report: Buffer; lines: readonly TallyLine[] }> {
  const report: Buffer[] = [];
  const lines = await runVmSuite((chunk) => report.push(chunk), testFiles(VM)).then(
    (result) => result.lines,
    (error: Error) => [{ file: '', name: 'vm', result: 'failed', reason: error.message } as const],
  );
  return { report: Buffer.concat(report), lines };
}

/** What became of a suite's tests, after what failed was tried again, its file alone. */
async function tryAgain(label: string, lines: readonly TallyLine[], files: readonly string[]): Promise<readonly TallyLine[]> {
  let after = lines;
  for (const file of files.filter((path) => lines.some((line) => line.file === path && line.result === 'failed'))) {
    console.log(`\n# ${label}, once more, alone: ${relative(projectDir, file)}`);
    after = withSecondTry(after, file, await runNodeTests([file], { label, concurrency: 1, timeoutMs: TIMEOUT_MS }));
  }
  return after;
}

async function asBefore(before: ReturnType<typeof machineState>, runId: string): Promise<TallyLine> {
  const found = await settledLeftovers(before, runId);
  const name = 'the machine is as before';
  if (found.length === 0) return { file: '', name, result: 'passed' };
  return { file: '', name, result: 'failed', reason: `left over:\n    ${found.join('\n    ')}` };
}

/** Of the host, by both versions of IP. */
const FORWARDING = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // a kernel without it
  }
}

async function main(): Promise<number> {
  const runId = randomUUID();
  process.env[RUN_VARIABLE] = runId;
  // Tests must not see what a developer's shell, or the runner of this script, happens to set.
  for (const name of Object.keys(process.env)) {
    if (/^(NODE_|KOBAKO_|DOCKER_)/.test(name) && name !== RUN_VARIABLE) delete process.env[name];
  }
  // Hundreds of processes load the same sources: V8 compiles them once.
  process.env['NODE_COMPILE_CACHE'] = `${projectDir}/.cache/compiled`;
  const before = machineState(runId);
  const forwarding = FORWARDING.map((path) => readOr(path));
  const started = Date.now();
  const lines: TallyLine[] = [];
  for (const [name, ...command] of CHECKS) lines.push(await check(name, command));
  const suites: [label: string, lines: readonly TallyLine[]][] = [];
  const run = async (chosen: typeof SUITES, concurrency: number) => {
    for (const [label, ...patterns] of chosen) {
      const files = testFiles(patterns);
      if (files.length === 0) continue;
      console.log(`\n# ${label}`);
      suites.push([label, await runNodeTests(files, { label, concurrency, timeoutMs: TIMEOUT_MS })]);
    }
  };
  // on two processors: much of it waits
  await run(SUITES, 3);
  const vm = vmSuite();
  await run(BESIDE_VM, 1);
  const { report, lines: inVm } = await vm;
  console.log('\n# vm');
  process.stdout.write(report);
  lines.push(...inVm);
  const again = filesToRetry([...lines, ...suites.flatMap(([, found]) => found)]);
  for (const [label, found] of suites) lines.push(...(await tryAgain(label, found, again)));
  // the first engine with a network switches it on, and leaves it on
  FORWARDING.forEach((path, at) => forwarding[at] !== undefined && readOr(path) !== forwarding[at] && writeFileSync(path, forwarding[at]));
  lines.push(await asBefore(before, runId));
  console.log(`\nall checks and suites took ${Math.round((Date.now() - started) / 1000)} s\n`);
  console.log(summary(lines));
  return lines.some((line) => line.result === 'failed') ? 1 : 0;
}

process.exitCode = await main();
