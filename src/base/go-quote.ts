/** Strings as Go writes them: messages and templates of Docker's have them so. */

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};
/** What Go takes for printable. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** As strconv.Quote, and %q; with `ascii` all else is escaped. */
export function goQuote(text: string, ascii = false): string {
  const body = [...text].map((each) => {
    const code = each.codePointAt(0)!;
    if (Object.hasOwn(ESCAPES, each)) return ESCAPES[each];
    if (PRINTABLE.test(each) && (!ascii || code < 0x80)) return each;
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
  });
  return `"${body.join('')}"`;
}
