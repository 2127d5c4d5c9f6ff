import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { once } from 'node:events';
import { projectDir, projectNode } from './paths.ts';
import { readTally, slowest, type TallyLine, tallyArgs } from './tally.ts';
import { withTemp } from './temp.ts';

export interface NodeTestOptions {
  /** Put before each test's name. */
  readonly label: string;
  /** Files at a time. */
  readonly concurrency: number;
  /** Milliseconds for one test, and for one file. */
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** The test files of these patterns, relative to the project, sorted. */
export function testFiles(patterns: readonly string[]): string[] {
  return [...new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: projectDir })))].toSorted();
}

/** The arguments of `node` for these files. `tally`: where the runner leaves what became of each test, and the reporter (see tallyArgs). */
export function nodeTestArgs(files: readonly string[], options: NodeTestOptions, ...tally: Parameters<typeof tallyArgs>): string[] {
  const limits = [`--test-concurrency=${options.concurrency}`, `--test-timeout=${options.timeoutMs}`];
  return ['--test', ...limits, ...tallyArgs(...tally), ...files];
}

/** Runs test files with node:test, their report on stdout, and says what became of each test. */
export function runNodeTests(files: readonly string[], options: NodeTestOptions): Promise<TallyLine[]> {
  return withTemp(async (folder) => {
    const args = nodeTestArgs(files, options, `${folder}/tally`);
    const runner = spawn(projectNode, args, {
      cwd: projectDir,
      env: options.env ?? process.env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = (await once(runner, 'close')) as [number | null];
    const slow = slowest(`${folder}/tally`);
    if (slow !== '') console.log(`slowest: ${slow}`);
    return readTally(`${folder}/tally`, options.label, code ?? -1);
  });
}
