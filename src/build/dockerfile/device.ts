/** The value of RUN's --device: a CDI device's name. */
import { parseBool } from '../../base/parse-bool.ts';
import type { RunDevice } from './ast.ts';
import { csvFields } from './csv.ts';
import { wrong } from './failure.ts';
import { withSuggestion } from './suggest.ts';
import { cut } from './text.ts';

/** Throws `invalid` in BuildKit's words. */
export function parseDevice(text: string): RunDevice {
  let name = '';
  let required = false;
  for (const field of csvFields(text, 'devices')) {
    const [key, value] = cut(field, '=') ?? [field, undefined];
    const lower = key.toLowerCase();
    if (lower === 'required') {
      const on = value === undefined ? true : parseBool(value);
      if (on === undefined) throw wrong(`invalid value for ${lower}: ${value}`);
      required = on;
    } else if (lower === 'name' && value !== undefined) {
      if (name !== '') throw wrong(`device name already set to ${name}`);
      name = value;
    } else if (name === '') name = field;
    else if (value === undefined) throw wrong(`invalid field '${field}' must be a key=value pair`);
    else throw wrong(withSuggestion(`unexpected key '${lower}' in '${field}'`, lower, ['name', 'required']));
  }
  return { name, required };
}
