import type { CliContext } from './context.ts';

/** Asks on the terminal; anything but a yes is a no. */
export async function confirmed(context: CliContext, warning: string): Promise<boolean> {
  context.stdout.write(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `);
  return /^y(es)?\s*$/i.test(await readLine(context));
}

/** What is typed up to the end of the line. */
export async function readLine({ stdin }: Pick<CliContext, 'stdin'>): Promise<string> {
  let answer = '';
  for await (const chunk of stdin) {
    answer += String(chunk);
    if (answer.includes('\n')) break;
  }
  return answer.split('\n')[0] ?? '';
}
