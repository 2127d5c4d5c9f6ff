/** `--format`, of lists and of documents. */
import type { Flag } from './flags.ts';
import { value } from './run-flags.ts';

export const FORMAT_FLAG: Flag = {
  ...value(
    'format',
    `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`,
  ),
  complete: ['table', 'json'],
};

export const DOCUMENT_FORMAT_FLAG: Flag = {
  ...value(
    'format',
    `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`,
    'string',
    'f',
  ),
  complete: ['json'],
};
