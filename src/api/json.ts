/** JSON in and out, with Docker's rules for bodies. */
import { invalid } from '../base/errors.ts';
import { explainSyntax } from './json-syntax.ts';

/** The longest document that a request may bring. */
export const MAX_DOCUMENT = 4 * 1024 * 1024;

/** Throws `invalid` unless a body of this type may be JSON; `empty` when there is none. */
export function checkJsonType(type: string | undefined, empty: boolean): void {
  if (type === 'application/json' || ((type ?? '') === '' && empty)) return;
  const [media, ...parameters] = (type ?? '').split(';').map((part) => part.trim());
  if (media === '') throw invalid(`malformed Content-Type header (${type ?? ''}): mime: no media type`);
  if (parameters.some((part, at) => !/^[^\s=]+=\S+$/.test(part) && (part !== '' || at < parameters.length - 1)))
    throw invalid(`malformed Content-Type header (${type}): mime: invalid media parameter`);
  if (media!.toLowerCase() !== 'application/json') throw invalid(`unsupported Content-Type header (${type}): must be 'application/json'`);
}

/** Reads a document. Throws `invalid` with Docker's words. */
export function parseJson(text: string): unknown {
  if (text.trim() === '') throw invalid('invalid JSON: got EOF while reading request body');
  try {
    return JSON.parse(text);
  } catch (error) {
    const trailing = error instanceof Error && error.message.includes('after JSON at position');
    throw invalid(trailing ? 'unexpected content after JSON' : `invalid JSON: ${explainSyntax(text)}`);
  }
}

const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };

/** A document as text, without a newline. A bigint becomes the number that it is. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (!(error instanceof TypeError) || !error.message.includes('BigInt')) throw error;
    return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? (rawJSON?.(String(each)) ?? Number(each)) : each));
  }
}
