/** `npm run test:vm`: the runtime's integration suite on a cgroup v2 kernel. Exits with the inner runner's code. */
import { fileURLToPath } from 'node:url';
import { nodeTestArgs, testFiles } from '../support/node-test.ts';
import { busyboxRootfs, debianRootfs } from '../support/rootfs.ts';
import { readTally, summary, type TallyLine } from '../support/tally.ts';
import { GUEST_SHARE, runInVm, vmUnavailable } from './vm.ts';

const PATTERNS = ['test/integration/**/*.test.ts', 'src/cgroup/**/*live*.test.ts'];

export interface VmSuiteResult {
  readonly code: number;
  readonly lines: readonly TallyLine[];
}

/** Runs the suite in the virtual machine, its report on stdout as it comes. `files`: these instead of the whole suite. */
export async function runVmSuite(files: readonly string[] = testFiles(PATTERNS)): Promise<VmSuiteResult> {
  const skipped = (reason: string) => ({ code: 0, lines: [{ file: '', name: 'vm', result: 'skipped', reason } as const] });
  const unavailable = vmUnavailable();
  if (unavailable !== undefined) return skipped(unavailable);
  if (files.length === 0) return skipped(`no test file matches ${PATTERNS.join(' or ')}`);
  // What the tests share must be there before: the guest has no network.
  await busyboxRootfs();
  await debianRootfs();
  const options = { label: 'vm', concurrency: 2, timeoutMs: 600_000 };
  const args = nodeTestArgs(files, options, `${GUEST_SHARE}/tally`);
  let lines: TallyLine[] = [];
  const { code } = await runInVm(['bin/node', ...args], {
    timeoutMs: 900_000,
    memoryMb: 3072,
    onOutput: (chunk) => process.stdout.write(chunk),
    beforeCleanup: (folder, exitCode) => (lines = readTally(`${folder}/tally`, 'vm', exitCode)),
  });
  return { code, lines };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const chosen = process.argv.slice(2);
  const { code, lines } = await runVmSuite(chosen.length > 0 ? chosen : undefined);
  console.log(`\n${summary(lines)}`);
  process.exitCode = code;
}
