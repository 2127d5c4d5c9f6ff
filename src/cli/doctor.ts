/** system doctor: what of this machine is in the way of containers, and what mends it. */
import { invalid } from '../base/errors.ts';
import { placesOf } from '../base/places.ts';
import { diagnose } from '../engine/doctor.ts';
import { say, type Command } from './context.ts';
import { DOCTOR_FLAGS } from './container-flags.ts';
import { parseFlags } from './flags.ts';
import { tabulate } from './table.ts';

const MARKS = { ok: 'ok', warning: 'warning', problem: 'PROBLEM' } as const;

/** Gives 1 when there is a problem. */
export const doctor: Command = async (args, context) => {
  const flags = parseFlags(DOCTOR_FLAGS, args, { interspersed: true });
  const format = flags.value('format') ?? 'table';
  if (format !== 'table' && format !== 'json') throw invalid(`invalid format ${JSON.stringify(format)}: it is table or json`);
  const { env } = context;
  const { stateDir, dataRoot } = placesOf({ stateDir: flags.value('exec-root'), dataRoot: flags.value('data-root') }, env);
  const found = diagnose({ dataRoot, stateDir });
  if (format === 'json') say(context, JSON.stringify(found, null, 4));
  else {
    const rows = found.map(({ name, status, detail }) => [name, MARKS[status], detail]);
    say(context, tabulate([['CHECK', 'STATUS', 'DETAIL'], ...rows].map((row) => row.join('\t')).join('\n')));
    for (const { name, mend } of found) if (mend !== '') say(context, `\n${name}: ${mend}`);
  }
  return found.some(({ status }) => status === 'problem') ? 1 : 0;
};
