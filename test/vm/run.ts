/**
 * `npm run test:vm`: the runtime's integration suite on a cgroup v2 kernel, then one more boot for each security module
 * that has to be the kernel's. Exits with the inner runners' code.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deb, debs } from '../support/debs.ts';
import { nodeTestArgs, testFiles } from '../support/node-test.ts';
import { busyboxRootfs, debianRootfs } from '../support/rootfs.ts';
import { projectDir } from '../support/paths.ts';
import { ENDED_BY, readTally, summary, type TallyLine } from '../support/tally.ts';
import { GUEST_SHARE, runInVm, type VmOptions, vmUnavailable } from './vm.ts';

const PATTERNS = ['test/integration/**/*.test.ts', 'src/cgroup/**/*live*.test.ts'];

const beside = (name: string) => new URL(name, import.meta.url).href;

/** A label each, and what the kernel is told. The files are `test/vm/NAME.guest.ts`; they run only in that boot. */
const BOOTS: Readonly<Record<string, string>> = {
  apparmor: 'apparmor=1 security=apparmor',
  selinux: 'selinux=1 security=selinux enforcing=0',
};

/**
 * A program of ours starts in two seconds there. What was compiled once is kept in the guest's memory for the next process,
 * and V8 takes one thread where it would take four for two emulated processors. It interprets only: emulated, it is ended by
 * a signal now and then, in code that it has just written (as in nodejs/node#64500), and its compilers gain nothing there.
 * WebAssembly would be such code, and node's stripping of types is WebAssembly: they are stripped here (load-stripped.mjs).
 */
const QUICK = {
  NODE_COMPILE_CACHE: '/run/compile-cache',
  NODE_OPTIONS: `--v8-pool-size=1 --jitless --import ${beside('load-stripped.mjs')}`,
  KOBAKO_STRIPPED: `${GUEST_SHARE}/stripped`,
  KOBAKO_PATIENCE: '8',
};

/** What load-stripped.mjs gives in the guest: each source at its own path below `folder`. */
function stripSources(folder: string): void {
  for (const file of globSync('{src,test,scripts,bench}/**/*.ts', { cwd: projectDir })) {
    const to = `${folder}${projectDir}/${file}`;
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, stripTypeScriptTypes(readFileSync(`${projectDir}/${file}`, 'utf8')));
  }
}

export interface VmSuiteResult {
  readonly code: number;
  readonly lines: readonly TallyLine[];
}

/** Runs the suite in the virtual machine; `write` gets its report as it comes. `files`: these instead of the whole suite. */
export async function runVmSuite(write: (chunk: Buffer) => void, files?: readonly string[]): Promise<VmSuiteResult> {
  const skipped = (reason: string) => ({ code: 0, lines: [{ file: '', name: 'vm', result: 'skipped', reason } as const] });
  const unavailable = vmUnavailable();
  if (unavailable !== undefined) return skipped(unavailable);
  // What the tests share must be there before: the guest has no network.
  await busyboxRootfs();
  await debianRootfs();
  await debs(['runc', 'crun'], { dependencies: true });
  await debs(['nftables', 'iptables'], { dependencies: true });
  const guestOf = (file: string) => /(\w+)\.guest\.ts$/.exec(file)?.[1] ?? '';
  const all = files ?? [...testFiles(PATTERNS), ...testFiles(['test/vm/*.guest.ts'])];
  const plain = all.filter((file) => guestOf(file) === '');
  if (all.length === 0) return skipped(`no test file matches ${PATTERNS.join(' or ')}`);
  const results = plain.length === 0 ? [] : [await twice('vm', plain, { onOutput: write })];
  for (const [name, kernelParameters] of Object.entries(BOOTS)) {
    const own = all.filter((file) => guestOf(file) === name);
    if (own.length === 0) continue;
    if (name === 'apparmor') await deb('apparmor', { dependencies: true });
    results.push(await twice(`vm ${name}`, own, { onOutput: write, kernelParameters, memoryMb: 1024, timeoutMs: 300_000 }));
  }
  return { code: Math.max(...results.map(({ code }) => code)), lines: results.flatMap(({ lines }) => lines) };
}

/**
 * Files that a signal ended are run once more, and the report says so: it was the emulation each time that we looked. On a
 * real processor nothing is run twice.
 */
async function twice(label: string, files: readonly string[], vm: VmOptions): Promise<VmSuiteResult> {
  const first = await boot(label, files, vm);
  const crashed = first.lines.filter(({ reason }) => reason?.startsWith(ENDED_BY)).map(({ file }) => relative(projectDir, file));
  if (crashed.length === 0) return first;
  vm.onOutput?.(Buffer.from(`\n${label}: once more, for a signal ended them: ${crashed.join(', ')}\n`));
  const again = await boot(label, crashed, vm);
  const lines = [...first.lines.filter(({ file }) => !crashed.includes(relative(projectDir, file))), ...again.lines];
  return { code: lines.some(({ result }) => result === 'failed') ? 1 : again.code, lines };
}

async function boot(label: string, files: readonly string[], vm: VmOptions): Promise<VmSuiteResult> {
  const args = nodeTestArgs(files, { label, concurrency: 2, timeoutMs: 600_000 }, `${GUEST_SHARE}/tally`, beside('reporter.mjs'));
  let lines: TallyLine[] = [];
  const { code } = await runInVm(['bin/node', ...args], {
    timeoutMs: 1_800_000,
    memoryMb: 3072,
    env: QUICK,
    ...vm,
    prepare: (folder) => stripSources(`${folder}/stripped`),
    beforeCleanup: (folder, exitCode) => (lines = readTally(`${folder}/tally`, label, exitCode)),
  });
  return { code, lines };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const chosen = process.argv.slice(2);
  const { code, lines } = await runVmSuite((chunk) => process.stdout.write(chunk), chosen.length > 0 ? chosen : undefined);
  console.log(`\n${summary(lines)}`);
  process.exitCode = code;
}
