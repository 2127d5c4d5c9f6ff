/** One record of comma-separated fields, as RUN --mount and --device take them (RFC 4180's quoting, no line feeds). */
import { wrong } from './failure.ts';

/** `what` is named in the error: `mounts`, `devices`. */
export function csvFields(text: string, what: string): string[] {
  const fields: string[] = [];
  const bad = (column: number, why: string) => wrong(`failed to parse csv ${what}: parse error on line 1, column ${column}: ${why}`);
  if (text === '') throw wrong(`failed to parse csv ${what}: EOF`);
  for (let at = 0; ; at++) {
    if (text[at] !== '"') {
      const comma = text.indexOf(',', at);
      const field = text.slice(at, comma === -1 ? undefined : comma);
      const quote = field.indexOf('"');
      if (quote !== -1) throw bad(at + quote + 1, 'bare " in non-quoted field');
      fields.push(field);
      if (comma === -1) return fields;
      at = comma;
      continue;
    }
    let field = '';
    for (at++; ; at++) {
      const quote = text.indexOf('"', at);
      if (quote === -1) throw bad(text.length + 1, 'extraneous or missing " in quoted-field');
      field += text.slice(at, quote);
      at = quote + 1;
      if (text[at] !== '"') break;
      field += '"';
    }
    fields.push(field);
    if (at >= text.length) return fields;
    if (text[at] !== ',') throw bad(at, 'extraneous or missing " in quoted-field');
  }
}
