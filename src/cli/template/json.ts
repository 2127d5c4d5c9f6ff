/** Values as Go's encoding/json writes them. */
import { Float, GoMap, GoSlice, sortedKeys, Struct } from './values.ts';

/** One line; `html` escapes what could end a script, as Go does unless it is told not to. */
export function goJson(value: unknown, { html = false } = {}): string {
  const string = (text: string) => {
    const escaped = JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
    return html ? escaped.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`) : escaped;
  };
  const object = (entries: Readonly<Record<string, unknown>>, keys: readonly string[]) =>
    `{${keys
      .filter((key) => typeof entries[key] !== 'function')
      .map((key) => `${string(key)}:${write(entries[key])}`)
      .join(',')}}`;
  const write = (each: unknown): string => {
    if (typeof each === 'string') return string(each);
    if (typeof each === 'boolean' || typeof each === 'number' || typeof each === 'bigint') return String(each);
    if ((each instanceof GoSlice || each instanceof GoMap) && each.nil) return 'null';
    if (each instanceof Float) return String(each.value);
    if (each instanceof GoSlice || Array.isArray(each)) return `[${(each instanceof GoSlice ? each.items : each).map(write).join(',')}]`;
    if (each instanceof GoMap) return object(each.entries, sortedKeys(each.entries));
    if (each instanceof Struct) return each.options.json?.() ?? write(each.fields());
    // a document keeps its order
    if (typeof each === 'object' && each !== null && Object.getPrototypeOf(each) === Object.prototype)
      return object(each as Record<string, unknown>, Object.keys(each));
    return 'null';
  };
  return write(value);
}
