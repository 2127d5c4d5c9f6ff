/** docs/compatibility.md: of each endpoint how much was compared, and what differs and why. */
import type { Difference } from './compare.ts';
import { reasonOf } from './expected.ts';

export function reportText(compared: ReadonlyMap<string, number>, differences: readonly Difference[]): string {
  const endpoints = [...compared].map(([endpoint, cases]) => {
    const own = differences.filter((each) => each.endpoint === endpoint);
    return { endpoint, cases, differing: new Set(own.map(({ name }) => name)).size, rows: rowsOf(own) };
  });
  return `${[
    '# Compatibility with Docker 28',
    'Made by `KOBAKO_RECORD=1 bin/node --test test/clients/compat.test.ts`: the same requests to this engine and to a real dockerd 28, answers compared field by field. Ids, times, process ids and the folder of the data are left out of account. What the test does not ask is not claimed.',
    '## Endpoints',
    table(
      ['Endpoint', 'Requests', 'Equal', 'Differ, with a reason'],
      endpoints.map(({ endpoint, cases, differing }) => [`\`${endpoint}\``, String(cases), String(cases - differing), String(differing)]),
    ),
    '## Differences',
    ...endpoints
      .filter(({ rows }) => rows.length > 0)
      .map(({ endpoint, rows }) => `### \`${endpoint}\`\n\n${table(['Where', 'Docker', 'kobako', 'Why'], rows)}`),
  ].join('\n\n')}\n`;
}

const DEPTH = 4;

/** One row for a place and a reason. What the two say stands there where it is always the same, and is not of the machine. */
function rowsOf(differences: readonly Difference[]): string[][] {
  const rows = new Map<string, Difference[]>();
  for (const each of differences) {
    const key = JSON.stringify([placeOf(each), reasonOf(each)]);
    rows.set(key, [...(rows.get(key) ?? []), each]);
  }
  return [...rows.values()].map((all) => {
    const [first] = all as [Difference];
    const names = new Set(all.map(({ name }) => name)).size;
    const same = all.every(({ theirs, ours }) => theirs === first.theirs && ours === first.ours) && !OF_THE_MACHINE.test(reasonOf(first) ?? '');
    return [
      `\`${placeOf(first)}\`${names > 1 ? ` (${names} cases)` : `, ${first.name}`}`,
      same ? cell(first.theirs) : '',
      same ? cell(first.ours) : '',
      reasonOf(first) ?? '**unexpected**',
    ];
  });
}

const OF_THE_MACHINE = /^(another engine|another network namespace|networks come|registries)/;

function placeOf({ path }: Difference): string {
  return path
    .replaceAll(/\/\d+(?=\/|$)/g, '')
    .split('/')
    .slice(0, DEPTH)
    .join('/');
}

function cell(text: string | undefined): string {
  if (text === undefined) return '';
  return `\`${text.length > 100 ? `${text.slice(0, 99)}…` : text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((each) => each.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
