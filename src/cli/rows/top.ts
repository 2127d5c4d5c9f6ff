/** `docker top`. */
import { tabulate } from '../table.ts';

/** The whole output. */
export function formatTop({ Titles, Processes }: { readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }): string {
  return tabulate(`${[Titles, ...Processes].map((cells) => cells.join('\t')).join('\n')}\n`, { minWidth: 20, padding: 3 });
}
