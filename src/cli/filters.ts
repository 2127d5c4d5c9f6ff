import { invalid } from '../base/errors.ts';

/** `key=value` texts as the engine takes them. Throws `invalid`. */
export function filters(texts: readonly string[]): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0) throw invalid(`invalid filter '${text}': the format is <key>=<value>`);
    const key = text.slice(0, equals).trim();
    (out[key] ??= []).push(text.slice(equals + 1).trim());
  }
  return out;
}
