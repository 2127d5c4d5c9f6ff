/** Runs the command line as a user would, from its launcher. */
import { projectDir } from './paths.ts';
import { run, type RunOptions, type RunResult } from './run.ts';

/** Runs `kobako ARGS` to its end. */
export function kobako(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(`${projectDir}/bin/kobako`, args, options);
}
