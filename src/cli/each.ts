/** Commands that do one thing with each container that is named. */
import { invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import { say, type CliContext, type EngineNeed } from './context.ts';

/** Says each name, or what `act` gives, when it is done. The exit code is 1 when one failed. */
export async function each(
  command: string,
  names: readonly string[],
  context: CliContext,
  act: (engine: Engine, name: string) => Promise<string | void>,
  need: EngineNeed = {},
): Promise<number> {
  if (names.length === 0) throw invalid(`"kobako ${command}" requires at least 1 argument`);
  const engine = await context.engine(need);
  let code = 0;
  for (const name of names) {
    try {
      say(context, (await act(engine, name)) ?? name);
    } catch (error) {
      context.stderr.write(`Error response from daemon: ${(error as Error).message}\n`);
      code = 1;
    }
  }
  return code;
}
