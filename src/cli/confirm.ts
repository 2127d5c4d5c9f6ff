/** Questions to whoever sits at the terminal. */
import type { CliContext } from './context.ts';

type Input = Pick<CliContext, 'stdin'>;

/** Asks on the terminal; anything but a yes is a no. */
export async function confirmed(context: CliContext, warning: string): Promise<boolean> {
  context.stdout.write(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  return /^y(es)?\s*$/i.test(await readLine(context));
}

/** What is typed up to the end of the line. */
export async function readLine(context: Input): Promise<string> {
  let answer = '';
  for await (const text of typed(context)) {
    answer += text;
    if (answer.includes('\n')) break;
  }
  return answer.split('\n')[0] ?? '';
}

/** What is typed, as it comes. Whoever stops reading leaves the input to the next, and lets this program end without it. */
export async function* typed({ stdin }: Input): AsyncGenerator<string, void, undefined> {
  stdin.ref?.();
  try {
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) yield String(chunk);
  } finally {
    stdin.pause();
    stdin.unref?.();
  }
}
