/** Builds native/fuzz/fuzz-plan.c: the C validator as a program, with the sanitizers. */
import { join } from 'node:path';
import { projectDir } from './paths.ts';
import { run } from './run.ts';

/** Compiles it into a folder and returns its path, or a reason why this machine cannot. */
export async function buildPlanChecker(folder: string): Promise<{ path: string } | { skip: string }> {
  const cc = process.env.CC ?? 'cc';
  if ((await run(cc, ['--version']).catch(() => undefined))?.code !== 0) return { skip: `no C compiler (${cc})` };
  const path = join(folder, 'fuzz-plan');
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const empty = await run(cc, [...sanitize, '-x', 'c', '-', '-o', path], { input: 'int main(void) { return 0; }' });
  if (empty.code !== 0 || (await run(path)).code !== 0) return { skip: `${cc} has no address and undefined sanitizers` };
  const native = join(projectDir, 'native');
  const sources = [join(native, 'fuzz/fuzz-plan.c'), join(native, 'plan.c')];
  const made = await run(cc, ['-std=gnu11', '-g', '-O1', '-Wall', '-Wextra', '-Werror', ...sanitize, '-I', native, ...sources, '-o', path]);
  if (made.code !== 0) throw new Error(`fuzz-plan does not compile:\n${made.stderr}`);
  return { path };
}
