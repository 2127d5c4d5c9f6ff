/** `npm test`: every check and every suite, one closing summary, and proof that the machine is as it was before. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { machineState, RUN_VARIABLE, settledLeftovers } from '../test/support/machine-state.ts';
import { runNodeTests, testFiles } from '../test/support/node-test.ts';
import { projectDir, projectNode } from '../test/support/paths.ts';
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
const VM = [
  'test/integration/{article,cgroup,run,tour}.test.ts',
  'test/integration/{monitor-ends,oci-lifecycle}.test.ts',
  'src/cgroup/**/*live*.test.ts',
  'test/vm/*.guest.ts',
];
const SUITES: readonly (readonly [label: string, ...patterns: string[]])[] = [
  ['unit', 'src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts', 'test/support/**/*.test.ts', 'test/vm/**/*.test.ts'],
  ['native', 'test/native/**/*.test.ts', 'native/**/*.test.ts'],
  ['integration', 'test/integration/**/*.test.ts'],
  ['security', 'test/security/**/*.test.ts'],
  ['images', 'test/images/**/*.test.ts'],
  ['clients', 'test/clients/**/*.test.ts'],
  ['api', 'test/api/**/*.test.ts', 'test/cli/**/*.test.ts'],
  ['daemon', 'test/daemon/**/*.test.ts'],
  ['crash', 'test/crash/**/*.test.ts'],
];

async function check(name: string, command: readonly string[]): Promise<TallyLine> {
  console.log(`\n# ${name}`);
  const child = spawn(command[0]!, command.slice(1), { cwd: projectDir, stdio: ['ignore', 'inherit', 'inherit'] });
  const outcome = await once(child, 'close').then(
    ([code, signal]) => (code === 0 ? undefined : `exit code ${code ?? signal}`),
    (error: Error) => error.message,
  );
  return outcome === undefined ? { file: '', name, result: 'passed' } : { file: '', name, result: 'failed', reason: outcome };
}

async function vmSuite(): Promise<TallyLine[]> {
  console.log('\n# vm');
  try {
    return [...(await runVmSuite(testFiles(VM))).lines];
  } catch (error) {
    return [{ file: '', name: 'vm', result: 'failed', reason: error instanceof Error ? error.message : String(error) }];
  }
}

async function asBefore(before: ReturnType<typeof machineState>, runId: string): Promise<TallyLine> {
  const found = await settledLeftovers(before, runId);
  const name = 'the machine is as before';
  if (found.length === 0) return { file: '', name, result: 'passed' };
  return { file: '', name, result: 'failed', reason: `left over:\n    ${found.join('\n    ')}` };
}

async function main(): Promise<number> {
  const runId = randomUUID();
  process.env[RUN_VARIABLE] = runId;
  // Tests must not see what a developer's shell, or the runner of this script, happens to set.
  for (const name of Object.keys(process.env)) {
    if (/^(NODE_|KOBAKO_|DOCKER_)/.test(name) && name !== RUN_VARIABLE) delete process.env[name];
  }
  const before = machineState(runId);
  const started = Date.now();
  const lines: TallyLine[] = [];
  for (const [name, ...command] of CHECKS) lines.push(await check(name, command));
  for (const [label, ...patterns] of SUITES) {
    const files = testFiles(patterns);
    if (files.length === 0) continue;
    console.log(`\n# ${label}`);
    // these share the real engines that they start
    const concurrency = label === 'clients' || label === 'images' ? 1 : 2;
    lines.push(...(await runNodeTests(files, { label, concurrency, timeoutMs: 600_000 })));
  }
  lines.push(...(await vmSuite()));
  lines.push(await asBefore(before, runId));
  console.log(`\nall checks and suites took ${Math.round((Date.now() - started) / 1000)} s\n`);
  console.log(summary(lines));
  return lines.some((line) => line.result === 'failed') ? 1 : 0;
}

process.exitCode = await main();
