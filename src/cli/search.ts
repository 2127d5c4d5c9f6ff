import { invalid } from '../base/errors.ts';
import { SEARCH_FLAGS } from './container-flags.ts';
import type { Command } from './context.ts';
import { filters } from './filters.ts';
import { parseFlags } from './flags.ts';
import { formatList, row } from './format.ts';
import { ellipsis } from './width.ts';
import { integer } from './units.ts';

const HEADINGS = { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' };
const TABLE = 'table {{.Name}}\\t{{.Description}}\\t{{.StarCount}}\\t{{.IsOfficial}}';

/** `kobako search [FLAGS] TERM` */
export const search: Command = async (args, context) => {
  const flags = parseFlags(SEARCH_FLAGS, args, { interspersed: true });
  const [term] = flags.rest;
  if (term === undefined || flags.rest.length > 1) throw invalid('"kobako search" requires exactly 1 argument');
  const limit = flags.read('limit', (text) => integer(text, 'limit')) || undefined;
  const { images } = await context.engine();
  const found = await images.search(term, { limit, filters: filters(flags) });
  const rows = found.map((hit) =>
    row('*registry.searchContext', {
      Name: () => hit.name,
      Description: () => (flags.on('no-trunc') ? hit.description : ellipsis(hit.description.replaceAll(/[\r\n]/g, ' '), 45)),
      StarCount: () => String(hit.stars),
      IsOfficial: () => (hit.official ? '[OK]' : ''),
      IsAutomated: () => '',
    }),
  );
  const format = flags.value('format') || 'table';
  context.stdout.write(formatList(format === 'table' ? TABLE : format, rows, HEADINGS));
  return 0;
};
