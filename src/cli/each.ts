/** Commands that do one thing with each container that is named. */
import { invalid } from '../base/errors.ts';
import type { Engine } from '../engine/contract.ts';
import { engineSays, say, type CliContext, type EngineNeed } from './context.ts';

export interface EachOptions {
  readonly need?: EngineNeed;
  readonly excused?: (error: unknown) => boolean;
  readonly failed?: (names: readonly string[]) => string;
}

/**
 * Says each name, or what `act` gives, when it is done. The exit code is 1 when one failed, but for those that `excused`
 * takes; `failed` says more of the others.
 */
export async function each(
  command: string,
  names: readonly string[],
  context: CliContext,
  act: (engine: Engine, name: string) => Promise<string | void>,
  { need = {}, excused = () => false, failed }: EachOptions = {},
): Promise<number> {
  if (names.length === 0) throw invalid(`"kobako ${command}" requires at least 1 argument`);
  const engine = await context.engine(need);
  const failures: string[] = [];
  for (const name of names) {
    try {
      say(context, (await act(engine, name)) ?? name);
    } catch (error) {
      context.stderr.write(`${engineSays(error)}\n`);
      if (!excused(error)) failures.push(name);
    }
  }
  if (failures.length > 0 && failed !== undefined) context.stderr.write(`${failed(failures)}\n`);
  return failures.length > 0 ? 1 : 0;
}
